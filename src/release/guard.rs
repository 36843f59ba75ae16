//! The guard: what keeps a flip from being made although it was asked for properly. A refusal changes nothing.

use serde::Serialize;
use thiserror::Error;

use crate::asked::parameters::Parameters;
use crate::release::intent::{Promotion, Standing, journalled, standing};
use crate::release::journal::{FlipId, Marks};
use crate::seen::topology::{IS_PRODUCTION, TargetGroup, Topology};
use crate::seen::twins::{Pair, Survey, Twin};

/// Why a flip is refused, with its numbers. CodePipeline gets JobFailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Error)]
pub enum Blocked {
    /// The promoted group has no healthy target.
    #[error("{group} has no healthy target ({registered} registered{}); at least {required} must be healthy before it may take the traffic. Look at its service's events and health check, then approve again", listed(.states))]
    NoHealthyTarget {
        /// The promoted group.
        group: String,
        /// How many targets it has.
        registered: usize,
        /// How many must be healthy.
        required: usize,
        /// The states its targets are in, with their numbers.
        states: Vec<String>,
    },
    /// The promoted group is too small for the traffic.
    #[error(
        "{group} has too few healthy targets: {promoted}, where {required} are required ({percent} % of the {retired} that serve now). Scale its service up, or lower MinCapacity, then approve again"
    )]
    TooSmall {
        /// The promoted group.
        group: String,
        /// Its healthy targets.
        promoted: usize,
        /// The retired group's healthy targets.
        retired: usize,
        /// How many are required.
        required: usize,
        /// The percentage that was asked for.
        percent: u8,
    },
    /// The promoted group does not run the image that was approved.
    #[error("{group} runs {}, but PromoteImage asks for {wanted}. {}", .found.as_deref().unwrap_or("an image that no Image tag tells"), other_image(.found))]
    WrongImage {
        /// The promoted group.
        group: String,
        /// The image tag it runs, where its tag tells.
        found: Option<String>,
        /// The image tag that was asked for.
        wanted: String,
    },
    /// Another execution is rebuilding the promoted group.
    #[error("{group} is being rebuilt with image {image} by execution {by} since {since}: the version that was there is gone from that side. {}", fenced(.asked_by, by, image))]
    Fenced {
        /// The promoted group.
        group: String,
        /// The execution that rebuilds it.
        by: String,
        /// The image that it brings.
        image: String,
        /// Since when.
        since: String,
        /// The execution that asked for the flip, where it said so.
        asked_by: Option<String>,
    },
    /// This flip was made, or given up, and another one came after it.
    #[error("flip {id} is over: {by}. A late copy of an old request changes nothing; start a new execution for a new flip")]
    Superseded {
        /// This flip.
        id: String,
        /// What came after it: which flip, when, and which group it made live.
        by: String,
    },
    /// An earlier delivery of this very job ended it without a flip.
    #[error(
        "job {job} is over: an earlier delivery refused it or took it back, and {live} is live. A copy of its event changes nothing; press Retry or approve again for a new flip"
    )]
    Over {
        /// The job's or the request's id.
        job: String,
        /// The group that is live.
        live: String,
    },
    /// This flip was made, and somebody put the listeners back by hand since.
    #[error(
        "flip {id} was made, and rules were put back by other means since: {live}. A copy of its event, or a Retry, changes nothing; start a new execution, or name the group with PromoteTo"
    )]
    Undone {
        /// The flip.
        id: String,
        /// What is live now: a sentence.
        live: String,
    },
    /// A rule shares its traffic between groups, or gives none of them any.
    #[error(
        "{rule} shares its traffic: {weights}; expected one group with all of it. Where somebody is shifting traffic by weight, finish that first: 100 for one group, 0 for the others"
    )]
    Mixed {
        /// The rule.
        rule: String,
        /// Each group's weight.
        weights: String,
    },
}

impl Blocked {
    /// Whether the reason is the promoted group's: it must not have the traffic, not even the part that a flip which
    /// died halfway gave it already.
    #[must_use]
    pub fn is_of_promoted(&self) -> bool {
        match self {
            Self::NoHealthyTarget { .. } | Self::TooSmall { .. } | Self::WrongImage { .. } | Self::Fenced { .. } => true,
            Self::Superseded { .. } | Self::Over { .. } | Self::Undone { .. } | Self::Mixed { .. } => false,
        }
    }
}

