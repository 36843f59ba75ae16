//! Why tasks stopped: the same failure is told once, with its number.

use super::seen::Task;

/// Stop codes of tasks that somebody, or ECS itself, asked to end; they say nothing against a deployment.
const ASKED: [&str; 5] =
    ["ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption", "TerminationNotice", "InfrastructureHealth"];

/// A failure, and how many tasks had it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words: the container, its exit code, its reason, then the task's.
    pub what: String,
    /// How many tasks.
    pub tasks: usize,
    /// One of them.
    pub example: Task,
    /// Its container that failed, where one did.
    pub container: Option<String>,
}

/// Whether a task failed: it stopped, and nobody asked it to. A task that failed its health check was asked to end, and failed.
#[must_use]
pub fn failed(task: &Task) -> bool {
    let health = task.stopped_reason.contains("health check");
    task.status == "STOPPED" && (health || !ASKED.contains(&task.stop_code.as_str()))
}

/// How many failed tasks end a deployment that no breaker ends: half of the desired ones, at least 3, at most 200, as ECS's own
/// breaker counts (developer guide, "deployment circuit breaker"). Where there is one, it comes first.
#[must_use]
pub fn limit(desired: u32, breaker: bool) -> usize {
    let own = (desired.div_ceil(2)).clamp(3, 200) as usize;
    if breaker { 2 * own } else { own }
}

/// The failures of these tasks, the most frequent first.
#[must_use]
pub fn failures(tasks: &[Task]) -> Vec<Failure> {
    let mut found: Vec<Failure> = Vec::new();
    for task in tasks.iter().filter(|task| failed(task)) {
        let (what, container) = why(task);
        match found.iter_mut().find(|failure| failure.what == what) {
            Some(failure) => (failure.tasks, failure.example) = (failure.tasks + 1, task.clone()),
            None => found.push(Failure { what, tasks: 1, example: task.clone(), container }),
        }
    }
    found.sort_by_key(|failure| std::cmp::Reverse(failure.tasks));
    found
}

/// Why a task stopped, in words, and which container was to blame.
#[must_use]
pub fn why(task: &Task) -> (String, Option<String>) {
    // Who ended first is not told: a code other than 0 and those of signals, else any reason, is the best there is.
    let code = |container: &super::seen::Container| container.exit_code.filter(|code| *code != 0);
    let by_signal = |code: i64| code == 137 || code == 143;
    let blamed = (task.containers.iter())
        .find(|container| code(container).is_some_and(|code| !by_signal(code)) || !container.reason.is_empty())
        .or_else(|| task.containers.iter().find(|container| code(container).is_some()))
        .or_else(|| task.containers.iter().find(|container| container.exit_code == Some(0)))
        .filter(|_| task.stop_code != "ServiceSchedulerInitiated");
    let mut parts = Vec::new();
    if let Some(container) = blamed {
        let mut part = format!("container {}", container.name);
        match container.exit_code {
            Some(137) => part.push_str(" ended with exit code 137 (killed, or out of memory)"),
            Some(code) => part.push_str(&format!(" ended with exit code {code}")),
            None => {}
        }
        if !container.reason.is_empty() {
            part.push_str(&format!(": {}", container.reason));
        }
        parts.push(part);
    }
    if !task.stopped_reason.is_empty() && task.stopped_reason != "Essential container in task exited" {
        parts.push(general(task));
    }
    if parts.is_empty() {
        parts.push(if task.stop_code.is_empty() { "no reason is given".to_owned() } else { task.stop_code.clone() });
    }
    (parts.join("; "), blamed.map(|container| container.name.clone()))
}

/// A task's reason without its own id, so that the same reason is the same text.
fn general(task: &Task) -> String {
    let reason = task.stopped_reason.trim_end_matches('.');
    if task.id().is_empty() { reason.to_owned() } else { reason.replace(task.id(), "ID") }
}

#[cfg(test)]
mod tests {
    use super::{failures, limit, why};
    use crate::roll::seen::{Container, Task};

    fn task(code: Option<i64>, stop_code: &str, reason: &str) -> Task {
        let container = Container { name: "web".to_owned(), exit_code: code, ..Container::default() };
        let status = "STOPPED".to_owned();
        Task {
            status,
            stop_code: stop_code.to_owned(),
            stopped_reason: reason.to_owned(),
            containers: vec![container],
            ..Task::default()
        }
    }

    #[test]
    fn the_same_failure_is_told_once_with_its_number() {
        let crash = || task(Some(3), "EssentialContainerExited", "Essential container in task exited");
        let pull = task(None, "TaskFailedToStart", "CannotPullContainerError: not found");
        let asked = task(Some(143), "ServiceSchedulerInitiated", "Scaling activity");
        let found = failures(&[crash(), pull, crash(), asked]);
        let told: Vec<_> = found.iter().map(|failure| (failure.tasks, failure.what.as_str())).collect();
        assert_eq!(told, [(2, "container web ended with exit code 3"), (1, "CannotPullContainerError: not found")]);
    }

    #[test]
    fn a_failed_health_check_counts_although_ecs_asked_for_the_end() {
        let sick = task(Some(143), "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)");
        assert_eq!(failures(&[sick])[0].what, "Task failed ELB health checks in (target-group x)");
    }

    #[test]
    fn the_container_that_failed_is_blamed_not_one_killed_with_it() {
        let container = |name: &str, code| Container { name: name.to_owned(), exit_code: Some(code), ..Container::default() };
        let mut stopped = task(None, "EssentialContainerExited", "Essential container in task exited");
        stopped.containers = vec![container("side", 143), container("web", 1)];
        assert_eq!(why(&stopped), ("container web ended with exit code 1".to_owned(), Some("web".to_owned())));
    }

    #[test]
    fn the_limit_is_that_of_the_breaker_and_twice_as_much_where_there_is_one() {
        assert_eq!([(0, false), (1, false), (7, false), (1000, false), (7, true)].map(|(d, b)| limit(d, b)), [3, 3, 4, 200, 8]);
    }
}
