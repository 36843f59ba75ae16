//! `deployer unfence`: takes off the fence that an execution left behind, after showing what runs there.

use blue_green::release::fence::{BUILD, Fence, NO_FENCE};
use blue_green::seen::group::TargetGroup;
use blue_green::seen::topology::Topology;
use comfy_table::Cell;

use crate::args::UnfenceArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fence;
use crate::output::{self, confirmed};
use crate::refused::Refused;
use crate::session::Session;

/// Shows the fences, asks, and takes off those that were shown.
///
/// # Errors
/// A [`Failure`], also where nobody is there to be asked, or where a fence is not the one that was shown any more.
pub async fn run(args: &UnfenceArgs) -> Result<Exit, Failure> {
    let session = Session::open(args.target.timeout).await?;
    let topology = session.reader().topology(&args.target.elb).await?;
    let named = |group: &&TargetGroup| args.group.as_ref().is_none_or(|wanted| group.name == *wanted || group.arn == *wanted);
    let groups: Vec<&TargetGroup> = topology.groups.values().filter(named).collect();
    if let (Some(wanted), []) = (&args.group, groups.as_slice()) {
        let known: Vec<&str> = topology.groups.values().map(|group| group.name.as_str()).collect();
        let known = known.join(", ");
        return Err(Failure::Usage(format!("--group {wanted} is no target group of {}; there are {known}", topology.name)));
    }
    let fenced: Vec<_> = groups.into_iter().filter_map(|group| Some((group, Fence::of(group)?))).collect();
    if fenced.is_empty() {
        output::print(&format_args!("{} has no fence: nothing to take off\n", topology.name))?;
        return Ok(Exit::Done);
    }
    let groups: Vec<&TargetGroup> = fenced.iter().map(|(group, _)| *group).collect();
    let behind = session.behind(&groups, args.cluster.name()).await?;
    behind.doubts.iter().for_each(|doubt| output::warn(doubt));
    let mut table = output::table(&["target group", "fenced by execution", "since", "it brings", "runs there (ECS)"]);
    for (group, fence) in &fenced {
        let runs = behind.running.get(&group.arn).map_or_else(
            || behind.unclear.get(&group.arn).map_or_else(|| "not known".to_owned(), |several| several.join("; ")),
            |running| match running.settled {
                Some(_) => running.image.clone(),
                None => format!("{} (a deployment is under way)", running.image),
            },
        );
        let cells = [&group.describe(), &fence.execution, &fence.time.to_string(), &fence.image, &runs].map(Cell::new);
        table.add_row(cells);
    }
    output::step(&table.to_string());
    if !args.yes && !confirmed("Take it off? From then on any execution may promote what runs there", "taking a fence off")? {
        output::print(&format_args!("the fence stays\n"))?;
        return Ok(Exit::Done);
    }
    unchanged(&groups, &session.reader().again(&topology).await?)?;
    let writer = session.writer();
    for (group, fence) in &fenced {
        fence::write(&writer, &group.arn, group.short(), NO_FENCE).await?;
        output::print(&format_args!("the fence of execution {} around {} is off\n", fence.execution, group.name))?;
    }
    Ok(Exit::Done)
}

/// Whether the fences are the ones that were shown: while somebody thought about it, a newer build may have set its own.
fn unchanged(shown: &[&TargetGroup], fresh: &Topology) -> Result<(), Refused> {
    for group in shown {
        let now = fresh.group(&group.arn).and_then(|group| group.tag(BUILD)).unwrap_or(NO_FENCE);
        if group.tag(BUILD) != Some(now) {
            return Err(Refused::OtherFence { group: group.name.clone(), now: now.to_owned() });
        }
    }
    Ok(())
}