fn other_image(found: &Option<String>) -> &'static str {
    match found {
        Some(_) => "Another build went to the test side meanwhile: release that image again, or approve the new one",
        None => {
            "Set the group's Image tag to the image tag that it runs, or its Service tag and run a check, which reads it from ECS"
        }
    }
}

fn listed(states: &[String]) -> String {
    if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) }
}

fn fenced(asked_by: &Option<String>, by: &str, image: &str) -> String {
    match asked_by {
        Some(_) => format!(
            "To release {image}, approve execution {by}; to go back to an earlier image, release that image again; if {by} will never finish, \
             run `deployer unfence`"
        ),
        None => format!(
            "If this is execution {by}, pass \"Execution\":\"#{{codepipeline.PipelineExecutionId}}\" in UserParameters; otherwise release the \
             wanted image again, or run `deployer unfence` if {by} will never finish"
        ),
    }
}

/// How many healthy targets the promoted group needs: a percentage of the retired one's, rounded up, at least one.
#[must_use]
pub fn required(retired_healthy: usize, percent: u8) -> usize {
    (retired_healthy * usize::from(percent)).div_ceil(100).max(1)
}

/// The twins of a promotion's pair.
pub(crate) fn twins_of<'s, 'a>(survey: &'s Survey<'a>, promotion: &Promotion) -> Vec<&'s Twin<'a>> {
    pair_of(survey, promotion).into_iter().flat_map(|pair| survey.twins_of(pair)).collect()
}

/// Refuses a promotion, or lets it pass.
///
/// `Force` passes over health and capacity, nothing else. Health is asked only where live traffic would move.
///
/// # Errors
/// The first reason to refuse.
pub fn guard(
    topology: &Topology,
    survey: &Survey<'_>,
    promotion: &Promotion,
    asked: &Parameters,
    id: &FlipId,
) -> Result<(), Blocked> {
    let twins = twins_of(survey, promotion);
    let live = twins.iter().all(|twin| twin.live.forward.serves_only(&promotion.promoted));
    if let Some(group) = topology.group(&promotion.promoted) {
        superseded(topology, survey, promotion, id, live)?;
        mixed(topology, &twins, promotion)?;
        image(group, asked)?;
        if !live {
            fence(group, asked)?;
            if !asked.force {
                capacity(group, topology.group(&promotion.retired), asked.min_capacity)?;
            }
        }
    }
    Ok(())
}

fn superseded(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion, id: &FlipId, live: bool) -> Result<(), Blocked> {
    let Some(pair) = pair_of(survey, promotion) else { return Ok(()) };
    let wanted = match standing(topology, pair, id) {
        Standing::New => return Ok(()),
        Standing::Current => return undone(topology, survey, promotion, id),
        Standing::Earlier { promoted } => promoted,
    };
    // What it asked for is what is there: nothing to do, and so nothing to refuse.
    if live && wanted.as_deref() == Some(promotion.promoted.as_str()) {
        return Ok(());
    }
    // A flip to the group that this one wanted does not stand against it: somebody moved the rules by hand.
    let after = journalled(topology, pair).filter(|(_, after)| wanted.as_deref() != Some(after.promoted.as_str()));
    let by = after.map_or_else(
        || "the rules were changed by other means since".to_owned(),
        |(flip, Promotion { promoted, .. })| {
            let (made, who) = if flip.id.is_kept() { ("kept", "request") } else { ("made", "flip") };
            format!("{who} {} came after it, at {}, and {made} {} live", flip.id, flip.time, topology.describe(&promoted))
        },
    );
    Err(Blocked::Superseded { id: id.to_string(), by })
}

/// Whether the labels, which are written last, say that a promotion was made.
#[must_use]
pub fn is_made(topology: &Topology, promotion: &Promotion) -> bool {
    let label = |arn: &str| topology.group(arn).and_then(|group| group.tag(IS_PRODUCTION));
    label(&promotion.promoted) == Some("true") && label(&promotion.retired) == Some("false")
}

