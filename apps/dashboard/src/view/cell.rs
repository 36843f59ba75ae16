//! One environment of one project, in words.

use jiff::Timestamp;

use crate::model::{Deployment, Row, short};

/// How long ago something was, in its largest unit: `now`, `5 min`, `3 h`, `12 d`, `4 mo`, `2 y`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(then).as_mins();
    match minutes {
        ..1 => "now".into(),
        1..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        2_880..129_600 => format!("{} d", minutes / 1_440),
        129_600..1_051_200 => format!("{} mo", minutes / 43_800),
        _ => format!("{} y", minutes / 525_600),
    }
}

/// How long ago something was, as the end of a sentence: `just now`, `5 min ago`.
pub fn since(then: Timestamp, now: Timestamp) -> String {
    let age = ago(then, now);
    if age == "now" { "just now".into() } else { format!("{age} ago") }
}

/// How many commits something lacks, and where to see them.
pub struct Behind {
    /// Of which stage or branch.
    pub than: String,
    /// The number; none where it is not known yet.
    pub commits: Option<u32>,
    /// GitLab's comparison.
    pub link: String,
}

/// A deployment in words.
pub struct Stage {
    /// Tag or short SHA.
    pub version: String,
    /// The commit.
    pub sha: String,
    /// Its job, else its commit.
    pub link: String,
    /// Its age.
    pub age: String,
    /// Its time.
    pub at: String,
    /// Who.
    pub by: String,
    /// GitLab's word.
    pub status: &'static str,
}

impl Stage {
    /// The words of a deployment of this project.
    pub fn of(deployment: &Deployment, row: &Row, now: Timestamp) -> Stage {
        let commit = || format!("{}/-/commit/{}", row.project.web_url, short(&deployment.sha));
        Stage {
            version: deployment.version().to_owned(),
            sha: short(&deployment.sha).to_owned(),
            link: deployment.job.clone().unwrap_or_else(commit),
            age: ago(deployment.at(), now),
            at: minute(deployment.at()),
            by: deployment.by.clone().unwrap_or_default(),
            status: deployment.status.word(),
        }
    }
}

/// A time to the minute, which is what people read.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// A cell of the table.
pub enum Cell {
    /// The project has no such environment.
    None,
    /// Nothing was ever deployed with success.
    Never {
        /// The environment's page in GitLab.
        link: String,
        /// An attempt that did not succeed, or not yet.
        attempt: Option<Stage>,
    },
    /// Something runs there.
    Live {
        /// What was last deployed.
        live: Stage,
        /// Where the environment can be visited.
        visit: Option<String>,
        /// Commits behind the stage before and behind the default branch.
        behind: Vec<Behind>,
        /// A newer attempt.
        attempt: Option<Stage>,
    },
}

impl Cell {
    /// The cell of a project's environment.
    pub fn of(row: &Row, name: &str, now: Timestamp) -> Cell {
        let Some(at) = row.environments.iter().position(|e| e.name == name) else { return Cell::None };
        let environment = &row.environments[at];
        let attempt = environment.attempt.as_ref().map(|attempt| Stage::of(attempt, row, now));
        let Some(live) = &environment.live else {
            return Cell::Never { link: format!("{}/-/environments/{}", row.project.web_url, environment.id), attempt };
        };
        let before = row.before(at).and_then(|e| Some((e.name.as_str(), e.live.as_ref()?.sha.as_str())));
        let head = row.head.as_ref().map(|head| (head.name.as_str(), head.sha.as_str()));
        let behind = before.into_iter().chain(head).filter_map(|(than, to)| {
            let commits = row.commits_behind(&live.sha, to);
            let link = format!("{}/-/compare/{}...{}", row.project.web_url, short(&live.sha), short(to));
            (commits != Some(0)).then(|| Behind { than: than.to_owned(), commits, link })
        });
        let visit = environment.url.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        Cell::Live { live: Stage::of(live, row, now), visit, behind: behind.collect(), attempt }
    }
}
