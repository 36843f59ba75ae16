//! A check: what a flip would do, for the approver to read. Writes labels only.

use std::collections::BTreeMap;

use blue_green::plan::labels::{self, Running};
use blue_green::plan::{Refusal, Write, plan};
use blue_green::release::intent::Promotion;
use blue_green::release::journal::{BUILD, FLIP};
use blue_green::report::{self, Report};
use blue_green::seen::topology::Topology;
use blue_green::seen::twins::survey;
use futures::future::try_join_all;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::request::{Reading, Request};

/// Brings the labels in line with what runs, then plans a flip without applying it.
///
/// # Errors
/// A [`Failure`]: a refusal is what the approver must see before approving. It tells the labels that were written.
pub async fn check(request: &Request) -> Result<Report, Failure> {
    let seen = request.observe(&request.reader).await?;
    let running = running(request, &seen.topology).await?;
    let mut written = Vec::new();
    let would = match bring_in_line(request, &seen, &running, &mut written).await {
        Ok(topology) => would_flip(request, &topology, &running, &written).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    would.map_err(|failure| match written.is_empty() {
        true => failure,
        false => Failure::Labelled { cause: Box::new(failure), labels: written },
    })
}

/// Writes the labels, says in `written` which ones, and reads again where there were any.
async fn bring_in_line(
    request: &Request,
    seen: &Reading,
    running: &BTreeMap<String, Running>,
    written: &mut Vec<String>,
) -> Result<Topology, Failure> {
    let topology = &seen.topology;
    let found = survey(topology, &request.asked.ports)?;
    let execution = request.asked.execution.as_deref();
    let wanted = found.pairs.keys().flat_map(|pair| labels::in_line(topology, &found, pair, running, execution)).collect();
    let (topology, writes) = still_meant(request, topology, wanted).await?;
    if writes.is_empty() {
        return Ok(topology);
    }
    let mut failed = None;
    for (write, result) in writes.iter().zip(request.writer(seen.until).apply(&writes).await) {
        match result {
            Ok(()) => {
                tracing::info!(write = %write, "label brought in line");
                written.push(write.to_string());
            }
            Err(failure) => failed = Some(failure),
        }
    }
    match failed {
        Some(failure) => Err(failure.into()),
        None => Ok(request.reader.again(&topology).await?),
    }
}

/// Leaves out the end of a fence or of a journal that is not the one that was judged: while ECS was read, another build
/// or another flip may have put its own. So where one is to end, the tags are read again, and that reading counts.
async fn still_meant(request: &Request, judged: &Topology, mut writes: Vec<Write>) -> Result<(Topology, Vec<Write>), Failure> {
    let ends = |write: &Write| match write {
        Write::Tag { groups, tags, .. } => {
            let keys = [BUILD, FLIP].into_iter().filter(|key| tags.contains_key(*key));
            keys.flat_map(|key| groups.iter().map(move |arn| (arn.clone(), key))).collect()
        }
        Write::Actions { .. } => Vec::new(),
    };
    if writes.iter().all(|write| ends(write).is_empty()) {
        return Ok((judged.clone(), writes));
    }
    let now = request.reader.again(judged).await?;
    let value = |topology: &Topology, arn: &str, key: &str| topology.group(arn).and_then(|group| group.tags.get(key).cloned());
    writes.retain(|write| ends(write).iter().all(|(arn, key)| value(judged, arn, key) == value(&now, arn, key)));
    Ok((now, writes))
}

/// What a flip would do.
fn would_flip(
    request: &Request,
    topology: &Topology,
    running: &BTreeMap<String, Running>,
    written: &[String],
) -> Result<Report, Refusal> {
    let Request { asked, asker, .. } = request;
    let plan = plan(topology, asked, asker, Timestamp::now())?;
    let found = survey(topology, &asked.ports)?;
    let mut sentences = vec![report::would_flip(topology, &found, &plan)];
    sentences.extend(written.iter().map(|write| format!("Label brought in line: {write}.")));
    sentences.extend(plan.promotions.iter().map(|promotion| really(topology, promotion, running)));
    Ok(Report::of_check(asker.flip.as_str(), topology, &found, &plan.promotions, sentences.join(" ")))
}

/// What runs behind every group that has a `Service` tag.
async fn running(request: &Request, topology: &Topology) -> Result<BTreeMap<String, Running>, Failure> {
    let read = topology.groups.values().map(|group| async move { Ok((group.arn.clone(), request.ecs.by_tag(group).await?)) });
    let read: Vec<(String, Option<Running>)> = try_join_all(read).await.map_err(Failure::Aws)?;
    Ok(read.into_iter().filter_map(|(arn, running)| Some((arn, running?))).collect())
}

/// What ECS says of both sides, for the approver.
fn really(topology: &Topology, promotion: &Promotion, running: &BTreeMap<String, Running>) -> String {
    let of = |arn: &String| {
        let name = topology.short(arn);
        match running.get(arn) {
            Some(running) if running.settled.is_none() => format!("{name} runs {} (a deployment is under way)", running.image),
            Some(running) => format!("{name} runs {}", running.image),
            None => format!("what {name} runs is not known to ECS by its Service tag"),
        }
    };
    format!("By ECS, {}, {}.", of(&promotion.promoted), of(&promotion.retired))
}
