//! Whose turn it is among weighted groups.

use std::sync::Mutex;

use super::group::lock;

/// Shares requests out by weights, smoothly: each group gets exactly its share of every `total weight` requests in a row,
/// spread over them. ALB promises shares and no order; drawn by lot, a test of them would fail now and then.
#[derive(Default)]
pub(super) struct Turns {
    /// How far each group is ahead of its share (above 0: due), in the order of the weights.
    due: Mutex<Vec<i64>>,
}

impl Turns {
    /// The index of the group that takes the next request; none where all weights are 0. Callers give the same weights every time.
    pub fn next(&self, weights: &[u32]) -> Option<usize> {
        let total: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
        let mut due = lock(&self.due);
        due.resize(weights.len(), 0);
        for (due, weight) in due.iter_mut().zip(weights) {
            *due += i64::from(*weight);
        }
        // The first of several that are due alike.
        let chosen = (0..weights.len()).rev().max_by_key(|index| due[*index]).filter(|_| total > 0)?;
        due[chosen] -= total;
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;

    fn turns(weights: &[u32], count: usize) -> Vec<usize> {
        let turns = Turns::default();
        (0..count).map_while(|_| turns.next(weights)).collect()
    }

    #[test]
    fn every_group_gets_its_share_spread_over_the_requests() {
        assert_eq!(turns(&[3, 1], 8), [0, 0, 1, 0, 0, 0, 1, 0]);
        assert_eq!(turns(&[1, 1, 2], 4), [2, 0, 1, 2]);
        let many = turns(&[75, 25], 400);
        assert_eq!(many.iter().filter(|group| **group == 1).count(), 100);
    }

    #[test]
    fn a_weight_of_0_gets_nothing() {
        assert_eq!(turns(&[0, 5], 3), [1, 1, 1]);
        assert!(turns(&[0, 0], 3).is_empty());
        assert!(turns(&[], 3).is_empty());
    }
}
