//! What a flip would do: the table with a job that nobody has seen, and nothing to wait for. What a check, `deployer plan`
//! and `deployer doctor` say of a load balancer is this, so that they never disagree with the function.

use jiff::Timestamp;

use super::not_made::{NotMade, Past};
use super::would::Would;
use crate::asked::parameters::Parameters;
use crate::plan::look::{Looked, look};
use crate::plan::{Labels, Plan, compose};
use crate::release::decide::Memory;
use crate::release::id::Asker;
use crate::release::refusal::Refusal;
use crate::release::several::{Decision, Member, decide_all};
use crate::release::turn::{Row, Turn};
use crate::release::why::Why;
use crate::seen::survey::{Survey, survey};
use crate::seen::topology::Topology;

/// What a flip would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Its writes: the records, the rules, the closing of the job with the labels.
    pub plan: Plan,
    /// Each pair with the group that would be live.
    pub would: Vec<Would>,
}

/// Foresees a flip that is asked for now, by a job that nobody has seen.
///
/// # Errors
/// Why it would not be made.
pub fn foresee(
    topology: &Topology,
    found: &Survey<'_>,
    asked: &Parameters,
    asker: &Asker,
    now: Timestamp,
) -> Result<Foreseen, NotMade> {
    let looked = look(topology, found, asked, asker, now)?;
    let turns = match decide_all(&members(&looked), &waited(&looked)) {
        Decision::Apply { turns, .. } => turns,
        Decision::Answer(turns) => turns.into_iter().enumerate().collect(),
        Decision::Wait => Vec::new(),
    };
    let reasons = turns.iter().filter_map(|(index, turn)| {
        let looked = looked.get(*index)?;
        NotMade::of(topology, found, looked, &not_made(turn)?)
    });
    if let Some(why) = together(reasons) {
        return Err(why);
    }
    let would = looked.iter().enumerate().filter_map(|(index, looked)| {
        Some(Would {
            index,
            pair: looked.pair.clone(),
            live: live(looked, turns.iter().find(|(of, _)| *of == index).map(|(_, turn)| turn))?,
        })
    });
    let would = would.collect();
    let mut plan = compose(topology, found, &looked, &turns, Labels::Written);
    let after = plan.applied_to(topology);
    plan.extend(closing(&after, asked, asker, now)?);
    Ok(Foreseen { plan, would })
}

/// What closes the job when every rule has been written; nothing where the first turn closed it already.
fn closing(after: &Topology, asked: &Parameters, asker: &Asker, now: Timestamp) -> Result<Plan, NotMade> {
    let survey = survey(after, &asked.ports)?;
    let looked = look(after, &survey, asked, asker, now)?;
    Ok(match decide_all(&members(&looked), &waited(&looked)) {
        Decision::Apply { turns, .. } => Plan { notes: Vec::new(), ..compose(after, &survey, &looked, &turns, Labels::Written) },
        Decision::Wait | Decision::Answer(_) => Plan::default(),
    })
}

fn members(looked: &[Looked]) -> Vec<Member> {
    looked.iter().map(|looked| looked.member.clone()).collect()
}

/// A job that has nothing to wait for.
fn waited(looked: &[Looked]) -> Vec<Memory> {
    vec![Memory { waited: true, ..Memory::default() }; looked.len()]
}

/// Every pair's reasons as one: what the guard says of each; or else the first that is something else. That a pair is
/// refused or undone together with another is no reason where the other's is there.
fn together(reasons: impl Iterator<Item = NotMade>) -> Option<NotMade> {
    let (mut refusals, mut others, mut undone): (Vec<Refusal>, Vec<Refusal>, Option<NotMade>) = Default::default();
    for reason in reasons {
        match reason {
            NotMade::Refused(more) => {
                let (with, own) = more.into_iter().partition(|refusal| matches!(refusal, Refusal::Together { .. }));
                refusals.extend::<Vec<_>>(own);
                others.extend::<Vec<_>>(with);
            }
            NotMade::Past(Past::Undone { .. }) => undone = undone.or(Some(reason)),
            NotMade::Setup(_) | NotMade::Past(_) => return Some(reason),
        }
    }
    let refused = |refusals: Vec<Refusal>| (!refusals.is_empty()).then_some(NotMade::Refused(refusals));
    refused(refusals).or(undone).or_else(|| refused(others))
}

/// Why this turn makes no flip, where it makes none.
fn not_made(turn: &Turn) -> Option<Why> {
    match turn {
        Turn::Close { why, .. } => why.clone(),
        Turn::Set { row: Row::R3d, .. } | Turn::Stuck => Some(Why::Undone),
        Turn::Set { why, .. } => why.clone(),
        Turn::Wait | Turn::Answered(_) => None,
    }
}

/// The group that would be live after a turn.
fn live(looked: &Looked, turn: Option<&Turn>) -> Option<crate::seen::side::Side> {
    match turn {
        Some(Turn::Set { live, .. }) => Some(*live),
        Some(Turn::Close { on, .. }) => Some(*on),
        Some(Turn::Wait | Turn::Answered(_) | Turn::Stuck) | None => looked.member.view.live(),
    }
}
