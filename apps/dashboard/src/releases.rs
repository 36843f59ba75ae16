//! This project's own releases, beside GitLab's: flips and rolling updates, as AWS knows of them.

use std::time::Duration;

use blue_green::asked::parameters::is_load_balancer_name;
use blue_green::aws::history::{History, Places};
use blue_green::history::{Outcome, Release, Way, sequence};
use blue_green::seen::ports;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::Trouble;

/// How long one AWS call, and all of one reading, may take.
const CALL: Duration = Duration::from_secs(5);
const READING: Duration = Duration::from_secs(45);

/// What is known of releases.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The releases, the newest first.
    pub releases: Vec<Release>,
    /// When they were read; none where they never were.
    pub read_at: Option<Timestamp>,
    /// Why the last reading failed.
    pub trouble: Option<Trouble>,
}

impl Known {
    /// Whether anything reads releases.
    pub fn asked_for(&self) -> bool {
        self.read_at.is_some() || self.trouble.is_some()
    }
}

/// Where releases come from.
pub enum Releases {
    /// AWS.
    Aws(Box<History>, Places),
    /// Nowhere: they are made up.
    MadeUp,
}

impl Releases {
    /// Clients for these places.
    pub async fn aws(places: Places) -> Releases {
        Releases::Aws(Box::new(History::new(&blue_green::aws::settings(CALL).await)), places)
    }

    /// Reads them. An error overwrites nothing.
    pub async fn read(&self, earlier: &Known) -> Known {
        let now = Timestamp::now();
        let (history, places) = match self {
            Releases::MadeUp => return Known { releases: made_up(now), read_at: Some(now), trouble: None },
            Releases::Aws(history, places) => (history, places),
        };
        match history.read(places, READING).await {
            Ok(releases) => Known { releases, read_at: Some(now), trouble: None },
            Err(error) => {
                tracing::warn!(%error, "releases not read");
                let text = format!("{error}. Check AWS_REGION, the RELEASES_ settings and the policy history.json.");
                Known { trouble: Some(Trouble { at: now, text }), ..earlier.clone() }
            }
        }
    }
}

/// The places of `RELEASES_PIPELINES`, `RELEASES_LOAD_BALANCERS` and `RELEASES_SERVICES`; none where all are empty.
pub fn places(pipelines: &str, load_balancers: &str, services: &str) -> Result<Option<Places>, String> {
    let list = |text: &str| text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (pipelines, load_balancers) = (list(pipelines), list(load_balancers));
    if let Some(wrong) = load_balancers.iter().find(|name| !is_load_balancer_name(name)) {
        return Err(format!(
            "RELEASES_LOAD_BALANCERS names {wrong:?}: a load balancer's name has 1 to 32 letters, digits and hyphens"
        ));
    }
    let pair = |text: String| match text.split_once('/') {
        Some((cluster, name)) if !cluster.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((cluster.to_owned(), name.to_owned()))
        }
        _ => Err(format!("RELEASES_SERVICES names {text:?}: it must be CLUSTER/SERVICE")),
    };
    let services = list(services).into_iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    let places = Places { pipelines, load_balancers, services, ports: ports::DEFAULT.to_vec() };
    let none = places.pipelines.is_empty() && places.load_balancers.is_empty() && places.services.is_empty();
    Ok((!none).then_some(places))
}

/// Releases of a made-up shop: one was taken back, one failed.
fn made_up(now: Timestamp) -> Vec<Release> {
    let release = |what: &str, way, hours: i64, version: &str, by: &str, place: &str, reason: Option<&str>| Release {
        what: what.into(),
        way,
        version: Some(version.into()),
        replaced: None,
        place: place.into(),
        by: Some(by.into()),
        id: format!("{what}-{version}-{hours}"),
        at: now - SignedDuration::from_hours(hours),
        outcome: if reason.is_some() { Outcome::Failed } else { Outcome::Live },
        until: None,
        taken_back_by: None,
        reason: reason.map(Into::into),
    };
    let (flip, roll) = (Way::Flip, Way::Roll);
    sequence(vec![
        release("shop", flip, 214, "1.0", "release-manager", "Code1", None),
        release("shop", flip, 121, "1.1", "release-manager", "Code2", None),
        release("shop", flip, 119, "1.0", "on-call", "Code1", None),
        release(
            "shop",
            flip,
            49,
            "1.2",
            "release-manager",
            "Code2",
            Some("Code2 has 1 healthy target, the live side 4: 4 are required"),
        ),
        release("shop", flip, 26, "1.2", "release-manager", "Code2", None),
        release("main/worker", roll, 150, "2.3.0", "gitlab-ci", "worker:41", None),
        release(
            "main/worker",
            roll,
            52,
            "2.4.0",
            "gitlab-ci",
            "worker:42",
            Some("3 tasks ended with exit code 3; worker:41 runs again"),
        ),
        release("main/worker", roll, 5, "2.4.1", "gitlab-ci", "worker:43", None),
    ])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    #[test]
    fn places_are_lists() {
        let found = places("shop, other", "shop", " main/web ,main/worker").unwrap().unwrap();
        assert_eq!(found.pipelines, ["shop", "other"]);
        assert_eq!(found.services, [("main".into(), "web".into()), ("main".into(), "worker".into())]);
        assert!(places("", " ", ",").unwrap().is_none());
    }

    #[test]
    fn wrong_places_are_named() {
        for (load_balancers, services, expected) in [
            ("a b", "", "RELEASES_LOAD_BALANCERS names \"a b\""),
            ("", "web", "RELEASES_SERVICES names \"web\""),
            ("", "main/", "RELEASES_SERVICES names \"main/\""),
            ("", "a/b/c", "RELEASES_SERVICES names \"a/b/c\""),
        ] {
            assert!(places("", load_balancers, services).err().unwrap().contains(expected), "{expected}");
        }
    }

    #[test]
    fn the_made_up_ones_show_every_outcome() {
        let releases = made_up(Timestamp::UNIX_EPOCH);
        for outcome in [Outcome::Live, Outcome::Replaced, Outcome::TakenBack, Outcome::Failed] {
            assert!(releases.iter().any(|release| release.outcome == outcome), "{outcome:?}");
        }
    }
}
