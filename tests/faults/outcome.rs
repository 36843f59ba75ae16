//! How a broken flip ended, and whether that is one of the two allowed ends.

use local_aws::gateway::Call;
use local_aws::jobs::JobState;
use local_aws::lambda::Outcome;

/// What whoever asked was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The job succeeded, or the invocation answered.
    Succeeded,
    /// The job failed, or the last delivery did: with a type (none for a direct invocation) and a message.
    Failed(String, String),
    /// The job was never answered.
    Silence,
}

impl Answer {
    pub fn of_job(state: &JobState) -> Self {
        match state {
            JobState::InProgress => Self::Silence,
            JobState::Succeeded { .. } => Self::Succeeded,
            JobState::Failed { r#type, message, .. } => Self::Failed(r#type.clone(), message.clone()),
        }
    }

    pub fn of_direct(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answer(_) => Self::Succeeded,
            Outcome::FunctionError { message, .. } => Self::Failed(String::new(), message.clone()),
            Outcome::Crashed | Outcome::TimedOut => Self::Silence,
        }
    }
}

/// Where the traffic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// As before, on every rule.
    Before,
    /// Flipped, on every rule.
    Flipped,
    /// Some rules one way, some the other.
    Split,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub answer: Answer,
    /// Each rule's port and weights.
    pub rules: Vec<(i32, Vec<(String, i32)>)>,
    /// The calls until the last delivery ended, not those of the further one.
    pub calls: Vec<Call>,
    /// Whether every fault struck.
    pub hit: bool,
    /// Terminal results that CodePipeline accepted.
    pub accepted: usize,
    /// Writes that one more delivery made.
    pub further_writes: usize,
    pub failed_requests: usize,
    pub versions: Vec<String>,
}

impl Ended {
    pub fn traffic(&self) -> Traffic {
        let serves = |live: &str| {
            self.rules.iter().all(|(port, weights)| {
                let wanted = if *port == 80 { live == "code1" } else { live != "code1" };
                let serving = if wanted { "code1" } else { "code2" };
                weights.iter().all(|(group, weight)| (*weight == 100) == group.ends_with(serving))
            })
        };
        match (serves("code1"), serves("code2")) {
            (true, _) => Traffic::Before,
            (_, true) => Traffic::Flipped,
            _ => Traffic::Split,
        }
    }

    /// What is wrong with this end of a flip, if anything is.
    pub fn fault(&self) -> Option<String> {
        match (&self.answer, self.traffic()) {
            (Answer::Succeeded, Traffic::Flipped) | (Answer::Failed(..), Traffic::Before) => {}
            (answer, traffic) => return Some(format!("answer {answer:?}, traffic {traffic:?}")),
        }
        self.fault_besides_traffic()
    }

    /// What is wrong with an end, whatever the traffic.
    pub fn fault_besides_traffic(&self) -> Option<String> {
        if self.accepted != 1 {
            return Some(format!("{} terminal results were accepted", self.accepted));
        }
        if self.further_writes > 0 {
            return Some(format!("a further delivery made {} writes", self.further_writes));
        }
        if self.failed_requests > 0 {
            return Some(format!("{} requests failed", self.failed_requests));
        }
        self.versions
            .iter()
            .find(|version| !matches!(version.as_str(), "v1" | "v2"))
            .map(|other| format!("version {other} was served"))
    }
}
