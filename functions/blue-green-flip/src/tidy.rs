//! Removes records that are no longer needed, after the answer.

use std::time::Instant;

use blue_green::plan::Write;
use blue_green::release::journal::Journal;
use blue_green::release::times::PLAN_LIVES;
use blue_green::seen::pair::Pair;
use blue_green::seen::side::Side;
use blue_green::seen::topology::Topology;

use crate::request::Request;

/// Removes the old records of these pairs, where this flip has one. That it fails changes nothing: the next flip tries again.
pub async fn remove_old_records(request: &Request, seen: &Topology, pairs: &[Pair]) {
    let writes: Vec<Write> = pairs.iter().flat_map(|pair| old(request, seen, pair)).collect();
    for (write, result) in writes.iter().zip(request.writer(Instant::now() + PLAN_LIVES).apply(&writes).await) {
        match result {
            Ok(()) => tracing::info!(write = %write, "removed"),
            Err(failure) => tracing::warn!(write = %write, reason = %failure, "old records stay"),
        }
    }
}

fn old(request: &Request, seen: &Topology, pair: &Pair) -> Vec<Write> {
    let journal = Journal::of_pair(seen, pair);
    let old = if journal.of(&request.asker.flip).is_some() { journal.old() } else { Default::default() };
    let write = |side: Side| {
        let group = pair.arn(side);
        let keys = old[side].iter().cloned().collect();
        Write::Untag { group: group.to_owned(), called: seen.short(group).to_owned(), keys }
    };
    Side::BOTH.into_iter().filter(|side| !old[*side].is_empty()).map(write).collect()
}
