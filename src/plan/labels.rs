//! Bringing labels in line with what is really there: `IsProduction` with the listeners, `Image` with what ECS runs,
//! and the end of a fence whose build did not stay.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::asked::parameters::is_image_tag;
use crate::plan::Write;
use crate::plan::tags::{close_undone, label};
use crate::release::journal::{BUILD, Marks, NO_FENCE};
use crate::seen::topology::{IMAGE, IS_PRODUCTION, Topology};
use crate::seen::twins::{Pair, Survey};

/// What ECS says of the service behind a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// `cluster/service`.
    pub service: String,
    /// The whole image of the container that the group serves.
    pub image: String,
    /// The image's tag; none where it is pinned by digest alone.
    pub tag: Option<String>,
    /// When the PRIMARY deployment began, where it is the only one and is completed; none while one is under way.
    pub settled: Option<Timestamp>,
}

/// The writes that bring the labels of a pair in line; empty where they are. Nothing here moves traffic. `execution` is
/// the pipeline execution that checks, where it says so.
#[must_use]
pub fn in_line(
    topology: &Topology,
    survey: &Survey<'_>,
    pair: &Pair,
    running: &BTreeMap<String, Running>,
    execution: Option<&str>,
) -> Vec<Write> {
    // The labels are what tells that a flip was undone by hand. Its journal ends first; the labels follow with the next
    // check or flip, since two calls side by side may die apart.
    if let Some(close) = close_undone(topology, survey, pair) {
        return vec![close];
    }
    let mut writes = Vec::new();
    for arn in [&pair.first, &pair.second] {
        if let Some(live) = is_live(survey, pair, arn) {
            writes.extend(label(topology, &[arn], IS_PRODUCTION, if live { "true" } else { "false" }));
        }
        let Some(running) = running.get(arn) else { continue };
        if let (Some(tag), Some(_)) = (running.tag.as_deref().filter(|tag| is_image_tag(tag)), running.settled) {
            writes.extend(label(topology, &[arn], IMAGE, tag));
        }
        if build_is_gone(topology, arn, running, execution) {
            writes.extend(label(topology, &[arn], BUILD, NO_FENCE));
        }
    }
    writes
}

/// Whether every live rule of the pair serves the group; none where the rules disagree.
#[must_use]
pub fn is_live(survey: &Survey<'_>, pair: &Pair, arn: &str) -> Option<bool> {
    let serves: Vec<bool> = survey.twins_of(pair).map(|twin| twin.live.forward.serves_only(arn)).collect();
    let first = *serves.first()?;
    serves.iter().all(|serves| *serves == first).then_some(first)
}

/// Whether the build that a fence announces came and went: a deployment began after the fence, is completed, and runs
/// another image. Without a deployment after the fence the build may still be on its way. And where the check is part of
/// a pipeline execution, that deployment may be its own, or its own that ECS took back: then another execution's build
/// is still on its way, and its fence stays.
fn build_is_gone(topology: &Topology, arn: &str, running: &Running, execution: Option<&str>) -> bool {
    let fence = topology.group(arn).and_then(|group| Marks::of(group).fence);
    fence.is_some_and(|fence| {
        execution.is_none_or(|execution| execution == fence.execution)
            && running.tag.as_ref() != Some(&fence.image)
            && running.settled.is_some_and(|since| since > fence.time)
    })
}
