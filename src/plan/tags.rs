//! The tags that a plan writes: the journal before anything moves, the labels at the end.

use std::collections::BTreeMap;

use jiff::{Timestamp, Unit};

use crate::plan::Write;
use crate::release::guard::{is_undone, pair_of};
use crate::release::intent::{Promotion, Standing, journalled, marks, standing};
use crate::release::journal::{BUILD, FLIP, Flip, FlipId, Marks, NO_FENCE, PAST, Past};
use crate::seen::pairs::Pair;
use crate::seen::topology::{IS_PRODUCTION, TargetGroup, Topology, arn_tail};
use crate::seen::twins::Survey;

/// How many groups one AddTags call names. Its limit is not documented; DescribeTags takes as many.
const TAGGED_AT_ONCE: usize = 20;

/// In whose name a promotion is journalled.
pub(crate) struct Author<'a> {
    /// The flip id.
    pub id: &'a FlipId,
    /// The flip that this one undoes: it is forgotten, so that a Retry may make it again.
    pub instead_of: Option<&'a FlipId>,
    /// The time of the plan.
    pub now: Timestamp,
}

/// The journal's writes: the flip, where rules are to move and it is not there yet on both groups; or only the id
/// among the earlier ones, where there is nothing to do, so that a late copy of this request can never undo a flip
/// that comes after it. Where there is nothing to do because an earlier flip to the other group was undone or never
/// came to move a rule, that one joins the earlier ids too: what is asked for now counts.
pub(crate) fn journal(
    topology: &Topology,
    survey: &Survey<'_>,
    promotion: &Promotion,
    author: &Author<'_>,
    moved: Moved,
) -> Vec<Write> {
    let Author { id, instead_of, now } = author;
    let Some(pair) = pair_of(survey, promotion) else { return Vec::new() };
    let seen = marks(topology, pair);
    let written = |arn: &String| topology.group(arn).and_then(|group| Marks::of(group).flip).is_some_and(|flip| flip.id == **id);
    let standing = standing(topology, pair, id);
    // The fence that this flip was allowed through ends here, and no other: a call on its way longer than expected must
    // not end one that was set meanwhile, and another execution's build is still on its way to the retired group.
    let ends = |arn: &&String| {
        let fence = topology.group(arn).and_then(|group| Marks::of(group).fence);
        fence.is_some_and(|fence| id.is_of(&fence.execution) || (moved.live && **arn == promotion.promoted))
    };
    let fenced = [&promotion.promoted, &promotion.retired].into_iter().filter(ends).map(String::as_str);
    let mut writes = match moved.any || standing == Standing::Current {
        true => label(topology, &fenced.collect::<Vec<_>>(), BUILD, NO_FENCE),
        false => Vec::new(),
    };
    if !moved.any {
        let opposite = seen.flip.as_ref().filter(|flip| flip.id != **id && flip.promotes(&promotion.retired));
        let undone = is_undone(topology, survey, &promotion.back());
        match opposite {
            Some(flip) if standing == Standing::New || undone => {
                writes.push(tag_both(topology, promotion, &close(promotion, author, flip, &seen.past, undone)));
            }
            _ => writes.extend(remember(topology, survey, promotion, id, &promotion.promoted)),
        }
        return writes;
    }
    if written(&pair.first) && written(&pair.second) {
        return writes;
    }
    let past = match &seen.flip {
        Some(earlier) if earlier.id != **id => seen.past.ended(earlier),
        _ => seen.past,
    };
    let past = instead_of.iter().fold(past.without(id), |past, undone| past.without(undone)).to_string();
    let mut tags = vec![(FLIP, entry(promotion, (*id).clone(), *now)), (PAST, past)];
    // A label that already says that the promoted group is live would make this flip look like one that was made and
    // undone by hand, if the process died now: it goes in the same call.
    if moved.live && topology.group(&promotion.promoted).and_then(|group| group.tag(IS_PRODUCTION)) == Some("true") {
        tags.push((IS_PRODUCTION, "false".to_owned()));
    }
    writes.push(tag_both(topology, promotion, &tags));
    writes
}

/// Which rules of a promotion are written.
#[derive(Clone, Copy)]
pub(crate) struct Moved {
    /// Any at all.
    pub any: bool,
    /// Live ones.
    pub live: bool,
}

