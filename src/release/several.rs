//! Several pairs in one request: the table is asked per pair, and what it says is put together.

use std::fmt;

use super::decide::{Ask, Memory, decide, refuse, undo};
use super::record::Verdict;
use super::refusal::Refusal;
use super::turn::{Row, Turn};
use super::view::View;

/// One pair of a request.
#[derive(Clone, Debug)]
pub struct Member {
    /// What was seen of it.
    pub view: View,
    /// What is asked of it.
    pub ask: Ask,
    /// What the group that is to become live is called.
    pub called: String,
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// These turns are applied, each for the pair with this index.
    Apply {
        /// The turns.
        turns: Vec<(usize, Turn)>,
        /// What the table says of each pair, where every one of them is closed by that: the job is answered as soon as the
        /// closings are acknowledged, since a look might not show them yet. Otherwise everything is looked at anew.
        ends: Option<Vec<Turn>>,
    },
    /// Other jobs' plans may still be applied.
    Wait,
    /// Every pair is closed, or cannot be: what the table says of each.
    Answer(Vec<Turn>),
}

/// The rows, pair by pair.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<String> = match self {
            Self::Apply { turns, .. } => turns.iter().map(|(_, turn)| turn.to_string()).collect(),
            Self::Wait => vec![Turn::Wait.to_string()],
            Self::Answer(turns) => turns.iter().map(Turn::to_string).collect(),
        };
        f.write_str(&rows.join(", "))
    }
}

/// Decides about every pair of a request.
#[must_use]
pub fn decide_all(members: &[Member], memory: &[Memory]) -> Decision {
    let mut turns: Vec<Turn> =
        members.iter().zip(memory).map(|(member, memory)| decide(&member.view, &member.ask, memory)).collect();
    together(members, memory, &mut turns);
    let chosen = |wanted: fn(&Turn) -> bool| -> Vec<(usize, Turn)> {
        turns.iter().cloned().enumerate().filter(|(_, turn)| wanted(turn)).collect()
    };
    // Rules before closings: a request is answered for all of its pairs, so none is closed while another one moves.
    let work = chosen(|turn| matches!(turn, Turn::Set { .. }));
    if !work.is_empty() {
        return Decision::Apply { turns: work, ends: None };
    }
    let closings = chosen(|turn| matches!(turn, Turn::Close { .. }));
    if !closings.is_empty() {
        let closes = |turn: &Turn| matches!(turn, Turn::Close { why: Some(_), .. } | Turn::Answered(_));
        let ends = turns.iter().all(closes).then_some(turns);
        return Decision::Apply { turns: closings, ends };
    }
    if turns.contains(&Turn::Wait) { Decision::Wait } else { Decision::Answer(turns) }
}

/// One pair is refused: no other one is begun. One pair is undone: so is every one that is being made.
fn together(members: &[Member], memory: &[Memory], turns: &mut [Turn]) {
    let fails = |turn: &Turn| turn.verdict() == Some(Verdict::Failed);
    let undoes = |turn: &Turn| {
        matches!(turn, Turn::Stuck | Turn::Set { row: Row::R3c | Row::R3d, .. } | Turn::Close { row: Row::R3d, .. })
    };
    let (failed, undone) = (turns.iter().any(fails), turns.iter().any(undoes));
    let waits = turns.contains(&Turn::Wait);
    for ((member, memory), turn) in members.iter().zip(memory).zip(turns) {
        match turn {
            Turn::Set { row: Row::R5c, .. } if failed || undone => {
                let together = Refusal::Together { group: member.called.clone() };
                *turn = refuse(&member.view, &member.ask, memory, together);
            }
            Turn::Set { row: Row::R5c, .. } if waits => *turn = Turn::Wait,
            Turn::Set { row: Row::R3b, .. } | Turn::Close { row: Row::R3a, .. } if undone => {
                if let Some(undone) = undo(&member.view, &member.ask, memory) {
                    *turn = undone;
                }
            }
            _ => {}
        }
    }
}
