//! The records of flips: tags on the target group that a request promotes. Each request has tag keys of its own, so that
//! writers of different requests never erase each other's (tags know no compare-and-set).
//!
//! - a **flip**: `bluegreen:flip.DIGEST.GENERATION` = `v1 FLIP-ID JOB PHASE PARTNER TIME`
//! - a **closed job**: `bluegreen:job.DIGEST.S` (made, or nothing to do) or `.F` (not made) =
//!   `v1 FLIP-ID JOB-ID GENERATION REASON TIME`
//!
//! A tag key has at most 127 characters, a value 255, of letters, digits, spaces and `+ - = . _ : / @` (ELB user guide,
//! "Tags"). Groups are written as `name/hash`, the tail of their ARN. What does not parse counts as absent.

use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, Unit};

use super::id::{Digest, FlipId, MAX_JOB};
use crate::asked::words::is_word;

/// How every tag key of this project begins.
pub const NAMESPACE: &str = "bluegreen:";
const FLIP: &str = "bluegreen:flip.";
const JOB: &str = "bluegreen:job.";
/// The highest generation that is read: far more flips than a pair ever has, and no overflow for whoever adds one.
const HIGHEST: u64 = 1_000_000_000_000;

/// How far a flip has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Acknowledged before the first rule is written.
    Moving,
    /// Every rule is moved.
    Done,
    /// Acknowledged before the first rule is set back.
    Undoing,
    /// Every rule is set back.
    Undone,
}

/// How a job ended. Success and failure are two records; where both exist, success counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not made.
    Failed,
    /// Made, or nothing to do.
    Succeeded,
}

/// Why a job ended as it did, so that a later copy of it can be answered the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The flip was made.
    Made,
    /// The group was live already.
    NoOp,
    /// The guard refused it.
    Refused,
    /// A later flip came after it.
    Outdated,
    /// It was begun and taken back.
    Undone,
    /// It was made, and the rules were changed by other means since.
    Edited,
    /// The rules changed while it was being made.
    Conflict,
    /// The load balancer's set-up does not allow it.
    Setup,
}

impl Reason {
    /// Whether a job that is closed for this succeeded.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        if matches!(self, Self::Made | Self::NoOp) { Verdict::Succeeded } else { Verdict::Failed }
    }
}

/// The words of an enum in a record.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}

words!(Phase { Moving => "moving", Done => "done", Undoing => "undoing", Undone => "undone" });
words!(Verdict { Failed => "F", Succeeded => "S" });
words!(Reason {
    Made => "made",
    NoOp => "no-op",
    Refused => "refused",
    Outdated => "outdated",
    Undone => "undone",
    Edited => "edited",
    Conflict => "conflict",
    Setup => "setup",
});

/// A flip, as its record says it. The group it promotes is the one that carries the record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flip {
    /// Whose flip it is.
    pub id: FlipId,
    /// A logical clock: one more than the highest of the pair when it was planned.
    pub generation: u64,
    /// The job that took it over.
    pub job: Digest,
    /// How far it has come.
    pub phase: Phase,
    /// The group that stops being live, as `name/hash`.
    pub partner: String,
    /// When this was written. For display and for waiting, nothing else.
    pub time: Timestamp,
}

impl Flip {
    /// Whether it is neither made nor undone.
    #[must_use]
    pub fn in_progress(&self) -> bool {
        matches!(self.phase, Phase::Moving | Phase::Undoing)
    }
}

/// A job that was answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Closing {
    /// Whose job it was.
    pub flip: FlipId,
    /// The job, as tag keys and flips name it.
    pub job: Digest,
    /// The job's id, or its digest again where whoever closed it knew no more.
    pub called: String,
    /// How it ended.
    pub verdict: Verdict,
    /// The highest generation of the pair when it was closed.
    pub generation: u64,
    /// Why.
    pub reason: Reason,
    /// When it was closed. For display and for waiting, nothing else.
    pub time: Timestamp,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Record {
    /// A flip.
    Flip(Flip),
    /// A job that was answered.
    Closing(Closing),
}

impl Record {
    /// Whether a tag key is a record's.
    #[must_use]
    pub fn is_key(key: &str) -> bool {
        key.starts_with(FLIP) || key.starts_with(JOB)
    }

    /// The tag's key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Flip(flip) => format!("{FLIP}{}.{}", flip.id.digest(), flip.generation),
            Self::Closing(closing) => format!("{JOB}{}.{}", closing.job, closing.verdict),
        }
    }

    /// The tag's value.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Flip(Flip { id, job, phase, partner, time, .. }) => {
                format!("v1 {id} {job} {phase} {partner} {}", stamp(*time))
            }
            Self::Closing(Closing { flip, called, generation, reason, time, .. }) => {
                format!("v1 {flip} {called} {generation} {reason} {}", stamp(*time))
            }
        }
    }

    /// Reads a tag; none where it is not a record, or not one that this version wrote.
    #[must_use]
    pub fn parse(key: &str, value: &str) -> Option<Self> {
        if let Some(rest) = key.strip_prefix(FLIP) {
            let (digest, generation) = rest.split_once('.')?;
            let [id, job, phase, partner, time] = versioned(value)?;
            let (id, generation) = (FlipId::parse(id)?, parse_generation(generation)?);
            let known = Digest::parse(digest)? == id.digest();
            return known.then_some(Self::Flip(Flip {
                id,
                generation,
                job: Digest::parse(job)?,
                phase: phase.parse().ok()?,
                partner: partner.to_owned(),
                time: time.parse().ok()?,
            }));
        }
        let (digest, verdict) = key.strip_prefix(JOB)?.split_once('.')?;
        let [flip, called, generation, reason, time] = versioned(value)?;
        let job = Digest::parse(digest)?;
        let known = called.len() <= MAX_JOB && (job == Digest::of(called) || digest == called);
        known.then_some(Self::Closing(Closing {
            flip: FlipId::parse(flip)?,
            job,
            called: called.to_owned(),
            verdict: verdict.parse().ok()?,
            generation: parse_generation(generation)?,
            reason: reason.parse().ok()?,
            time: time.parse().ok()?,
        }))
    }

    /// When it was written.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Flip(flip) => flip.time,
            Self::Closing(closing) => closing.time,
        }
    }
}

/// A time as it stands in a tag.
#[must_use]
pub fn stamp(time: Timestamp) -> Timestamp {
    time.round(Unit::Millisecond).unwrap_or(time)
}

fn parse_generation(text: &str) -> Option<u64> {
    text.parse().ok().filter(|generation| *generation <= HIGHEST)
}

/// The words of a value of this version, behind `v1`.
fn versioned<const N: usize>(value: &str) -> Option<[&str; N]> {
    let words: Vec<&str> = value.strip_prefix("v1 ")?.split(' ').collect();
    words.iter().all(|word| is_word(word)).then_some(())?;
    words.try_into().ok()
}
