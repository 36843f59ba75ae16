//! How far the flip that a pair's journal names has come. Pure.

use blue_green::release::guard::is_put_back;
use blue_green::release::intent::{Promotion, journalled, marks};
use blue_green::release::journal::{FlipId, Past};
use blue_green::seen::topology::Topology;
use blue_green::seen::twins::{Pair, Side, Survey};
use jiff::Timestamp;
use serde::Serialize;

use crate::mend;

/// How far a flip has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every rule is as the flip wants it.
    Done,
    /// Some rules are, the others are as they were before.
    HalfDone,
    /// No rule is.
    Begun,
    /// Not every rule is any more: the labels, which are written last, say that it was made.
    Undone,
    /// A rule shares its traffic, so that somebody else is at work.
    Mixed,
}

/// The flip that a pair's journal names, beside the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whose flip it is.
    pub id: FlipId,
    /// When it was planned.
    pub time: Timestamp,
    /// The ARN of the group that becomes live.
    pub promoted: String,
    /// The ARN of the group that stops being live.
    pub retired: String,
    /// How far it has come.
    pub state: State,
    /// The rules that are as it wants them, for a person.
    pub moved: Vec<String>,
    /// The other ones.
    pub left: Vec<String>,
    /// The earlier flips of the pair.
    past: Past,
}

impl Progress {
    /// Of the flip that the journal of a pair names, where it names one.
    #[must_use]
    pub fn of(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<Self> {
        // A request that kept its group live is no flip.
        let (flip, promotion) = journalled(topology, pair).filter(|(flip, _)| !flip.id.is_kept())?;
        let (promoted, retired) = (promotion.promoted.as_str(), promotion.retired.as_str());
        let sides = survey.twins_of(pair).flat_map(|twin| [(&twin.live, promoted, retired), (&twin.test, retired, promoted)]);
        let (moved, left): (Vec<_>, Vec<_>) = sides.partition(|(side, after, _)| side.forward.serves_only(after));
        let state = match (moved.is_empty(), left.iter().all(|(side, _, before)| side.forward.serves_only(before))) {
            _ if left.is_empty() => State::Done,
            _ if is_put_back(topology, survey, &promotion) => State::Undone,
            (_, false) => State::Mixed,
            (false, true) => State::HalfDone,
            (true, true) => State::Begun,
        };
        let told = |sides: Vec<(&Side<'_>, &str, &str)>| sides.into_iter().map(|(side, ..)| side.describe()).collect();
        let (moved, left) = (told(moved), told(left));
        let past = marks(topology, pair).past;
        let Promotion { promoted, retired, .. } = promotion;
        Some(Self { id: flip.id, time: flip.time, promoted, retired, state, moved, left, past })
    }

    /// Of a flip that somebody left half-done.
    #[must_use]
    pub fn half_done(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<Self> {
        Self::of(topology, survey, pair).filter(|progress| progress.state == State::HalfDone)
    }

    /// The command that ends it where it is over, however far it came.
    #[must_use]
    pub fn end(&self) -> String {
        mend::end(&self.promoted, &self.retired, &self.id, &self.past)
    }

    /// What is half-done, and who goes on: a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self, topology: &Topology) -> String {
        let name = |arn: &str| topology.group(arn).map_or_else(|| arn.to_owned(), |group| group.name.clone());
        let (what, next) = match self.id.is_over() {
            true => ("the way back", "if none comes, approve again: that makes the flip anew"),
            false => ("flip", "if none comes, Retry that job or approve again"),
        };
        format!(
            "{what} {} ({} instead of {}, since {}) is half-done: moved: {}; not moved yet: {}. Lambda's redelivery finishes it; {next}",
            self.id,
            name(&self.promoted),
            name(&self.retired),
            self.time,
            self.moved.join(" and "),
            self.left.join(" and "),
        )
    }
}
