//! The journal and the fence: tags on both groups of a pair that survive the process that wrote them.
//!
//! - `bluegreen:flip` = `v1 ID PROMOTED RETIRED TIME`: the flip that was made last, or is being made; with `ID@over` the
//!   way back of a delivery, with `ID@kept` a request that found its group live and ended a flip to the other one; or `-`.
//! - `bluegreen:past` = `DIGEST.GROUP …`: who asked before and for which group, the last fourteen, newest first.
//! - `bluegreen:build` = `v1 EXECUTION IMAGE TIME`, or `-`: the fence; this group is being rebuilt.
//!
//! A tag value holds at most 256 letters, digits, spaces and `+ - = . _ : / @` (Elastic Load Balancing, AddTags).
//! Groups are written as `name/hash`, the tail of their ARN. What does not parse counts as absent: a person may
//! have edited it, and no tag may keep a flip from being made.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::seen::topology::{TargetGroup, arn_tail};

/// Tag key of the journal.
pub const FLIP: &str = "bluegreen:flip";
/// Tag key of the earlier flip ids.
pub const PAST: &str = "bluegreen:past";
/// Tag key of the fence.
pub const BUILD: &str = "bluegreen:build";
/// The fence's value where there is none.
pub const NO_FENCE: &str = "-";
/// How many earlier ids are remembered, in so many digits each that a tag value holds them.
const REMEMBERED: usize = 14;
const ID_DIGITS: usize = 10;
const GROUP_DIGITS: usize = 6;
/// How the id of a way back ends.
const OVER: &str = "@over";
/// How the id of a request ends that kept its group live.
const KEPT: &str = "@kept";
/// The most characters an execution or a flip id may have, so that the journal fits a tag value.
pub const MAX_ID: usize = 100;

/// Whether `text` may stand in a tag as one word.
#[must_use]
pub fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-=._:/@".contains(c))
}

/// Whether `text` can name a pipeline execution: a word, short enough for a tag, and no ending that has a meaning here.
#[must_use]
pub fn is_execution(text: &str) -> bool {
    is_word(text) && text.len() <= MAX_ID && !text.ends_with(OVER) && !text.ends_with(KEPT)
}

/// What makes two deliveries the same flip.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlipId(String);

impl FlipId {
    /// From `Execution`, or else from the job's or the request's id. The names of `PromoteTo` take part, since one
    /// execution may flip there and back again.
    #[must_use]
    pub fn new(origin: &str, promote_to: &[String]) -> Self {
        if promote_to.is_empty() {
            return Self(origin.to_owned());
        }
        let mut names = promote_to.to_vec();
        names.sort_unstable();
        Self(format!("{origin}@{}", digest(&names.join(",")).get(..8).unwrap_or_default()))
    }

    /// The id under which a job (or a request) is remembered as over without a flip: refused, or taken back. Bound to
    /// the delivery, not to the execution, so that a late copy of the event does nothing while a Retry is free to flip.
    #[must_use]
    pub fn over(delivery: &str) -> Self {
        Self(format!("{delivery}{OVER}"))
    }

    /// Whether it is a flip of this pipeline execution, whatever its `PromoteTo` named.
    #[must_use]
    pub fn is_of(&self, execution: &str) -> bool {
        let named = |rest: &str| rest.len() == 9 && rest.starts_with('@') && rest.chars().skip(1).all(|c| c.is_ascii_hexdigit());
        self.0.strip_prefix(execution).is_some_and(|rest| rest.is_empty() || named(rest))
    }

    /// The id under which a request stands in the journal that found its group live and ended a flip to the other one of
    /// which nothing tells that it was made: that flip may still be on its way.
    #[must_use]
    pub fn kept(&self) -> Self {
        Self(format!("{self}{KEPT}"))
    }

    /// Whether this is the id of a request that kept its group live.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.0.ends_with(KEPT)
    }

    /// Whether this is the id of a way back.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.ends_with(OVER)
    }

    /// The id as it stands in the journal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digest(&self) -> String {
        digest(&self.0)
    }
}

impl fmt::Display for FlipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first hexadecimal digits of the SHA-256: ids of one pipeline often share a long beginning.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(ID_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

/// The journal of one pair: which flip was made last, or is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Whose flip it is.
    pub id: FlipId,
    /// The group that becomes live, as `name/hash`.
    pub promoted: String,
    /// The group that stops being live, as `name/hash`.
    pub retired: String,
    /// When it was planned.
    pub time: Timestamp,
}

