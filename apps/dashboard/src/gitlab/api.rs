//! GitLab's answers, as far as they are used.

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::{Branch, Deployment, Project, Status, Tier};

/// A project.
#[derive(Deserialize)]
pub struct ApiProject {
    id: u64,
    name: String,
    path_with_namespace: String,
    web_url: String,
    default_branch: Option<String>,
}

impl From<ApiProject> for Project {
    fn from(from: ApiProject) -> Project {
        let ApiProject { id, name, path_with_namespace: path, web_url, default_branch } = from;
        Project { id, path, name, web_url, default_branch }
    }
}

/// A commit.
#[derive(Deserialize)]
pub struct ApiCommit {
    /// The SHA.
    pub id: String,
    committed_date: Option<Timestamp>,
    created_at: Option<Timestamp>,
}

impl ApiCommit {
    fn at(&self) -> Option<Timestamp> {
        self.committed_date.or(self.created_at)
    }
}

/// A branch.
#[derive(Deserialize)]
pub struct ApiBranch {
    name: String,
    commit: ApiCommit,
}

impl From<ApiBranch> for Branch {
    fn from(from: ApiBranch) -> Branch {
        let at = from.commit.at().unwrap_or(Timestamp::UNIX_EPOCH);
        Branch { name: from.name, sha: from.commit.id, at }
    }
}

/// A tag.
#[derive(Deserialize)]
pub struct ApiTag {
    /// Its name.
    pub name: String,
    /// Its commit.
    pub commit: ApiCommit,
}

/// An environment.
#[derive(Clone, Deserialize)]
pub struct ApiEnvironment {
    /// GitLab's number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where it can be visited.
    pub external_url: Option<String>,
    /// What it is for.
    pub tier: Option<Tier>,
}

#[derive(Deserialize)]
struct ApiUser {
    username: String,
}

#[derive(Deserialize)]
struct ApiJob {
    id: u64,
    #[serde(default)]
    tag: bool,
    web_url: Option<String>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    commit: Option<ApiCommit>,
}

/// A deployment.
#[derive(Deserialize)]
pub struct ApiDeployment {
    id: u64,
    #[serde(rename = "ref")]
    reference: String,
    sha: String,
    status: Status,
    created_at: Timestamp,
    /// When anything of it changed.
    pub updated_at: Timestamp,
    finished_at: Option<Timestamp>,
    user: Option<ApiUser>,
    /// Where to.
    pub environment: ApiEnvironment,
    deployable: Option<ApiJob>,
}

impl ApiDeployment {
    /// The deployment as the dashboard keeps it.
    pub fn keep(&self, project: &Project) -> Deployment {
        let job = self.deployable.as_ref();
        let ended = matches!(self.status, Status::Success | Status::Failed | Status::Canceled | Status::Skipped);
        let finished = self.finished_at.or(job.and_then(|job| job.finished_at)).or(Some(self.updated_at));
        Deployment {
            id: self.id,
            sha: self.sha.clone(),
            reference: self.reference.clone(),
            tag: job.is_some_and(|job| job.tag).then(|| self.reference.clone()),
            status: self.status,
            by: self.user.as_ref().map(|user| user.username.clone()),
            created_at: self.created_at,
            started_at: job.and_then(|job| job.started_at),
            finished_at: finished.filter(|_| ended),
            committed_at: job.and_then(|job| job.commit.as_ref()).and_then(ApiCommit::at),
            job: job.map(|job| job.web_url.clone().unwrap_or_else(|| format!("{}/-/jobs/{}", project.web_url, job.id))),
        }
    }
}

/// A comparison of two commits.
#[derive(Deserialize)]
pub struct ApiCompare {
    /// The commits that `to` has and `from` lacks.
    pub commits: Vec<serde::de::IgnoredAny>,
    /// Whether GitLab gave up.
    #[serde(default)]
    pub compare_timeout: bool,
}

/// A member of a group.
#[derive(Deserialize)]
pub struct ApiMember {
    /// `active`, or why not.
    pub state: Option<String>,
    /// 10 is Guest, 20 Reporter.
    #[serde(default)]
    pub access_level: u32,
}

/// A user.
#[derive(Deserialize)]
pub struct ApiPerson {
    /// GitLab's number.
    pub id: u64,
    /// The user name.
    pub username: String,
}