/// Whether a flip was made and somebody put the rules back since: the labels, which are written last, say that it was
/// made, and every live rule says that it was not.
#[must_use]
pub fn is_undone(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion) -> bool {
    is_made(topology, promotion)
        && twins_of(survey, promotion).iter().all(|twin| twin.live.forward.serves_only(&promotion.retired))
}

/// Whether a flip was made and somebody put some of its live rules back since, or all of them.
#[must_use]
pub fn is_put_back(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion) -> bool {
    is_made(topology, promotion)
        && twins_of(survey, promotion).iter().any(|twin| twin.live.forward.serves_only(&promotion.retired))
}

/// A late copy of the event must not undo what a person did by hand.
fn undone(topology: &Topology, survey: &Survey<'_>, promotion: &Promotion, id: &FlipId) -> Result<(), Blocked> {
    if !is_put_back(topology, survey, promotion) {
        return Ok(());
    }
    let (promoted, retired) = (topology.describe(&promotion.promoted), topology.describe(&promotion.retired));
    let live = match is_undone(topology, survey, promotion) {
        true => format!("{retired} is live"),
        false => format!("some live rules serve {retired}, others {promoted}"),
    };
    Err(Blocked::Undone { id: id.to_string(), live })
}

/// Whether a flip that its own request left unfinished may be finished for it: the group is not being rebuilt, and has
/// a healthy target, where the other one has any.
#[must_use]
pub fn may_be_finished(topology: &Topology, promotion: &Promotion) -> bool {
    let (promoted, retired) = (topology.group(&promotion.promoted), topology.group(&promotion.retired));
    let healthy = |group: Option<&TargetGroup>| group.is_some_and(|group| group.healthy() > 0);
    promoted.is_some_and(|group| Marks::of(group).fence.is_none()) && (healthy(promoted) || !healthy(retired))
}

fn mixed(topology: &Topology, twins: &[&Twin<'_>], promotion: &Promotion) -> Result<(), Blocked> {
    for side in twins.iter().flat_map(|twin| [twin.live, twin.test]) {
        if ![&promotion.promoted, &promotion.retired].into_iter().any(|group| side.forward.serves_only(group)) {
            return Err(Blocked::Mixed { rule: side.describe(), weights: topology.weights(side.forward) });
        }
    }
    Ok(())
}

fn image(group: &TargetGroup, asked: &Parameters) -> Result<(), Blocked> {
    match &asked.promote_image {
        Some(wanted) if group.image() != Some(wanted) => {
            Err(Blocked::WrongImage { group: group.describe(), found: group.image().map(str::to_owned), wanted: wanted.clone() })
        }
        _ => Ok(()),
    }
}

fn fence(group: &TargetGroup, asked: &Parameters) -> Result<(), Blocked> {
    match Marks::of(group).fence {
        Some(fence) if asked.execution.as_ref() != Some(&fence.execution) => Err(Blocked::Fenced {
            group: group.describe(),
            by: fence.execution,
            image: fence.image,
            since: fence.time.to_string(),
            asked_by: asked.execution.clone(),
        }),
        _ => Ok(()),
    }
}

fn capacity(promoted: &TargetGroup, retired: Option<&TargetGroup>, percent: u8) -> Result<(), Blocked> {
    let retired = retired.map_or(0, TargetGroup::healthy);
    let required = required(retired, percent);
    let healthy = promoted.healthy();
    if healthy == 0 {
        return Err(Blocked::NoHealthyTarget {
            group: promoted.describe(),
            registered: promoted.registered(),
            required,
            states: count_states(promoted),
        });
    }
    if healthy < required {
        return Err(Blocked::TooSmall { group: promoted.describe(), promoted: healthy, retired, required, percent });
    }
    Ok(())
}

fn count_states(group: &TargetGroup) -> Vec<String> {
    let mut states: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for target in &group.targets {
        let state = target.reason.as_ref().map_or_else(|| target.state.clone(), |reason| format!("{} ({reason})", target.state));
        *states.entry(state).or_default() += 1;
    }
    states.into_iter().map(|(state, number)| format!("{number} {state}")).collect()
}

/// The pair that holds a promotion's groups.
#[must_use]
pub fn pair_of<'s>(survey: &'s Survey<'_>, promotion: &Promotion) -> Option<&'s Pair> {
    survey.pairs.keys().find(|pair| pair.holds(&promotion.promoted))
}
