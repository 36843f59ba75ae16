//! A pair: two target groups that change places.

use serde::Serialize;

use crate::seen::side::Side;

/// Two groups that change places, by ARN; `first` sorts before `second`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pair {
    /// One group's ARN.
    pub first: String,
    /// The other group's ARN.
    pub second: String,
}

impl Pair {
    /// The pair of two groups, in either order.
    #[must_use]
    pub fn new(one: &str, other: &str) -> Self {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        Self { first: first.to_owned(), second: second.to_owned() }
    }

    /// Whether `group` is one of the two.
    #[must_use]
    pub fn holds(&self, group: &str) -> bool {
        self.first == group || self.second == group
    }

    /// The ARN of one of the two.
    #[must_use]
    pub fn arn(&self, side: Side) -> &str {
        match side {
            Side::First => &self.first,
            Side::Second => &self.second,
        }
    }

    /// Which of the two `group` is.
    #[must_use]
    pub fn side(&self, group: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.arn(*side) == group)
    }

    /// The one that is not `group`.
    #[must_use]
    pub fn other(&self, group: &str) -> &str {
        if self.first == group { &self.second } else { &self.first }
    }
}
