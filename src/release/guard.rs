//! The guard: whether a group may take the traffic.

use std::collections::BTreeMap;

use super::fence::Fence;
use super::refusal::Refusal;
use crate::asked::parameters::Parameters;
use crate::seen::companion::{self, COMPANIONS};
use crate::seen::group::TargetGroup;
use crate::seen::topology::Topology;

/// How many healthy targets the promoted group needs: a percentage of the retired one's, rounded up, at least one.
#[must_use]
pub fn required(retired_healthy: usize, percent: u8) -> usize {
    (retired_healthy * usize::from(percent)).div_ceil(100).max(1)
}

/// Whether a group has enough healthy targets beside the one that serves now. `Force` passes over that.
///
/// # Errors
/// The [`Refusal`] with its numbers.
pub fn capacity(promoted: &TargetGroup, retired: &TargetGroup, asked: &Parameters) -> Result<(), Refusal> {
    let (healthy, serving) = (promoted.healthy(), retired.healthy());
    let required = required(serving, asked.min_capacity);
    if asked.force || healthy >= required {
        return Ok(());
    }
    Err(match healthy {
        0 => Refusal::NoHealthyTarget {
            group: promoted.describe(),
            registered: promoted.registered(),
            required,
            states: count_states(promoted),
        },
        _ => Refusal::TooSmall {
            group: promoted.describe(),
            promoted: healthy,
            retired: serving,
            required,
            percent: asked.min_capacity,
        },
    })
}

/// What is wrong with the companions that a group names. `Force` passes over their health, not over a tag that cannot be read.
#[must_use]
pub fn companions(topology: &Topology, group: &TargetGroup, asked: &Parameters) -> Vec<Refusal> {
    let named = match companion::named(group) {
        Ok(named) if asked.force || named.is_empty() => return Vec::new(),
        Ok(named) => named.into_iter().map(companion::called),
        Err(word) => {
            let tag = group.tag(COMPANIONS).unwrap_or_default().to_owned();
            return vec![Refusal::CompanionsTag { group: group.describe(), tag, word: word.to_owned() }];
        }
    };
    let faulty = named.filter_map(|companion| {
        let found = match topology.companions.get(&companion) {
            Some(seen) => seen.fault()?,
            None => "was not looked at".to_owned(),
        };
        Some(Refusal::Companion { group: group.describe(), companion, found })
    });
    faulty.collect()
}

/// Whether a group runs the image that is asked for, by its tag.
///
/// # Errors
/// The [`Refusal`] with both image tags.
pub fn image(group: &TargetGroup, asked: &Parameters) -> Result<(), Refusal> {
    match &asked.promote_image {
        Some(wanted) if group.image() != Some(wanted) => {
            Err(Refusal::WrongImage { group: group.describe(), found: group.image().map(str::to_owned), wanted: wanted.clone() })
        }
        _ => Ok(()),
    }
}

/// How a fence is refused that is not the asking execution's.
#[must_use]
pub fn fenced(group: &TargetGroup, fence: Fence, asked: &Parameters) -> Refusal {
    Refusal::Fenced {
        group: group.describe(),
        by: fence.execution,
        image: fence.image,
        since: fence.time.to_string(),
        asked_by: asked.execution.clone(),
    }
}

fn count_states(group: &TargetGroup) -> Vec<String> {
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for target in &group.targets {
        let state = target.reason.as_ref().map_or_else(|| target.state.clone(), |reason| format!("{} ({reason})", target.state));
        *states.entry(state).or_default() += 1;
    }
    states.into_iter().map(|(state, number)| format!("{number} {state}")).collect()
}
