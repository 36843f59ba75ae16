//! What the fake GitLab knows: projects with a straight history, deployments, people.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// When everything begins.
pub const START: &str = "2026-05-01T08:00:00Z";

/// A deployment.
#[derive(Clone)]
pub struct Deployed {
    pub id: u64,
    pub environment: usize,
    pub commit: usize,
    pub tag: Option<String>,
    pub status: &'static str,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub user: String,
}

/// A project.
#[derive(Clone)]
pub struct Project {
    pub id: u64,
    pub path: String,
    pub name: String,
    pub commits: Vec<Timestamp>,
    pub branches: Vec<(String, usize)>,
    pub tags: Vec<(String, usize)>,
    pub environments: Vec<(u64, String, &'static str)>,
    pub deployments: Vec<Deployed>,
}

/// A fault that strikes the next requests whose path contains `path`.
#[derive(Clone)]
pub struct Fault {
    pub path: String,
    pub status: u16,
    pub retry_after: Option<u64>,
    pub wait: std::time::Duration,
    pub times: usize,
}

/// All of it.
#[derive(Default)]
pub struct World {
    pub projects: BTreeMap<u64, Project>,
    /// Tokens and whose they are; the server's own is user 1.
    pub tokens: HashMap<String, u64>,
    pub members: HashSet<u64>,
    pub faults: Vec<Fault>,
    /// Every request: path and query.
    pub requests: Vec<String>,
    clock: i64,
    next: u64,
}

const SIX: [(&str, &str); 6] = [
    ("development", "development"),
    ("qa", "testing"),
    ("uat", "testing"),
    ("staging", "staging"),
    ("production", "production"),
    ("production-us", "production"),
];

/// The SHA of a project's commit.
pub fn sha(project: u64, commit: usize) -> String {
    Sha256::digest(format!("{project} {commit}")).iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    /// A minute passes.
    fn tick(&mut self) -> Timestamp {
        self.clock += 1;
        START.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(self.clock)
    }

    /// A project with these environments (name, tier) and so many commits.
    pub fn project(&mut self, id: u64, path: &str, environments: &[(&str, &'static str)], commits: usize) {
        let name = path.rsplit('/').next().unwrap().to_owned();
        let environments =
            environments.iter().enumerate().map(|(at, (name, tier))| (id * 100 + at as u64, (*name).to_owned(), *tier)).collect();
        let commits = (0..commits).map(|_| self.tick()).collect();
        let project =
            Project { id, path: path.into(), name, commits, branches: vec![], tags: vec![], environments, deployments: vec![] };
        self.projects.insert(id, project);
    }

    /// A commit on the default branch.
    pub fn commit(&mut self, id: u64) -> usize {
        let now = self.tick();
        let commits = &mut self.projects.get_mut(&id).unwrap().commits;
        commits.push(now);
        commits.len() - 1
    }

    /// A deployment of a commit; a tagged one comes from a tag's pipeline.
    pub fn deploy(&mut self, id: u64, environment: &str, commit: usize, status: &'static str, tag: Option<&str>) -> u64 {
        let now = self.tick();
        self.next += 1;
        let number = self.next;
        let project = self.projects.get_mut(&id).unwrap();
        let environment = project.environments.iter().position(|e| e.1 == environment).unwrap();
        let tag = tag.map(str::to_owned);
        if let Some(tag) = &tag
            && !project.tags.iter().any(|(name, _)| name == tag)
        {
            project.tags.push((tag.clone(), commit));
        }
        let user = "release-bot".to_owned();
        project.deployments.push(Deployed { id: number, environment, commit, tag, status, created: now, updated: now, user });
        number
    }

    /// 500 projects with 6 environments each, in nine groups, some out of step.
    pub fn five_hundred(&mut self) {
        for id in 1..=500 {
            self.project(id, &format!("team/group{}/service-{id}", id % 9), &SIX, 40);
            for (at, (stage, _)) in SIX.iter().enumerate() {
                for commit in 0..4 {
                    let tag = format!("v1.{id}.{}", commit + 30 - at * 3);
                    let number = commit + 33 - at * 3 - id as usize % 3;
                    self.deploy(id, stage, number, "success", (at > 2).then_some(tag.as_str()));
                }
            }
        }
    }

    /// A deployment goes on.
    pub fn finish(&mut self, id: u64, deployment: u64, status: &'static str) {
        let now = self.tick();
        let deployments = &mut self.projects.get_mut(&id).unwrap().deployments;
        let deployment = deployments.iter_mut().find(|d| d.id == deployment).unwrap();
        (deployment.status, deployment.updated) = (status, now);
    }

    /// The next requests whose path contains `path` are answered so.
    pub fn fail(&mut self, path: &str, status: u16, times: usize) {
        self.faults.push(Fault { path: path.into(), status, retry_after: None, wait: Default::default(), times });
    }

    /// How many requests had this in their path.
    pub fn asked(&self, path: &str) -> usize {
        self.requests.iter().filter(|request| request.contains(path)).count()
    }
}

impl Project {
    /// As `/projects/ID` shows it.
    pub fn json(&self, base: &str) -> Value {
        json!({
            "id": self.id, "name": self.name, "path_with_namespace": self.path, "path": self.name, "web_url": format!("{base}/{}", self.path),
            "default_branch": "main", "archived": false, "last_activity_at": self.commits.last(),
        })
    }

    fn commit(&self, at: usize) -> Value {
        let id = sha(self.id, at);
        json!({ "id": id, "short_id": &id[..8], "title": format!("Commit {at}"), "created_at": self.commits[at], "committed_date": self.commits[at] })
    }

    /// As `/environments` shows them.
    pub fn environments(&self) -> Vec<Value> {
        let of = |(id, name, tier): &(u64, String, &str)| json!({ "id": id, "name": name, "slug": name, "tier": tier, "state": "available", "external_url": null });
        self.environments.iter().map(of).collect()
    }

    /// As `/deployments` shows one.
    pub fn deployment(&self, d: &Deployed, base: &str) -> Value {
        let (id, name, _) = &self.environments[d.environment];
        let reference = d.tag.clone().unwrap_or_else(|| "main".into());
        let ended = d.status == "success" || d.status == "failed";
        json!({
            "id": d.id, "iid": d.id, "ref": reference, "sha": sha(self.id, d.commit), "status": d.status,
            "created_at": d.created, "updated_at": d.updated,
            "user": { "id": 1, "username": d.user, "name": d.user },
            "environment": { "id": id, "name": name, "external_url": null },
            "deployable": {
                "id": 7_000 + d.id, "name": "deploy", "ref": reference, "tag": d.tag.is_some(), "status": d.status,
                "created_at": d.created, "started_at": d.created, "finished_at": ended.then_some(d.updated),
                "web_url": format!("{base}/{}/-/jobs/{}", self.path, 7_000 + d.id), "commit": self.commit(d.commit),
            },
        })
    }

    /// As `/repository/branches` shows them.
    pub fn branches(&self) -> Vec<Value> {
        let main = ("main".to_owned(), self.commits.len().wrapping_sub(1));
        let all = self.branches.iter().chain((!self.commits.is_empty()).then_some(&main));
        all.map(|(name, at)| json!({ "name": name, "default": name == "main", "commit": self.commit(*at) })).collect()
    }

    /// As `/repository/tags` shows them, newest first.
    pub fn tags(&self) -> Vec<Value> {
        self.tags
            .iter()
            .rev()
            .map(|(name, at)| json!({ "name": name, "target": sha(self.id, *at), "message": "", "commit": self.commit(*at) }))
            .collect()
    }

    /// Commits that `to` has and `from` lacks; none where either is unknown.
    pub fn compare(&self, from: &str, to: &str) -> Option<Vec<Value>> {
        let at = |wanted: &str| (0..self.commits.len()).find(|at| sha(self.id, *at) == wanted);
        let (from, to) = (at(from)?, at(to)?);
        Some((from + 1..=to).map(|at| self.commit(at)).collect())
    }
}
