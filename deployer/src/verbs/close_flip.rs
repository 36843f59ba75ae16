//! `deployer close-flip`: closes a flip that nobody goes on with as not made. Moves nothing.

use blue_green::plan::Write;
use blue_green::release::record::{Closing, Reason, Record, Verdict, stamp};
use blue_green::report::states::states;
use blue_green::seen::pair::Pair;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::Topology;
use jiff::Timestamp;

use crate::args::CloseFlipArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, confirmed};
use crate::progress::Progress;
use crate::refused::Refused;
use crate::session::Session;

/// Shows the flip and the rules, asks, and writes the closing of the flip's job.
///
/// # Errors
/// A [`Failure`]: where there is no such flip, where it was made, or where it changed while somebody thought about it.
pub async fn run(args: &CloseFlipArgs) -> Result<Exit, Failure> {
    let session = Session::open(args.target.timeout).await?;
    let topology = session.reader().topology(&args.target.elb).await?;
    let found = survey(&topology, &args.target.ports.0)?;
    let (pair, open) = chosen(&topology, &found, args.group.as_deref())?;
    output::step(&open.sentence(&topology));
    output::step("Rules now:");
    states(&topology, &found, &[&pair]).iter().for_each(|state| output::step(&format!("  {state}")));
    let prompt = "Close this flip as not made? No rule is changed; a later copy of its event then fails";
    if !args.yes && !confirmed(prompt, "closing a flip")? {
        output::print(&format_args!("the flip stays as it is\n"))?;
        return Ok(Exit::Done);
    }
    let fresh = session.reader().again(&topology).await?;
    let now = Progress::of(&fresh, &survey(&fresh, &args.target.ports.0)?, &pair);
    if now.as_ref().map(|now| &now.flip) != Some(&open.flip) {
        let what = format!("flip {} changed", open.id);
        return Err(Refused::OtherFlip { what }.into());
    }
    let closing = Record::Closing(Closing {
        flip: open.id.clone(),
        job: open.flip.job.clone(),
        called: open.flip.job.to_string(),
        verdict: Verdict::Failed,
        generation: open.flip.generation,
        reason: Reason::Undone,
        time: stamp(Timestamp::now()),
    });
    let group = pair.arn(open.on);
    let write = Write::tag(group, topology.short(group), &closing.key(), &closing.value());
    session.writer().apply([&write]).await.into_iter().collect::<Result<(), _>>()?;
    output::print(&format_args!("flip {} is closed as not made; no rule was changed\n", open.id))?;
    Ok(Exit::Done)
}

/// The pair whose flip is meant, and how far it has come.
fn chosen(topology: &Topology, found: &Survey<'_>, group: Option<&str>) -> Result<(Pair, Progress), Failure> {
    let named = |pair: &&Pair| {
        let is = |arn: &str| topology.group(arn).is_some_and(|of| group.is_none_or(|group| of.name == group || of.arn == group));
        is(&pair.first) || is(&pair.second)
    };
    let all: Vec<(&Pair, Progress)> =
        found.pairs.keys().filter(named).filter_map(|pair| Some((pair, Progress::of(topology, found, pair)?))).collect();
    let open: Vec<&(&Pair, Progress)> = all.iter().filter(|(_, of)| of.state == crate::progress::State::InProgress).collect();
    match open.as_slice() {
        [(pair, progress)] => Ok(((*pair).clone(), progress.clone())),
        [] => Err(Refused::NoOpenFlip {
            load_balancer: topology.name.clone(),
            last: all.iter().map(|(_, of)| format!("flip {} ({:?})", of.id, of.state).to_lowercase()).collect(),
        }
        .into()),
        several => Err(Failure::Usage(format!(
            "several flips of {} are in progress: {}; say which with --group NAME",
            topology.name,
            several.iter().map(|(_, of)| of.id.to_string()).collect::<Vec<_>>().join(", ")
        ))),
    }
}
