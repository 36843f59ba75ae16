//! Spans of time, as people read them.

use jiff::SignedDuration;

/// `40 s`, `5 min`, `3 h`, `12 d`.
#[must_use]
pub fn span(span: SignedDuration) -> String {
    match span.as_secs().max(0) {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