/// A promotion as it stands in the journal.
fn entry(promotion: &Promotion, id: FlipId, now: Timestamp) -> String {
    let flip = Flip {
        id,
        promoted: arn_tail(&promotion.promoted).to_owned(),
        retired: arn_tail(&promotion.retired).to_owned(),
        time: now.round(Unit::Millisecond).unwrap_or(now),
    };
    flip.to_string()
}

/// Ends the journal of a flip to the other group: it joins the earlier ids, unless it is to be forgotten, and so does who
/// asks now. Where nothing tells that it was made and undone, it may still be on its way: then the journal says what
/// is asked for now, for whoever finds the rules apart.
fn close(promotion: &Promotion, author: &Author<'_>, flip: &Flip, past: &Past, undone: bool) -> [(&'static str, String); 2] {
    let Author { id, instead_of, now } = author;
    let past = if *instead_of == Some(&flip.id) { past.clone() } else { past.ended(flip) };
    let over = undone || instead_of.is_some();
    let journal = if over { NO_FENCE.to_owned() } else { entry(promotion, id.kept(), *now) };
    [(FLIP, journal), (PAST, past.with(id, arn_tail(&promotion.promoted)).to_string())]
}

/// Ends the journal of a flip that was made and undone by hand since, before the labels that tell it are changed.
#[must_use]
pub fn close_undone(topology: &Topology, survey: &Survey<'_>, pair: &Pair) -> Option<Write> {
    let (flip, promotion) = journalled(topology, pair)?;
    let past = marks(topology, pair).past.ended(&flip).to_string();
    is_undone(topology, survey, &promotion).then(|| tag_both(topology, &promotion, &[(FLIP, NO_FENCE.to_owned()), (PAST, past)]))
}

/// Puts an id among a pair's earlier ones, with the group it stands for.
pub(crate) fn remember(
    topology: &Topology,
    survey: &Survey<'_>,
    promotion: &Promotion,
    id: &FlipId,
    group: &str,
) -> Option<Write> {
    let pair = pair_of(survey, promotion)?;
    if standing(topology, pair, id) != Standing::New {
        return None;
    }
    let past = marks(topology, pair).past.with(id, arn_tail(group));
    Some(tag_both(topology, promotion, &[(PAST, past.to_string())]))
}

fn tag_both(topology: &Topology, promotion: &Promotion, tags: &[(&str, String)]) -> Write {
    Write::Tag {
        groups: vec![promotion.promoted.clone(), promotion.retired.clone()],
        called: format!("{} and {}", topology.short(&promotion.promoted), topology.short(&promotion.retired)),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
    }
}

/// The labels that tell which groups are live: one write for all that become live, one for the others.
pub(crate) fn is_production(topology: &Topology, promotions: &[Promotion], journal: &[Write]) -> Vec<Write> {
    let promoted: Vec<&str> = promotions.iter().map(|promotion| promotion.promoted.as_str()).collect();
    let retired: Vec<&str> = promotions.iter().map(|promotion| promotion.retired.as_str()).collect();
    let unlabelled = |group: &TargetGroup| {
        journal.iter().any(|write| matches!(write, Write::Tag { groups, tags, .. } if tags.contains_key(IS_PRODUCTION) && groups.contains(&group.arn)))
    };
    let live = put(topology, &promoted, IS_PRODUCTION, "true", |group| unlabelled(group) || lacks(group, IS_PRODUCTION, "true"));
    [live, label(topology, &retired, IS_PRODUCTION, "false")].concat()
}

/// The writes that put one tag on groups, on those where it is not there yet.
#[must_use]
pub fn label(topology: &Topology, groups: &[&str], key: &str, value: &str) -> Vec<Write> {
    put(topology, groups, key, value, |group| lacks(group, key, value))
}

fn lacks(group: &TargetGroup, key: &str, value: &str) -> bool {
    group.tags.get(key).map(String::as_str) != Some(value)
}

fn put(topology: &Topology, groups: &[&str], key: &str, value: &str, wants: impl Fn(&TargetGroup) -> bool) -> Vec<Write> {
    let wanting: Vec<&TargetGroup> = groups.iter().filter_map(|arn| topology.group(arn)).filter(|group| wants(group)).collect();
    let write = |groups: &[&TargetGroup]| Write::Tag {
        groups: groups.iter().map(|group| group.arn.clone()).collect(),
        called: groups.iter().map(|group| topology.short(&group.arn)).collect::<Vec<_>>().join(", "),
        tags: BTreeMap::from([(key.to_owned(), value.to_owned())]),
    };
    wanting.chunks(TAGGED_AT_ONCE).map(write).collect()
}
