//! Made-up projects that live on: commits arrive, releases pass from stage to stage, some fail, some are rolled back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::model::{Branch, Deployment, Environment, Past, Project, Row, Status, Tier};
use crate::source::{Source, Unread};

const NAMES: [&str; 24] = [
    "accounts",
    "basket",
    "billing",
    "catalogue",
    "checkout",
    "delivery",
    "gateway",
    "images",
    "invoices",
    "login",
    "mail",
    "mobile-api",
    "orders",
    "payments",
    "prices",
    "ratings",
    "reports",
    "returns",
    "search",
    "shop-web",
    "stock",
    "support",
    "terraform",
    "tracking",
];
const GROUPS: [&str; 4] = ["shop/backend", "shop/frontend", "platform/infrastructure", "labs"];
const STAGES: [(&str, Tier); 4] =
    [("development", Tier::Development), ("qa", Tier::Testing), ("staging", Tier::Staging), ("production", Tier::Production)];
const PEOPLE: [&str; 4] = ["backend-team", "frontend-team", "release-bot", "on-call"];

/// The order of the made-up projects, as a file a team would write.
pub const PRIORITIES: &str = "\
gitflow:
  backend: [13, 14, 5, 3]
  frontend: [20, 2, 12]
trunk:
  infrastructure: [23, 7]
  backend: [19, 21, 15]
";

/// One project's made-up life.
#[derive(Clone)]
struct Life {
    commits: u64,
    row: Row,
}

/// The source of `--demo`.
pub struct Demo {
    lives: Mutex<BTreeMap<u64, Life>>,
    requests: AtomicU64,
    turn: AtomicU64,
    names: Vec<Project>,
}

impl Demo {
    /// `count` projects; their past is the same at each start.
    pub fn new(count: u64, now: Timestamp) -> Demo {
        let names: Vec<Project> = (1..=count).map(project).collect();
        let lives = names.iter().map(|p| (p.id, born(p, now))).collect();
        Demo { lives: Mutex::new(lives), requests: AtomicU64::new(0), turn: AtomicU64::new(0), names }
    }
}

fn project(id: u64) -> Project {
    let at = (id as usize - 1) % NAMES.len();
    let more = (id as usize - 1) / NAMES.len();
    let name = if more == 0 { NAMES[at].to_owned() } else { format!("{}-{}", NAMES[at], more + 1) };
    let group = if NAMES[at] == "terraform" || NAMES[at] == "gateway" { GROUPS[2] } else { GROUPS[draw(id, 0, 2) as usize] };
    let path = format!("{group}/{name}");
    let web_url = format!("https://gitlab.com/{path}");
    Project { id, web_url, path, name, default_branch: Some("main".into()) }
}

/// A number below `below`, always the same for the same project and purpose.
fn draw(id: u64, purpose: u64, below: u64) -> u64 {
    let digest = Sha256::digest(format!("{id}/{purpose}"));
    digest.iter().take(6).fold(0, |sum, byte| sum * 256 + u64::from(*byte)) % below
}

