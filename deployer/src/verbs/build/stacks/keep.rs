//! The wait before a side is given away that somebody may want to roll back to.

use std::time::Duration;

use blue_green::seen::topology::Topology;
use jiff::{SignedDuration, Timestamp};

use super::super::sides::Sides;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

/// How often it is looked whether another flip came meanwhile.
const LOOK: Duration = Duration::from_secs(30);

/// Waits until the last flip is `keep` old, and reads the load balancer anew where it had to.
///
/// # Errors
/// AWS's, and what keeps the sides from being known.
pub async fn wait<'t>(
    session: &Session,
    mut topology: Topology,
    keep: Duration,
    sides: impl for<'a> Fn(&'a Topology) -> Result<Sides<'a>, Failure>,
    execution: Option<&str>,
    interrupts: &mut Interrupts,
) -> Result<Topology, Failure> {
    let mut said = false;
    loop {
        let seen = sides(&topology)?;
        // A retry after its own flip gives nothing away.
        let given = execution.is_none_or(|execution| !seen.were_flipped_by(execution));
        let flip = seen.flip.as_ref().map(|(_, flip)| flip.time).filter(|_| given);
        let Some(left) = left(flip, keep, Timestamp::now()) else { return Ok(topology) };
        if !said {
            output::step(&format!(
                "the last flip is younger than {} minutes: waiting {} s, so that it can still be rolled back. Urgent: run it with --urgent yes",
                keep.as_secs() / 60,
                left.as_secs()
            ));
            said = true;
        }
        let pause = async {
            tokio::time::sleep(left.min(LOOK)).await;
            Ok::<_, Failure>(())
        };
        interrupts.unless(pause).await?;
        let reader = session.reader();
        topology = interrupts.unless(reader.again(&topology)).await?;
    }
}

/// How long is to be waited; none where that is past. A flip of the future (somebody's clock) counts as one of now.
fn left(flip: Option<Timestamp>, keep: Duration, now: Timestamp) -> Option<Duration> {
    let age = now.duration_since(flip?).max(SignedDuration::ZERO);
    keep.checked_sub(age.unsigned_abs()).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_kept_for_so_long_after_a_flip() {
        let minute = Duration::from_secs(60);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(left(None, 15 * minute, now), None);
        assert_eq!(left(Some(now - minute), 15 * minute, now), Some(14 * minute));
        assert_eq!(left(Some(now - 15 * minute), 15 * minute, now), None);
        assert_eq!(left(Some(now + minute), 15 * minute, now), Some(15 * minute));
    }
}
