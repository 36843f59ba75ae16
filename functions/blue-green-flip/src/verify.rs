//! The second look: whether the rules are as they were written, and what it means where they are not.

use std::time::Duration;

use blue_green::plan::{Asker, Plan};
use blue_green::release::back::join;
use blue_green::report::{self, Report};
use blue_green::seen::topology::Topology;

use crate::failure::Failure;
use crate::others::conflict;
use crate::back::note;
use crate::request::{Reading, Request};
use crate::states::differences;

/// How often the rules are read before a difference is believed: whether a read sees the last write is not documented.
pub const LOOKS: u32 = 4;

/// Reads the rules again and compares them with what is wanted.
///
/// # Errors
/// [`Failure::Conflict`] where somebody else wrote at the same time.
pub async fn verify(request: &Request, seen: &Reading, applied: &Plan) -> Result<Report, Failure> {
    if !applied.moves_traffic() {
        if !applied.journal.is_empty() {
            match request.again(&request.reader, &seen.topology).await {
                Ok(fresh) => join_journal(request, &fresh, applied).await,
                Err(failure) => tracing::warn!(reason = %failure, "could not see whether the note in the journal stands"),
            }
        }
        return Ok(done(&request.asker, &seen.topology, applied, None));
    }
    let mut unread = None;
    let mut other = None;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(look)).await;
        }
        match request.again(&request.reader, &seen.topology).await {
            Ok(fresh) if differences(&fresh.topology, &request.asked, &applied.promotions).is_empty() => {
                tracing::info!("verified");
                join_journal(request, &fresh, applied).await;
                return Ok(done(&request.asker, &fresh.topology, applied, None));
            }
            Ok(fresh) => other = Some(fresh),
            Err(failure) => unread = Some(failure),
        }
    }
    match other {
        Some(fresh) => conflict(request, &fresh, seen, applied).await,
        // Every write was acknowledged: the flip was made, and only the second look failed.
        None => Ok(done(
            &request.asker,
            &seen.topology,
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
pub async fn join_journal(request: &Request, fresh: &Reading, applied: &Plan) {
    let id = &request.asker.flip;
    let missing =
        |now: &Topology| applied.promotions.iter().filter_map(|promotion| join(now, &request.asked, promotion, id)).collect();
    note(request, fresh, missing).await;
}
