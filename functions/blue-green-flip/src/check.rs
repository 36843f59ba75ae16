//! A check: what a flip would do, for the approver to read. Writes labels only.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use blue_green::intent::Promotion;
use blue_green::labels;
use blue_green::parameters::Parameters;
use blue_green::plan::{Asker, plan};
use blue_green::report::{self, Report};
use blue_green::topology::Topology;
use blue_green::twins::survey;
use futures::future::try_join_all;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::flip::observe;
use crate::handler::Hands;

/// Brings the labels in line with what runs, then plans a flip without applying it.
///
/// # Errors
/// A [`Failure`]: a refusal is what the approver must see before approving.
pub async fn check(hands: &Hands, asked: &Parameters, asker: &Asker) -> Result<Report, Failure> {
    let mut topology = observe(hands, asked).await?;
    let running = running(hands, &topology).await?;
    let found = survey(&topology, &asked.ports)?;
    let writes: Vec<_> = found.pairs.keys().flat_map(|pair| labels::in_line(&topology, &found, pair, &running)).collect();
    drop(found);
    if !writes.is_empty() {
        for (write, result) in writes.iter().zip(hands.writer(Instant::now() + Duration::from_secs(15)).apply(&writes).await) {
            result?;
            tracing::info!(write = %write, "label brought in line");
        }
        topology = hands.reader.again(&topology).await?;
    }
    let plan = plan(&topology, asked, asker, Timestamp::now())?;
    let mut summary = report::would_flip(&topology, &plan);
    for write in &writes {
        summary = format!("{summary} Label brought in line: {write}.");
    }
    for promotion in &plan.promotions {
        summary = format!("{summary} {}", really(&topology, promotion, &running));
    }
    let live_is_promoted = !plan.moves_traffic();
    Ok(Report::new(asker.flip.as_str(), &topology, &plan.promotions, live_is_promoted, false, summary.trim_end().to_owned()))
}

/// What runs behind every group that has a `Service` tag.
async fn running(hands: &Hands, topology: &Topology) -> Result<BTreeMap<String, labels::Running>, Failure> {
    let read = topology.groups.values().map(|group| async move { Ok((group.arn.clone(), hands.ecs.by_tag(group).await?)) });
    let read: Vec<(String, Option<labels::Running>)> = try_join_all(read).await.map_err(Failure::Aws)?;
    Ok(read.into_iter().filter_map(|(arn, running)| Some((arn, running?))).collect())
}

/// What ECS says of both sides, for the approver.
fn really(topology: &Topology, promotion: &Promotion, running: &BTreeMap<String, labels::Running>) -> String {
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
