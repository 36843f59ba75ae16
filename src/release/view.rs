//! What the table needs to know of one pair: its records, whom its rules serve, and what the guard says of each group.

use super::fence::Fence;
use super::journal::Journal;
use super::record::{Flip, Phase};
use super::refusal::Refusal;
use crate::seen::setup_error::SetupError;
use crate::seen::side::{Both, Side};

/// One rule of a pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// The ARN by which it is written.
    pub arn: String,
    /// Whether it is on a live port.
    pub live: bool,
    /// The group that gets all of its traffic; none where it shares it, or where a group of no pair of ours has some.
    pub serves: Option<Side>,
    /// Whether clients may stay bound to the other group although this one has all the weight.
    pub bound: bool,
}

impl Rule {
    /// The group it is to serve where `live` is live.
    #[must_use]
    pub fn wanted(&self, live: Side) -> Side {
        if self.live { live } else { live.other() }
    }
}

/// One pair as it was seen.
#[derive(Clone, Debug)]
pub struct View {
    /// The records.
    pub journal: Journal,
    /// The rules, those of the live ports first.
    pub rules: Vec<Rule>,
    /// Whether each group has the healthy targets that are asked for.
    pub capacity: Both<Result<(), Refusal>>,
    /// What is wrong with each group's companions.
    pub companions: Both<Vec<Refusal>>,
    /// Whether each group runs the image that is asked for.
    pub image: Both<Result<(), Refusal>>,
    /// The fence around each group.
    pub fences: Both<Option<Fence>>,
    /// How each fence is refused.
    pub fenced: Both<Option<Refusal>>,
    /// What keeps every rule of the pair from being written.
    pub setup: Option<SetupError>,
    /// How rules that share their traffic are refused, where there are any.
    pub shared: Option<Refusal>,
    /// How it is refused that nothing says which group is meant, where the request does not either.
    pub unclear: Refusal,
    /// Whether each group has room for the records of a flip.
    pub room: Both<Result<(), Refusal>>,
}

impl View {
    /// Whether every rule serves what it is to serve where `live` is live.
    #[must_use]
    pub fn serves(&self, live: Side) -> bool {
        self.rules.iter().all(|rule| rule.serves == Some(rule.wanted(live)))
    }

    /// Whether no rule has to be written so that `live` is live.
    #[must_use]
    pub fn is_settled(&self, live: Side) -> bool {
        self.serves(live) && self.rules.iter().all(|rule| !rule.bound)
    }

    /// Whether a rule of ours serves the wrong group. A rule that shares its traffic is not ours to set.
    #[must_use]
    pub fn differs(&self, live: Side) -> bool {
        self.rules.iter().any(|rule| rule.serves == Some(rule.wanted(live).other()))
    }

    /// The group that every rule says is live, where they all agree.
    #[must_use]
    pub fn live(&self) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.serves(*side))
    }

    /// Whether every live rule serves this group.
    #[must_use]
    pub fn is_live(&self, side: Side) -> bool {
        self.rules.iter().filter(|rule| rule.live).all(|rule| rule.serves == Some(side))
    }

    /// Why no live rule may be moved to a group for a flip of `execution`: every reason. A fence of the flip's own
    /// execution, or of one whose flip was made on this group, counts as none.
    #[must_use]
    pub fn refusals(&self, to: Side, is_own: impl Fn(&str) -> bool) -> Vec<Refusal> {
        if self.is_live(to) {
            return Vec::new();
        }
        let fit = self.capacity[to].clone().err().into_iter().chain(self.companions[to].clone());
        self.fence(to, is_own).into_iter().chain(fit).collect()
    }

    /// How a fence around a group is refused, where another execution's counts.
    #[must_use]
    pub fn fence(&self, around: Side, is_own: impl Fn(&str) -> bool) -> Option<Refusal> {
        let fence = self.fences[around].as_ref()?;
        let counts = !is_own(&fence.execution) && !self.journal.made_by(&fence.execution, around);
        self.fenced[around].clone().filter(|_| counts)
    }
}

/// The group that is live where every rule is as a flip says: the promoted one while it is moving or done, else its partner.
#[must_use]
pub fn says(promoted: Side, flip: &Flip) -> Side {
    match flip.phase {
        Phase::Moving | Phase::Done => promoted,
        Phase::Undoing | Phase::Undone => promoted.other(),
    }
}
