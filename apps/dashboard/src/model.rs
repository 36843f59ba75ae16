//! What is known of a project: its environments, what was last deployed to each, and its open branches.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A project as GitLab names it today; only the id never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// GitLab's number of the project.
    pub id: u64,
    /// Its path with namespace, `team/shop`.
    pub path: String,
    /// Its name as people read it.
    pub name: String,
    /// Its page in GitLab.
    pub web_url: String,
    /// Its default branch; none in an empty repository.
    pub default_branch: Option<String>,
}

/// A branch and its newest commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// The branch's name.
    pub name: String,
    /// Its newest commit.
    pub sha: String,
    /// When that was committed.
    pub at: Timestamp,
}

/// How a deployment is going, in GitLab's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, not started.
    Created,
    /// Being deployed.
    Running,
    /// Deployed.
    Success,
    /// Not deployed.
    Failed,
    /// Stopped by a person.
    Canceled,
    /// Not needed.
    Skipped,
    /// Waits for an approval.
    Blocked,
    /// A word that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// GitLab's word for it, as in filters and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
            Status::Skipped => "skipped",
            Status::Blocked => "blocked",
            Status::Unknown => "unknown",
        }
    }
}

/// One deployment of one commit to one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// GitLab's number of it, which grows with time.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// The branch or tag it was deployed from.
    pub reference: String,
    /// The tag of the commit, where it has one.
    pub tag: Option<String>,
    /// How it went.
    pub status: Status,
    /// Who started it: a user name.
    pub by: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its job started; none where there is no job.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its commit was made.
    pub committed_at: Option<Timestamp>,
    /// The job that deployed it.
    pub job: Option<String>,
}

impl Deployment {
    /// What people call it: the tag, else the short SHA.
    pub fn version(&self) -> &str {
        self.tag.as_deref().unwrap_or_else(|| short(&self.sha))
    }

    /// When it ended, or when it was made where it has not ended.
    pub fn at(&self) -> Timestamp {
        self.finished_at.unwrap_or(self.created_at)
    }
}

/// The first eight characters of a commit, as GitLab shows them.
pub fn short(sha: &str) -> &str {
    sha.get(..8).unwrap_or(sha)
}

/// What an environment is for, in GitLab's words, in the order in which releases pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Developers' own.
    Development,
    /// Where tests run.
    Testing,
    /// The rehearsal.
    Staging,
    /// What customers use.
    Production,
    /// None of these.
    #[serde(other)]
    Other,
}

/// One environment of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// GitLab's number of it.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub tier: Tier,
    /// Where it can be visited.
    pub url: Option<String>,
    /// What was last deployed with success, also where that was a roll-back; none where nothing ever was.
    pub live: Option<Deployment>,
    /// A newer attempt that is not, or not yet, a success.
    pub attempt: Option<Deployment>,
}

/// Why a row could not be read, and since when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// When it was tried.
    pub at: Timestamp,
    /// What went wrong, for people.
    pub text: String,
}

/// A project with everything that one row shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The project.
    pub project: Project,
    /// The newest commit of the default branch.
    pub head: Option<Branch>,
    /// Open release and hotfix branches.
    pub branches: Vec<Branch>,
    /// Its environments, in the order in which releases pass.
    pub environments: Vec<Environment>,
    /// Commits between two SHAs that this row needs: `FROM..TO` and how many TO has that FROM lacks.
    #[serde(default)]
    pub behind: BTreeMap<String, u32>,
    /// The newest deployments of all environments, newest first.
    #[serde(default)]
    pub history: Vec<Past>,
    /// How far GitLab's `updated_at` has been read.
    pub mark: Option<Timestamp>,
    /// When deployments were last read.
    pub read_at: Timestamp,
    /// When environments, branches and tags were last read.
    pub full_at: Timestamp,
    /// The last reading's error; the data above are those of `read_at`.
    pub trouble: Option<Trouble>,
}

/// A deployment of the past and where it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// The environment's name.
    pub environment: String,
    /// The deployment.
    pub deployment: Deployment,
}

impl Row {
    /// The environment that a release passes before `at`, where something was deployed to it.
    pub fn before(&self, at: usize) -> Option<&Environment> {
        self.environments.get(..at)?.iter().rev().find(|e| e.live.is_some() && e.tier < self.environments[at].tier)
    }

    /// Every pair of commits whose distance this row shows: (from, to).
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (at, environment) in self.environments.iter().enumerate() {
            let Some(live) = &environment.live else { continue };
            let before = self.before(at).and_then(|e| e.live.as_ref()).map(|d| &d.sha);
            let head = self.head.as_ref().map(|head| &head.sha);
            for to in before.into_iter().chain(head) {
                let pair = (live.sha.clone(), to.clone());
                if live.sha != *to && !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            }
        }
        pairs
    }

    /// How many commits `to` has that `from` lacks; none where that is not known yet.
    pub fn commits_behind(&self, from: &str, to: &str) -> Option<u32> {
        if from == to { Some(0) } else { self.behind.get(&pair_key(from, to)).copied() }
    }

    /// Whether an environment lacks commits of the one before it, or runs another commit by an unknown distance.
    pub fn out_of_step(&self) -> bool {
        (0..self.environments.len()).any(|at| {
            let (Some(live), Some(before)) = (&self.environments[at].live, self.before(at)) else { return false };
            before.live.as_ref().is_some_and(|b| self.commits_behind(&live.sha, &b.sha) != Some(0))
        })
    }
}

/// The name of a pair of commits in [`Row::behind`] and in the cache of compares.
pub fn pair_key(from: &str, to: &str) -> String {
    format!("{from}..{to}")
}