impl Flip {
    /// Reads a `bluegreen:flip` tag; none where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let [version, id, promoted, retired, time] = words(text)?;
        (version == "v1").then_some(())?;
        Some(Self {
            id: FlipId(id.to_owned()),
            promoted: promoted.to_owned(),
            retired: retired.to_owned(),
            time: time.parse().ok()?,
        })
    }

    /// Whether the group with this ARN is one of the two.
    #[must_use]
    pub fn names(&self, arn: &str) -> bool {
        self.promotes(arn) || arn_tail(arn) == self.retired
    }

    /// Whether the group with this ARN is the promoted one.
    #[must_use]
    pub fn promotes(&self, arn: &str) -> bool {
        arn_tail(arn) == self.promoted
    }
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1 {} {} {} {}", self.id, self.promoted, self.retired, self.time)
    }
}

/// A fence: the group is being rebuilt by a pipeline execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The execution that rebuilds it.
    pub execution: String,
    /// The image tag that it brings.
    pub image: String,
    /// Since when.
    pub time: Timestamp,
}

impl Fence {
    /// Reads a `bluegreen:build` tag; none where it is `-` or not a fence.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let [version, execution, image, time] = words(text)?;
        (version == "v1").then_some(())?;
        Some(Self { execution: execution.to_owned(), image: image.to_owned(), time: time.parse().ok()? })
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1 {} {} {}", self.execution, self.image, self.time)
    }
}

fn words<const N: usize>(text: &str) -> Option<[&str; N]> {
    let words: Vec<&str> = text.split(' ').collect();
    words.iter().all(|word| is_word(word)).then_some(())?;
    words.try_into().ok()
}

/// Who asked earlier, and for which group: newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past(Vec<(String, String)>);

impl Past {
    /// Reads a `bluegreen:past` tag; entries that do not parse are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let entries = text.split(' ').filter_map(|word| word.split_once('.'));
        let hex = |text: &str, length| text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit());
        let entries = entries.filter(|(id, group)| hex(id, ID_DIGITS) && hex(group, GROUP_DIGITS));
        Self(entries.take(REMEMBERED).map(|(id, group)| (id.to_owned(), group.to_owned())).collect())
    }

    /// This with one more at its head, each id once, the oldest dropped.
    #[must_use]
    pub fn with(&self, id: &FlipId, promoted: &str) -> Self {
        let (id, group) = (id.digest(), group_mark(promoted));
        let rest = self.0.iter().filter(|(known, _)| *known != id).cloned();
        Self(std::iter::once((id.clone(), group)).chain(rest).take(REMEMBERED).collect())
    }

    /// This with the flip at its head that ends now. A request that kept its group is here already.
    #[must_use]
    pub fn ended(&self, flip: &Flip) -> Self {
        if flip.id.is_kept() { self.clone() } else { self.with(&flip.id, &flip.promoted) }
    }

    /// This without one id.
    #[must_use]
    pub fn without(&self, id: &FlipId) -> Self {
        let id = id.digest();
        Self(self.0.iter().filter(|(known, _)| *known != id).cloned().collect())
    }

    /// The mark of the group that `id` asked for, where it is remembered.
    #[must_use]
    pub fn find(&self, id: &FlipId) -> Option<&str> {
        let id = id.digest();
        self.0.iter().find(|(known, _)| *known == id).map(|(_, group)| group.as_str())
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<String> = self.0.iter().map(|(id, group)| format!("{id}.{group}")).collect();
        f.write_str(&entries.join(" "))
    }
}

/// The hexadecimal digits that stand for a group, by the tail of its ARN.
#[must_use]
pub fn group_mark(tail: &str) -> String {
    digest(tail).get(..GROUP_DIGITS).unwrap_or_default().to_owned()
}

/// What the tags of one group say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The journal.
    pub flip: Option<Flip>,
    /// The earlier ids.
    pub past: Past,
    /// The fence.
    pub fence: Option<Fence>,
}

impl Marks {
    /// Reads a group's tags.
    #[must_use]
    pub fn of(group: &TargetGroup) -> Self {
        Self::parse(&group.tags)
    }

    /// Reads tags.
    #[must_use]
    pub fn parse(tags: &BTreeMap<String, String>) -> Self {
        let tag = |key: &str| tags.get(key).map_or("", String::as_str);
        Self { flip: Flip::parse(tag(FLIP)), past: Past::parse(tag(PAST)), fence: Fence::parse(tag(BUILD)) }
    }

    /// What the tags of a pair say together: the newer journal with its past. Both groups get the same tags in one
    /// call, but a call that died halfway, or a person, may have left them apart.
    #[must_use]
    pub fn of_pair(one: &TargetGroup, other: &TargetGroup) -> Self {
        let order = |marks: &Self| marks.flip.as_ref().map(|flip| (flip.time, flip.id.clone()));
        let (one, other) = (Self::of(one), Self::of(other));
        let (mut newer, older) = if order(&one) >= order(&other) { (one, other) } else { (other, one) };
        newer.flip = newer.flip.or(older.flip);
        if newer.past.is_empty() {
            newer.past = older.past;
        }
        newer.fence = None; // a fence belongs to one group
        newer
    }
}
