//! What a flip would do: the table with a job that nobody has seen, and nothing to wait for. What a check, `deployer plan`
//! and `deployer doctor` say of a load balancer is this, so that they never disagree with the function.

use jiff::Timestamp;

use super::not_made::NotMade;
use super::would::Would;
use crate::asked::parameters::Parameters;
use crate::plan::look::{Looked, look};
use crate::plan::{Labels, Plan, compose};
use crate::release::decide::{Memory, Row, Turn, Why};
use crate::release::id::Asker;
use crate::release::several::{Decision, Member, decide_all};
use crate::seen::topology::Topology;
use crate::seen::twins::Survey;

/// What a flip would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Its first writes: the records and the rules.
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
    survey: &Survey<'_>,
    asked: &Parameters,
    asker: &Asker,
    now: Timestamp,
) -> Result<Foreseen, NotMade> {
    let looked = look(topology, survey, asked, asker, now)?;
    let members: Vec<Member> = looked.iter().map(|looked| looked.member.clone()).collect();
    let memory = vec![Memory { waited: true, ..Memory::default() }; members.len()];
    let turns = match decide_all(&members, &memory) {
        Decision::Apply { turns, .. } => turns,
        Decision::Answer(turns) => turns.into_iter().enumerate().collect(),
        Decision::Wait => Vec::new(),
    };
    for (index, turn) in &turns {
        let Some(looked) = looked.get(*index) else { continue };
        if let Some(why) = not_made(looked, turn).and_then(|why| NotMade::of(topology, survey, looked, &why)) {
            return Err(why);
        }
    }
    let would = looked.iter().enumerate().filter_map(|(index, looked)| {
        Some(Would {
            index,
            pair: looked.pair.clone(),
            live: live(looked, turns.iter().find(|(of, _)| *of == index).map(|(_, turn)| turn))?,
        })
    });
    let would = would.collect();
    let turns: Vec<(usize, Turn)> = turns.into_iter().filter(|(_, turn)| matches!(turn, Turn::Set { .. })).collect();
    Ok(Foreseen { plan: compose(topology, survey, &looked, &turns, Labels::Written), would })
}

/// Why this turn makes no flip, where it makes none.
fn not_made(looked: &Looked, turn: &Turn) -> Option<Why> {
    match turn {
        Turn::Close { why, .. } => why.clone(),
        Turn::Set { row: Row::R3c | Row::R3d, .. } | Turn::Stuck => {
            let (on, _) = looked.member.view.journal.newest()?;
            Some(match looked.member.view.refusals(on, |by| looked.member.ask.execution.as_deref() == Some(by)) {
                reasons if reasons.is_empty() => Why::Undone,
                reasons => Why::Refused(reasons),
            })
        }
        Turn::Set { .. } | Turn::Wait | Turn::Answered(_) => None,
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
