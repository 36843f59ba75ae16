//! The second look: whether the rules are as they were written, and what it means where they are not.

use std::time::{Duration, Instant};

use blue_green::back::{finish, join, rivals};
use blue_green::intent::journalled;
use blue_green::pairs::Pair;
use blue_green::parameters::Parameters;
use blue_green::plan::{Asker, Plan};
use blue_green::report::{self, Report};
use blue_green::topology::Topology;
use jiff::Timestamp;

use crate::back::{note, note_over};
use crate::failure::Failure;
use crate::flip::{PLAN_LIVES, apply};
use crate::handler::Hands;
use crate::states::{differences, states};

/// How often the rules are read before a difference is believed: whether a read sees the last write is not documented.
pub const LOOKS: u32 = 4;

/// Reads the rules again and compares them with what is wanted.
pub async fn verify(
    hands: &Hands,
    asked: &Parameters,
    asker: &Asker,
    topology: &Topology,
    applied: &Plan,
) -> Result<Report, Failure> {
    if !applied.moves_traffic() {
        if !applied.journal.is_empty() {
            match hands.reader.again(topology).await {
                Ok(fresh) => join_journal(hands, asked, asker, &fresh, applied, Instant::now() + PLAN_LIVES).await,
                Err(failure) => tracing::warn!(reason = %failure, "could not see whether the note in the journal stands"),
            }
        }
        return Ok(done(asker, topology, applied, None));
    }
    let mut began = Instant::now();
    let mut unread = None;
    let mut seen = None;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(look)).await;
        }
        began = Instant::now();
        match hands.reader.again(topology).await {
            Ok(fresh) if differences(&fresh, asked, &applied.promotions).is_empty() => {
                tracing::info!("verified");
                join_journal(hands, asked, asker, &fresh, applied, began + PLAN_LIVES).await;
                return Ok(done(asker, &fresh, applied, None));
            }
            Ok(fresh) => seen = Some(fresh),
            Err(failure) => unread = Some(failure),
        }
    }
    match seen {
        Some(fresh) => conflict(hands, asked, asker, &fresh, applied, began + PLAN_LIVES).await,
        // Every write was acknowledged: the flip was made, and only the second look failed.
        None => Ok(done(
            asker,
            topology,
            applied,
            unread.map(|failure| format!("AWS acknowledged every write, but the rules could not be read again: {failure}.")),
        )),
    }
}

/// The report on a flip that was made, and what a person should know besides.
pub fn done(asker: &Asker, topology: &Topology, plan: &Plan, besides: Option<String>) -> Report {
    let sentences: Vec<String> = std::iter::once(report::flipped(topology, plan)).chain(besides).collect();
    Report::new(asker.flip.as_str(), topology, &plan.promotions, plan.changes, sentences.join(" "))
}

/// Another flip may have written its journal over this one's: then this one joins the earlier ids, or a late copy of it
/// would count as new.
async fn join_journal(hands: &Hands, asked: &Parameters, asker: &Asker, fresh: &Topology, applied: &Plan, until: Instant) {
    let missing =
        |now: &Topology| applied.promotions.iter().filter_map(|promotion| join(now, asked, promotion, &asker.flip)).collect();
    note(hands, fresh, until, missing).await;
}

/// Somebody else wrote. Where the journal names another flip, that one counts: its flip is finished here, so that two
/// at once never leave the rules split. Where it names this one, a person changed the rules: their change stays. Where
/// the rules are as this flip wants them by now, it was made after all.
///
/// # Errors
/// The conflict.
async fn conflict(
    hands: &Hands,
    asked: &Parameters,
    asker: &Asker,
    fresh: &Topology,
    applied: &Plan,
    until: Instant,
) -> Result<Report, Failure> {
    let others = finish_others(hands, asked, fresh, &rivals(fresh, asked, asker), until).await;
    let now = hands.late_reader.again(fresh).await;
    let now = now.as_ref().unwrap_or(fresh);
    if differences(now, asked, &applied.promotions).is_empty() {
        join_journal(hands, asked, asker, now, applied, until).await;
        return Ok(done(asker, now, applied, None));
    }
    note_over(hands, asked, asker, now, until).await;
    let by = match others.as_slice() {
        [] => "no other flip is in the journal".to_owned(),
        others => others.join(" and "),
    };
    Err(Failure::Conflict { by, states: states(now, asked, &applied.promotions) })
}

/// Finishes, in these pairs, what the journal names, and says whose it is.
pub async fn finish_others(
    hands: &Hands,
    asked: &Parameters,
    topology: &Topology,
    pairs: &[Pair],
    until: Instant,
) -> Vec<String> {
    let mut others = Vec::new();
    for (flip, promotion) in pairs.iter().filter_map(|pair| journalled(topology, pair)) {
        others.push(format!("{} {}", if flip.id.is_kept() { "request" } else { "flip" }, flip.id));
        if differences(topology, asked, std::slice::from_ref(&promotion)).is_empty() {
            continue;
        }
        tracing::warn!(other = others.last(), "another request came between; finishing it");
        match finish(topology, asked, promotion, Timestamp::now()) {
            Ok(plan) => {
                if let Err(stopped) = apply(hands, until, &plan).await {
                    tracing::error!(reason = %stopped.cause, "could not finish the other one");
                }
            }
            Err(unfit) => tracing::error!(reason = %unfit, "could not plan the end of the other one"),
        }
    }
    others
}
