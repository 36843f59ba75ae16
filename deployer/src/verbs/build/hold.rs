//! How long a side is held before it is given away: until plans made before the fence have ended, and until the load
//! balancer has taken over the last change of its rules.

use std::time::Duration;

use blue_green::release::times::DATA_PLANE;
use blue_green::release::view::says;
use jiff::Timestamp;

use super::sides::Sides;
use crate::failure::Failure;
use crate::output;

/// Environment variable: how old the flip that retired a side must be before the side is given away, in seconds (120 unless
/// given). Less than 120 can lose requests: the load balancer takes up to two minutes to take a change over.
pub const SECONDS: &str = "DATA_PLANE_SECONDS";
/// How far apart lines of progress are.
const LINE: Duration = Duration::from_secs(15);

/// The shortest age, by the environment.
///
/// # Errors
/// A sentence where the value is not a whole number of seconds up to 3600.
pub fn shortest(environment: impl Fn(&str) -> Option<String>) -> Result<Duration, Failure> {
    let Some(text) = environment(SECONDS).filter(|text| !text.is_empty()) else { return Ok(DATA_PLANE) };
    match text.parse::<u64>() {
        Ok(seconds) if seconds <= 3600 => Ok(Duration::from_secs(seconds)),
        _ => Err(Failure::Usage(format!("{SECONDS} is {text:?}, expected whole seconds from 0 to 3600"))),
    }
}

/// How long to wait from now on, and why, for a person.
#[must_use]
pub fn left(sides: &Sides<'_>, settle: Duration, shortest: Duration, now: Timestamp) -> (Duration, String) {
    let data_plane = match &sides.flip {
        // A clock that is ahead must not make anybody wait longer than the time itself.
        Some((on, flip)) if says(*on, flip) == sides.live_side => {
            let age = Duration::try_from(now.duration_since(flip.time)).unwrap_or_default();
            shortest.saturating_sub(age)
        }
        // The records do not say when the rules moved: as if it had been now.
        Some(_) => shortest,
        None if sides.unreadable => shortest,
        None => Duration::ZERO,
    };
    match data_plane > settle {
        true => (data_plane, "the load balancer may still send requests to this side from before the last flip".to_owned()),
        false => (settle, "flips under way".to_owned()),
    }
}

/// Waits, with a line of progress now and then.
pub async fn wait(time: Duration) {
    let ends = tokio::time::Instant::now() + time;
    loop {
        let left = ends.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LINE)).await;
        let left = ends.saturating_duration_since(tokio::time::Instant::now());
        if !left.is_zero() {
            output::step(&format!("{} s left", left.as_secs()));
        }
    }
}