/// The made-up SHA of a project's commit.
fn sha(id: u64, commit: u64) -> String {
    Sha256::digest(format!("commit {id} {commit}")).iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

/// Where a commit is in the made-up history; none where it is another project's.
fn number(id: u64, wanted: &str, commits: u64) -> Option<u64> {
    (1..=commits).rev().find(|n| sha(id, *n) == wanted)
}

fn deployed(id: u64, stage: usize, commit: u64, status: Status, at: Timestamp) -> Deployment {
    let tagged = stage >= 2 || commit.is_multiple_of(5);
    let wait = SignedDuration::from_mins(draw(id, commit, 50) as i64 + 2);
    Deployment {
        id: commit * 10 + stage as u64 + u64::from(status != Status::Success) * 5,
        sha: sha(id, commit),
        reference: if tagged { format!("v1.{}.{}", commit / 10, commit % 10) } else { "main".into() },
        tag: tagged.then(|| format!("v1.{}.{}", commit / 10, commit % 10)),
        status,
        by: Some(PEOPLE[draw(id, commit + 7, 4) as usize].into()),
        created_at: at - wait,
        started_at: Some(at - SignedDuration::from_mins(2)),
        finished_at: (status != Status::Running && status != Status::Blocked).then_some(at),
        committed_at: Some(at - wait - SignedDuration::from_hours(stage as i64 * 2)),
        job: Some(format!("{}/-/jobs/{}", project(id).web_url, 40_000 + id * 100 + commit)),
    }
}

fn born(project: &Project, now: Timestamp) -> Life {
    let id = project.id;
    let commits = 40 + draw(id, 1, 60);
    let stages = if draw(id, 2, 5) == 0 { 3 } else { 4 };
    let hours = |hours: u64| now - SignedDuration::from_hours(hours as i64);
    let mut lag = 0;
    let mut environments = Vec::new();
    let mut history = Vec::new();
    for (stage, (name, tier)) in STAGES.iter().take(stages).enumerate() {
        if draw(id, 50 + stage as u64, 5) < 2 {
            lag += [draw(id, 3, 3), draw(id, 4, 2), draw(id, 5, 6), draw(id, 6, 9)][stage];
        }
        let never = stage == 3 && draw(id, 8, 8) == 0;
        // Each commit passes the stages some hours apart, so that times of passage can be computed; some projects are slow.
        let (pause, pace) = (draw(id, 40, 30), draw(id, 41, 3) + 1);
        let at = |commit: u64| hours((commits - commit) * (8 * pace + 1) + pause + [7, 5, 3, 1][stage] * pace);
        let newest = commits - lag;
        let live = (!never).then(|| deployed(id, stage, newest, Status::Success, at(newest)));
        let attempt = match (stage, draw(id, 20 + stage as u64, 9)) {
            (0, 0) => Some(deployed(id, stage, commits, Status::Failed, now - SignedDuration::from_mins(25))),
            (1, 0) => Some(deployed(id, stage, commits, Status::Running, now - SignedDuration::from_mins(3))),
            (3, 0 | 1) if !never => Some(deployed(id, stage, commits, Status::Blocked, hours(1))),
            _ => None,
        };
        let (step, depth) = [(1, 24), (1, 16), (2, 12), (4, 8)][stage];
        for commit in (1..newest / step).rev().map(|part| part * step).take(depth) {
            let status = if draw(id, 60 + commit * 4 + stage as u64, 12) == 0 { Status::Failed } else { Status::Success };
            history.push(Past { environment: (*name).into(), deployment: deployed(id, stage, commit, status, at(commit)) });
        }
        history.extend(live.iter().chain(&attempt).map(|d| Past { environment: (*name).into(), deployment: d.clone() }));
        let url = (stage == 3).then(|| format!("https://{}.example.com", project.name));
        environments.push(Environment { id: id * 10 + stage as u64, name: (*name).into(), tier: *tier, url, live, attempt });
    }
    history.sort_by_key(|past| std::cmp::Reverse(past.deployment.at()));
    let branch = |name: String, commit: u64, age| Branch { name, sha: sha(id, commit), at: hours(age) };
    let mut branches = Vec::new();
    if draw(id, 30, 3) == 0 {
        branches.push(branch(format!("release/1.{}", commits / 10 + 1), commits, 5));
    }
    if draw(id, 31, 7) == 0 {
        branches.push(branch("hotfix/rounding".into(), commits - 1, 2));
    }
    let head = Some(branch("main".into(), commits, draw(id, 13, 6)));
    let row = Row {
        project: project.clone(),
        head,
        branches,
        environments,
        behind: BTreeMap::new(),
        history,
        mark: None,
        read_at: now,
        full_at: now,
        trouble: None,
    };
    Life { commits, row }
}

/// Something happens to a project: a commit that is deployed to the first stage, or a promotion.
fn live_on(life: &mut Life, turn: u64, now: Timestamp) {
    let id = life.row.project.id;
    let chance = draw(id, 1_000 + turn, 12);
    if chance == 0 {
        life.commits += 1;
        life.row.head = Some(Branch { name: "main".into(), sha: sha(id, life.commits), at: now });
        settle(&mut life.row, 0, deployed(id, 0, life.commits, Status::Success, now));
    } else if chance <= 2 && life.row.environments.len() > chance as usize {
        let stage = chance as usize;
        let Some(sha) = life.row.environments[stage - 1].live.as_ref().map(|d| d.sha.clone()) else { return };
        let Some(commit) = number(id, &sha, life.commits) else { return };
        settle(&mut life.row, stage, deployed(id, stage, commit, Status::Success, now));
    }
}

fn settle(row: &mut Row, stage: usize, deployment: Deployment) {
    let environment = &mut row.environments[stage];
    row.history.insert(0, Past { environment: environment.name.clone(), deployment: deployment.clone() });
    row.history.truncate(60);
    environment.live = Some(deployment);
    environment.attempt = None;
}

#[async_trait]
impl Source for Demo {
    async fn projects(&self) -> Result<Vec<Project>, Unread> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(self.names.clone())
    }

    async fn read(&self, project: &Project, earlier: Option<&Row>, _full: bool) -> Result<Row, Unread> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let now = Timestamp::now();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        let life = lives.get_mut(&project.id).ok_or_else(|| Unread::here(format!("no made-up project {}", project.id)))?;
        if earlier.is_some() {
            live_on(life, turn, now);
        }
        Ok(Row { read_at: now, full_at: now, ..life.row.clone() })
    }

    async fn commits(&self, project: u64, from: &str, to: &str) -> Result<Option<u32>, Unread> {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(life) = lives.get(&project) else { return Ok(None) };
        let at = |sha| number(project, sha, life.commits);
        Ok(at(to).zip(at(from)).map(|(to, from)| to.saturating_sub(from) as u32))
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
