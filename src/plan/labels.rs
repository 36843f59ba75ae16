//! Bringing labels in line with what is really there: `IsProduction` with the listeners, `Image` with what ECS runs,
//! and the end of a fence whose build did not stay. Labels decide nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::Write;
use crate::asked::parameters::is_image_tag;
use crate::release::fence::{BUILD, Fence, NO_FENCE};
use crate::seen::group::{IMAGE, IS_PRODUCTION};
use crate::seen::pair::Pair;
use crate::seen::side::Side;
use crate::seen::survey::Survey;
use crate::seen::topology::Topology;

/// What ECS says of the service behind a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// `cluster/service`.
    pub service: String,
    /// The whole image of the container that the group serves.
    pub image: String,
    /// The image's tag; none where it is pinned by digest alone.
    pub tag: Option<String>,
    /// When its deployment began, where it is the only one and is completed; none while one is under way.
    pub settled: Option<Timestamp>,
    /// The groups that the service registers into.
    #[serde(skip)]
    pub groups: BTreeSet<String>,
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
    let mut writes = Vec::new();
    for arn in [&pair.first, &pair.second] {
        if let Some(live) = survey.is_live(pair, arn) {
            writes.extend(label(topology, arn, IS_PRODUCTION, if live { "true" } else { "false" }));
        }
        let Some(running) = running.get(arn) else { continue };
        if let (Some(tag), Some(_)) = (running.tag.as_deref().filter(|tag| is_image_tag(tag)), running.settled) {
            writes.extend(label(topology, arn, IMAGE, tag));
        }
        if build_is_gone(topology, arn, running, execution) {
            writes.extend(label(topology, arn, BUILD, NO_FENCE));
        }
    }
    writes
}

/// The labels that say which group of a pair is live, where they do not yet.
pub(crate) fn is_production(topology: &Topology, pair: &Pair, live: Side) -> [Option<Write>; 2] {
    let of = |side: Side| label(topology, pair.arn(side), IS_PRODUCTION, if side == live { "true" } else { "false" });
    [live, live.other()].map(of)
}

/// The write that puts one tag on a group, where it is not there yet.
fn label(topology: &Topology, group: &str, key: &str, value: &str) -> Option<Write> {
    let there = topology.group(group)?.tags.get(key).map(String::as_str) == Some(value);
    (!there).then(|| Write::tag(group, topology.short(group), key, value))
}

/// Whether the build that a fence announces came and went: a deployment began after the fence, is completed, and runs
/// another image. Without a deployment after the fence the build may still be on its way. And where the check is part of
/// a pipeline execution, that deployment may be its own, or its own that ECS took back: then another execution's build
/// is still on its way, and its fence stays.
fn build_is_gone(topology: &Topology, arn: &str, running: &Running, execution: Option<&str>) -> bool {
    let fence = topology.group(arn).and_then(Fence::of);
    fence.is_some_and(|fence| {
        execution.is_none_or(|execution| execution == fence.execution)
            && running.tag.as_ref() != Some(&fence.image)
            && running.settled.is_some_and(|since| since > fence.time)
    })
}
