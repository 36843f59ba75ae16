//! A check: what a flip would do, for the approver to read. Writes labels only.

use std::collections::BTreeMap;

use blue_green::plan::Write;
use blue_green::plan::behind::Behind;
use blue_green::plan::labels::{self, Running};
use blue_green::release::fence::BUILD;
use blue_green::report::brief::brief;
use blue_green::report::foresee::{Foreseen, foresee};
use blue_green::report::not_made::NotMade;
use blue_green::report::would::{Would, would_flip, would_write};
use blue_green::report::{Report, Sides};
use blue_green::seen::group::TargetGroup;
use blue_green::seen::survey::survey;
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::request::{Reading, Request};

/// Brings the labels in line with what runs, then plans a flip without applying it.
///
/// # Errors
/// A [`Failure`]: a refusal is what the approver must see before approving. It tells the labels that were written.
pub async fn check(request: &Request) -> Result<Report, Failure> {
    let seen = request.look(None).await?;
    let groups: Vec<&TargetGroup> = seen.topology.groups.values().collect();
    let behind = request.ecs.by_tag(&groups).await?;
    let mut written = Vec::new();
    let would = match bring_in_line(request, &seen, &behind.running, &mut written).await {
        Ok(topology) => would(request, &topology, &behind, &written).map_err(Failure::from),
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

/// Leaves out the end of a fence that is not the one that was judged: while ECS was read, another build may have put its
/// own. So where one is to end, the tags are read again, and that reading counts.
async fn still_meant(request: &Request, judged: &Topology, mut writes: Vec<Write>) -> Result<(Topology, Vec<Write>), Failure> {
    let ended = |write: &Write| match write {
        Write::Tag { group, tags, .. } => tags.iter().any(|(key, _)| key == BUILD).then(|| group.clone()),
        Write::Untag { .. } | Write::Actions { .. } => None,
    };
    if writes.iter().all(|write| ended(write).is_none()) {
        return Ok((judged.clone(), writes));
    }
    let now = request.reader.again(judged).await?;
    let fence = |topology: &Topology, arn: &str| topology.group(arn).and_then(|group| group.tags.get(BUILD).cloned());
    writes.retain(|write| ended(write).is_none_or(|arn| fence(judged, &arn) == fence(&now, &arn)));
    Ok((now, writes))
}

/// What a flip would do.
fn would(request: &Request, topology: &Topology, behind: &Behind, written: &[String]) -> Result<Report, NotMade> {
    let Request { asked, asker, .. } = request;
    let found = survey(topology, &asked.ports)?;
    let Foreseen { plan, would } = foresee(topology, &found, asked, asker, Timestamp::now())?;
    if let Some(one_service) = would.iter().find_map(|would| behind.one_service(topology, &would.pair)) {
        return Err(one_service.into());
    }
    // The important first: a long text is cut at its end.
    let mut sentences = vec![would_flip(topology, &found, &plan, &would)];
    sentences.extend(would.iter().map(|would| really(topology, &would.sides(), behind)));
    sentences.extend(behind.doubts.iter().map(|doubt| format!("{doubt}.")));
    sentences.extend(written.iter().map(|write| format!("Label brought in line: {write}.")));
    sentences.extend(Some(would_write(&plan)).filter(|rules| !rules.is_empty()));
    let now = |would: &Would| match found.is_live(&would.pair, would.pair.arn(would.live)) {
        Some(true) => would.sides(),
        // Where the rules disagree, as it was before the flip that left them so.
        Some(false) | None => Sides { live: would.sides().test, test: would.sides().live },
    };
    let sides: Vec<Sides> = would.iter().map(now).collect();
    let report = Report::new(asker.flip.as_str(), topology, &sides, false, &sentences.join(" "));
    Ok(Report { brief: brief(topology, &would), ..report })
}

/// What ECS says of both sides, for the approver.
fn really(topology: &Topology, sides: &Sides, behind: &Behind) -> String {
    let of = |arn: &String| {
        let name = topology.short(arn);
        if let Some(several) = behind.unclear.get(arn) {
            return format!("what {name} runs is not certain ({})", several.join("; "));
        }
        match behind.running.get(arn) {
            Some(running) if running.settled.is_none() => format!("{name} runs {} (a deployment is under way)", running.image),
            Some(running) => format!("{name} runs {}", running.image),
            None => format!("what {name} runs is not known to ECS by its Service tag"),
        }
    };
    format!("By ECS, {}, {}.", of(&sides.live), of(&sides.test))
}
