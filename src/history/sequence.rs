//! What became of each release: the next one of the same service says it.

use std::collections::BTreeMap;

use super::{Outcome, Release};

/// All releases, the newest first, each with its end. Those that were made come in as [`Outcome::Live`].
#[must_use]
pub fn sequence(releases: Vec<Release>) -> Vec<Release> {
    let mut services: BTreeMap<String, Vec<Release>> = BTreeMap::new();
    for release in releases {
        services.entry(release.what.clone()).or_default().push(release);
    }
    let mut all: Vec<Release> = services.into_values().flat_map(of_one).collect();
    all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.what.cmp(&b.what)).then_with(|| b.id.cmp(&a.id)));
    all
}

/// The releases of one service.
fn of_one(mut releases: Vec<Release>) -> Vec<Release> {
    releases.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
    let mut made: Vec<&mut Release> = releases.iter_mut().filter(|release| release.outcome == Outcome::Live).collect();
    for next in 1..made.len() {
        let (earlier, later) = made.split_at_mut(next);
        let (Some(own), Some(next)) = (earlier.last_mut(), later.first_mut()) else { continue };
        // What a release replaced is what the one before it brought, where nothing else tells.
        next.replaced = next.replaced.take().or_else(|| own.version.clone());
        own.until = Some(next.at);
        own.outcome = Outcome::Replaced;
        if own.replaced.is_some() && next.version == own.replaced && next.version != own.version {
            own.outcome = Outcome::TakenBack;
            own.taken_back_by.clone_from(&next.by);
        }
    }
    releases
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::history::Way;

    fn release(what: &str, minute: i64, version: &str, by: &str, outcome: Outcome) -> Release {
        Release {
            what: what.to_owned(),
            way: Way::Flip,
            version: Some(version.to_owned()),
            replaced: None,
            place: "Code1".to_owned(),
            by: Some(by.to_owned()),
            id: format!("e-{minute}"),
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute),
            outcome,
            until: None,
            taken_back_by: None,
            reason: None,
        }
    }

    fn told(releases: Vec<Release>) -> Vec<String> {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(100);
        let line = |r: Release| {
            let live = r.live_for(now).map_or("-".to_owned(), super::super::span);
            format!("{} {} {live} {}", r.what, r.version.clone().unwrap(), r.afterwards())
        };
        sequence(releases).into_iter().map(line).collect()
    }

    #[test]
    fn a_release_is_live_until_the_next_one() {
        let made = |minute, version| release("shop", minute, version, "ann", Outcome::Live);
        let found = told(vec![made(1, "1.0"), made(61, "1.2"), made(31, "1.1")]);
        assert_eq!(found, ["shop 1.2 39 min live", "shop 1.1 30 min replaced", "shop 1.0 30 min replaced"]);
    }

    #[test]
    fn who_brings_back_the_version_before_took_the_release_back() {
        let made = |minute, version, by| release("shop", minute, version, by, Outcome::Live);
        let found = told(vec![made(1, "1.0", "ann"), made(31, "1.1", "ann"), made(41, "1.0", "bob")]);
        assert_eq!(found, ["shop 1.0 59 min live", "shop 1.1 10 min taken back by bob", "shop 1.0 30 min replaced"]);
    }

    #[test]
    fn a_failed_release_ends_none_before_it() {
        let mut failed = release("shop", 31, "1.1", "ann", Outcome::Failed);
        failed.reason = Some("too few healthy targets".to_owned());
        let found = told(vec![release("shop", 1, "1.0", "ann", Outcome::Live), failed]);
        assert_eq!(found, ["shop 1.1 - failed: too few healthy targets", "shop 1.0 99 min live"]);
    }

    #[test]
    fn the_same_version_again_takes_nothing_back() {
        let made = |minute, version| release("shop", minute, version, "ann", Outcome::Live);
        assert_eq!(told(vec![made(1, "1.0"), made(31, "1.0")]), ["shop 1.0 69 min live", "shop 1.0 30 min replaced"]);
    }

    #[test]
    fn services_do_not_end_each_other() {
        let made = |what, minute| release(what, minute, "1.0", "ann", Outcome::Live);
        assert_eq!(told(vec![made("a", 1), made("b", 31)]), ["b 1.0 69 min live", "a 1.0 99 min live"]);
    }
}
