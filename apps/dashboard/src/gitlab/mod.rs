//! GitLab as the source of rows.
//!
//! A full reading of a project costs four requests, one more where a version has no tag yet, and one for each environment whose
//! last deployment is older than the newest hundred. A quiet one costs one: deployments that changed since the last.

pub mod api;
pub mod client;
pub mod merge;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::api::{ApiBranch, ApiCompare, ApiDeployment, ApiEnvironment, ApiProject, ApiTag};
use self::client::{Client, Page};
use crate::model::{Branch, Project, Row, pair_key};
use crate::priorities::PriorityFile;
use crate::source::{Source, Unread};

/// How long a pair that cannot be compared is left alone.
const UNCOMPARED: Duration = Duration::from_secs(600);

/// A group of projects in GitLab.
pub struct GitLab {
    client: Arc<Client>,
    group: String,
    priorities: Arc<PriorityFile>,
    uncompared: Mutex<HashMap<String, Instant>>,
}

/// A part of a path, such as `team%2Fsub`.
pub fn part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl GitLab {
    /// The projects of a group and those that the file of priorities names.
    pub fn new(client: Arc<Client>, group: &str, priorities: Arc<PriorityFile>) -> GitLab {
        GitLab { client, group: part(group), priorities, uncompared: Mutex::default() }
    }

    async fn quiet(&self, project: &Project, earlier: &Row) -> Result<Option<Row>, Unread> {
        let Some(mark) = earlier.mark else { return Ok(None) };
        // A second earlier, since two deployments may have the same time; what is known already changes nothing.
        let since = mark - SignedDuration::from_secs(1);
        let path = format!(
            "projects/{}/deployments?order_by=updated_at&sort=asc&per_page=100&updated_after={}",
            project.id,
            part(&since.to_string())
        );
        let changed: Vec<ApiDeployment> = self.client.all(&path).await?;
        let mut row = Row { project: project.clone(), read_at: Timestamp::now(), trouble: None, ..earlier.clone() };
        if !merge::changed(&mut row, &changed) {
            return Ok(None);
        }
        if row.environments != earlier.environments {
            self.tags(&mut row).await?;
        }
        Ok(Some(row))
    }

    async fn full(&self, project: &Project) -> Result<Row, Unread> {
        let id = project.id;
        let now = Timestamp::now();
        let branches = self.branches(project).await?;
        let environments: Vec<ApiEnvironment> =
            self.client.all(&format!("projects/{id}/environments?states=available&per_page=100")).await?;
        let newest = format!("projects/{id}/deployments?order_by=updated_at&sort=desc&per_page=100");
        let newest: Page<Vec<ApiDeployment>> = self.client.get(&newest).await?;
        let deployed = format!("projects/{id}/deployments?status=success&order_by=finished_at&sort=desc&per_page=100");
        let mut deployed: Page<Vec<ApiDeployment>> = self.client.get(&deployed).await?;
        if deployed.has_more() {
            for environment in &environments {
                if !deployed.value.iter().any(|d| d.environment.id == environment.id) {
                    deployed.value.extend(self.last_of(id, &environment.name).await?);
                }
            }
        }
        let mut row = merge::full(project, branches, environments, &newest.value, &deployed.value, now);
        self.tags(&mut row).await?;
        Ok(row)
    }

    async fn last_of(&self, project: u64, environment: &str) -> Result<Vec<ApiDeployment>, Unread> {
        let name = part(environment);
        let path =
            format!("projects/{project}/deployments?environment={name}&status=success&order_by=finished_at&sort=desc&per_page=1");
        Ok(self.client.get(&path).await?.value)
    }

    async fn branches(&self, project: &Project) -> Result<Vec<Branch>, Unread> {
        let Some(main) = &project.default_branch else { return Ok(Vec::new()) };
        let escaped: String = main.chars().flat_map(|c| (!c.is_alphanumeric()).then_some('\\').into_iter().chain([c])).collect();
        let regex = part(&format!("^({escaped}$|release[/-]|hotfix[/-])"));
        let found: Vec<ApiBranch> =
            self.client.all(&format!("projects/{}/repository/branches?regex={regex}&per_page=100", project.id)).await?;
        Ok(found.into_iter().map(Branch::from).collect())
    }

    /// Finds the tags of versions that were deployed from a branch.
    async fn tags(&self, row: &mut Row) -> Result<(), Unread> {
        let untagged = row.environments.iter().flat_map(|e| e.live.iter().chain(&e.attempt)).any(|d| d.tag.is_none());
        if untagged {
            let path = format!("projects/{}/repository/tags?order_by=updated&sort=desc&per_page=100", row.project.id);
            let tags: Page<Vec<ApiTag>> = self.client.get(&path).await?;
            merge::tags(row, &tags.value);
        }
        Ok(())
    }
}

#[async_trait]
impl Source for GitLab {
    async fn projects(&self) -> Result<Vec<Project>, Unread> {
        let path = format!(
            "groups/{}/projects?include_subgroups=true&with_shared=false&archived=false&order_by=id&sort=asc&per_page=100",
            self.group
        );
        let found: Vec<ApiProject> = self.client.all(&path).await.map_err(|error| Unread { everywhere: true, ..error })?;
        let mut projects: Vec<Project> = found.into_iter().map(Project::from).collect();
        for id in self.priorities.now().0.ids() {
            if !projects.iter().any(|project| project.id == id) {
                match self.client.get::<ApiProject>(&format!("projects/{id}")).await {
                    Ok(page) => projects.push(page.value.into()),
                    Err(error) if error.everywhere => return Err(error),
                    Err(error) => tracing::warn!(project = id, %error, "project of the priorities not read"),
                }
            }
        }
        Ok(projects)
    }

    async fn read(&self, project: &Project, earlier: Option<&Row>, full: bool) -> Result<Row, Unread> {
        if let Some(earlier) = earlier.filter(|_| !full)
            && let Some(row) = self.quiet(project, earlier).await?
        {
            return Ok(row);
        }
        self.full(project).await
    }

    async fn commits(&self, project: u64, from: &str, to: &str) -> Result<Option<u32>, Unread> {
        let key = format!("{project}:{}", pair_key(from, to));
        {
            let mut uncompared = self.uncompared.lock().unwrap_or_else(PoisonError::into_inner);
            uncompared.retain(|_, at| at.elapsed() < UNCOMPARED);
            if uncompared.contains_key(&key) {
                return Ok(None);
            }
        }
        let path = format!("projects/{project}/repository/compare?from={}&to={}", part(from), part(to));
        let compared = self.client.get::<ApiCompare>(&path).await;
        let known = compared.as_ref().is_ok_and(|page| !page.value.compare_timeout);
        if !known {
            self.uncompared.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Instant::now());
        }
        Ok(compared.map(|page| page.value)?).map(|compare| known.then_some(compare.commits.len() as u32))
    }

    fn requests(&self) -> u64 {
        self.client.requests.load(Ordering::Relaxed)
    }
}
