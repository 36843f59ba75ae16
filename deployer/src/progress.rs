//! How far the flip of a pair has come, beside what its rules say. Pure.

use blue_green::release::id::FlipId;
use blue_green::release::journal::Journal;
use blue_green::release::record::{Flip, Phase};
use blue_green::release::view::says;
use blue_green::seen::pair::Pair;
use blue_green::seen::side::Side;
use blue_green::seen::survey::Survey;
use blue_green::seen::topology::Topology;
use blue_green::seen::twins::PortRule;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// From when on a flip in progress is one that nobody goes on with: CodePipeline gives an action up after 20 minutes.
const STUCK: SignedDuration = SignedDuration::from_mins(20);

/// How far a flip has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was made, and the rules are so.
    Made,
    /// It is being made, or taken back.
    InProgress,
    /// It was begun and taken back, and the rules are so.
    Undone,
    /// The rules were changed since, and not by a flip.
    Edited,
}

/// The flip of a pair, beside the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whose flip it is.
    pub id: FlipId,
    /// What its record says.
    pub flip: Flip,
    /// Which group it promotes.
    pub on: Side,
    /// When its record was written.
    pub time: Timestamp,
    /// The ARN of the group that it makes live.
    pub promoted: String,
    /// The ARN of the group that stops being live.
    pub retired: String,
    /// How far it has come.
    pub state: State,
    /// The rules that are as it would make them, for a person.
    pub moved: Vec<String>,
    /// The other ones.
    pub left: Vec<String>,
}

impl Progress {
    /// Of the flip of a pair, where it has one.
    #[must_use]
    pub fn of(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<Self> {
        let (on, flip) = Journal::of_pair(topology, pair).newest()?;
        let (promoted, retired) = (pair.arn(on), pair.arn(on.other()));
        let rules = survey.twins_of(pair).flat_map(|twin| [(&twin.live, promoted), (&twin.test, retired)]);
        let (moved, left): (Vec<_>, Vec<_>) = rules.partition(|(rule, wanted)| rule.forward.serves_only(wanted));
        let as_recorded = survey.serves(pair, pair.arn(says(on, &flip)));
        let state = match (flip.in_progress(), as_recorded, flip.phase) {
            (true, _, _) => State::InProgress,
            (false, false, _) => State::Edited,
            (false, true, Phase::Done) => State::Made,
            (false, true, _) => State::Undone,
        };
        let described = |rules: Vec<(&PortRule<'_>, &str)>| rules.into_iter().map(|(rule, _)| rule.describe()).collect();
        let (promoted, retired) = (promoted.to_owned(), retired.to_owned());
        let (moved, left) = (described(moved), described(left));
        Some(Self { id: flip.id.clone(), time: flip.time, promoted, retired, state, moved, left, flip, on })
    }

    /// Of a flip that is in progress.
    #[must_use]
    pub fn open(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<Self> {
        Self::of(topology, survey, pair).filter(|progress| progress.state == State::InProgress)
    }

    /// Whether nobody goes on with it any more, by its age.
    #[must_use]
    pub fn is_stuck(&self, now: Timestamp) -> bool {
        self.state == State::InProgress && now.duration_since(self.time) > STUCK
    }

    /// What is in progress, and who goes on: a sentence without its full stop.
    #[must_use]
    pub fn sentence(&self, topology: &Topology) -> String {
        let name = |arn: &str| topology.group(arn).map_or_else(|| arn.to_owned(), |group| group.name.clone());
        let what = if self.flip.phase == Phase::Undoing { "is being undone" } else { "is in progress" };
        let list = |rules: &[String]| if rules.is_empty() { "none".to_owned() } else { rules.join(" and ") };
        format!(
            "flip {} ({} instead of {}, since {}) {what}: moved: {}; not moved: {}. The next delivery of its event goes on; if none \
             comes, press Retry, or close it with `deployer close-flip`",
            self.id,
            name(&self.promoted),
            name(&self.retired),
            self.time,
            list(&self.moved),
            list(&self.left),
        )
    }
}
