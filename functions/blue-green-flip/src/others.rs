//! Others who write the same rules: what comes of this request, and who finishes what.

use blue_green::plan::{Plan, was_contested};
use blue_green::release::back::{finish, rivals};
use blue_green::release::intent::{Promotion, journalled};
use blue_green::report::Report;
use blue_green::seen::pairs::Pair;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::flip::apply;
use crate::back::note_over;
use crate::request::{Reading, Request};
use crate::states::{differences, states};
use crate::verify::{done, join_journal};

/// Somebody else wrote. Where the journal names another flip, that one counts: its flip is finished here, so that two
/// at once never leave the rules split. Where it names this one and another's stood there when this one was planned, a
/// late write of that one came after this one's: it is written over once more. Otherwise a person changed the rules:
/// their change stays. Where the rules are as this flip wants them by now, it was made after all.
///
/// # Errors
/// The conflict.
pub async fn conflict(request: &Request, fresh: &Reading, seen: &Reading, applied: &Plan) -> Result<Report, Failure> {
    let (asked, asker) = (&request.asked, &request.asker);
    let others = finish_others(request, fresh, &rivals(&fresh.topology, asked, asker)).await;
    let overtook = others.is_empty() && was_contested(&seen.topology, asked, applied, asker, Timestamp::now());
    if overtook {
        tracing::warn!("a late write of the flip that this one overtook; writing once more");
        for promotion in &applied.promotions {
            write_again(request, fresh, promotion.clone()).await;
        }
    }
    let now = Reading { topology: request.last_look(&fresh.topology).await, until: fresh.until };
    if differences(&now.topology, asked, &applied.promotions).is_empty() {
        join_journal(request, &now, applied).await;
        return Ok(done(asker, &now.topology, applied, None));
    }
    note_over(request, &now).await;
    let by = match others.as_slice() {
        [] if overtook => "a late write of the flip that this one overtook, by all signs".to_owned(),
        [] => "no other flip is in the journal".to_owned(),
        others => others.join(" and "),
    };
    Err(Failure::Conflict { by, states: states(&now.topology, asked, &applied.promotions) })
}

/// Finishes, in these pairs, what the journal names, and says whose it is.
pub async fn finish_others(request: &Request, seen: &Reading, pairs: &[Pair]) -> Vec<String> {
    let topology = &seen.topology;
    let mut others = Vec::new();
    for (flip, promotion) in pairs.iter().filter_map(|pair| journalled(topology, pair)) {
        others.push(format!("{} {}", if flip.id.is_kept() { "request" } else { "flip" }, flip.id));
        if differences(topology, &request.asked, std::slice::from_ref(&promotion)).is_empty() {
            continue;
        }
        tracing::warn!(other = others.last(), "another request came between; finishing it");
        write_again(request, seen, promotion).await;
    }
    others
}

/// Writes the rules and labels of a promotion that are not as it wants them. Whether that was done shows in the next look.
async fn write_again(request: &Request, seen: &Reading, promotion: Promotion) {
    match finish(&seen.topology, &request.asked, promotion, Timestamp::now()) {
        Ok(plan) => {
            if let Err(stopped) = apply(request, seen.until, &plan).await {
                tracing::error!(reason = %stopped.cause, "could not write what is left of it");
            }
        }
        Err(unfit) => tracing::error!(reason = %unfit, "could not plan what is left of it"),
    }
}
