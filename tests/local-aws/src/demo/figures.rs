//! What clients got while a flip was made, and whether it is what they should get. Pure.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanFloatCount};

use crate::load::{Report, Sample};

/// The aims of the clients, by name.
pub(super) const LIVE: &str = "live";
/// See [`LIVE`].
pub(super) const TEST: &str = "test";

/// A flip from the clients' side: from `old` to `new` on the live port, the other way round on the test port.
pub(super) struct Flip<'a> {
    pub report: &'a Report,
    pub old: &'a str,
    pub new: &'a str,
    /// When it was approved.
    pub approved: Instant,
    /// When its job was over.
    pub over: Instant,
}

impl Flip<'_> {
    /// From the approval until a client of the live port was first answered by the new version.
    pub fn until_live(&self) -> Option<Duration> {
        self.report.first(LIVE, self.new)?.checked_duration_since(self.approved)
    }

    /// How long both ports answered with the same version.
    pub fn same_version(&self) -> Duration {
        self.report.same_version(LIVE, TEST)
    }

    /// What clients got that they should not have: each a sentence.
    pub fn lost(&self) -> Vec<String> {
        let mut lost = Vec::new();
        for (aim, before, after) in [(LIVE, self.old, self.new), (TEST, self.new, self.old)] {
            let samples = self.report.samples(aim);
            let failed = samples.iter().filter(|sample| !sample.is_served());
            let what = |sample: &Sample| match (sample.status, &sample.why) {
                (Some(status), _) => status.to_string(),
                (None, why) => format!("no answer ({})", why.as_deref().unwrap_or("no reason")),
            };
            for (what, count) in tally(failed.map(what)) {
                lost.push(format!("{} requests to the {aim} port failed: {what}", thousands(count)));
            }
            let wrong = samples.iter().filter(|sample| sample.is_served()).filter_map(|sample| {
                let expected = self.expected(sample, before, after);
                let found = sample.version.as_deref().unwrap_or("no version");
                (!expected.contains(&found)).then(|| format!("{found} instead of {}", expected.join(" or ")))
            });
            for (what, count) in tally(wrong) {
                lost.push(format!("{} requests to the {aim} port were answered by version {what}", thousands(count)));
            }
        }
        lost
    }

    /// The versions that may answer a request: one before and one after the flip, either of them meanwhile.
    fn expected<'v>(&self, sample: &Sample, before: &'v str, after: &'v str) -> Vec<&'v str> {
        if sample.answered < self.approved {
            vec![before]
        } else if sample.sent > self.over {
            vec![after]
        } else {
            vec![before, after]
        }
    }
}

fn tally(items: impl Iterator<Item = String>) -> std::collections::BTreeMap<String, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

/// A whole number as people read it: 3,412.
pub(super) fn thousands(count: usize) -> HumanCount {
    HumanCount(count as u64)
}

/// A duration in milliseconds, a short one with a tenth: 6.9 ms, 3,022 ms.
pub(super) fn milliseconds(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    if milliseconds < 10.0 { format!("{milliseconds:.1} ms") } else { format!("{:.0} ms", HumanFloatCount(milliseconds)) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::milliseconds;

    #[test]
    fn only_a_short_duration_has_a_tenth() {
        let durations = [6_940, 20_400, 3_022_400].map(Duration::from_micros);
        assert_eq!(durations.map(milliseconds), ["6.9 ms", "20 ms", "3,022 ms"]);
    }
}
