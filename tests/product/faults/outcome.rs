//! How a broken flip ended, and whether that is one of the two allowed ends.

use local_aws::gateway::Call;
use local_aws::jobs::JobState;
use local_aws::lambda::Outcome;

use crate::faults::clients::Seen;
use crate::faults::rules::{RuleState, Traffic, traffic};

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

/// One more delivery of the event, after its end.
#[derive(Debug)]
pub struct Further {
    /// Whether anything on the groups says that the event is over.
    pub noted: bool,
    pub outcome: Outcome,
    pub calls: Vec<Call>,
    /// Each rule afterwards.
    pub rules: Vec<RuleState>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub answer: Answer,
    /// Whether there was no job.
    pub direct: bool,
    /// Each rule, before the further deliveries.
    pub rules: Vec<RuleState>,
    /// The calls until the last delivery ended, not those of the further ones.
    pub calls: Vec<Call>,
    /// Whether every fault struck.
    pub hit: bool,
    /// Whether a delivery was ended by the function's time-out.
    pub timed_out: bool,
    /// Terminal results that CodePipeline accepted.
    pub accepted: usize,
    /// To the same process, and to a fresh one.
    pub further: [Further; 2],
    pub seen: Seen,
}

impl Ended {
    pub fn traffic(&self) -> Traffic {
        traffic(&self.rules)
    }

    /// Whether time was over before the fault struck, before the rules were read a last time, or before the answer.
    pub fn is_cut_short(&self) -> bool {
        !self.hit || self.timed_out || self.answer == Answer::Silence
    }

    /// What is wrong with this end of a flip, if anything is.
    pub fn fault(&self) -> Option<String> {
        let version = match (&self.answer, self.traffic()) {
            (Answer::Succeeded, Traffic::Flipped) => "v2",
            (Answer::Failed(..), Traffic::Before) => "v1",
            (Answer::Failed(kind, _), Traffic::Flipped) if kind == "SystemUnavailable" && self.came_again() => "v2",
            (answer, traffic) => return Some(format!("answer {answer:?}, traffic {traffic:?}")),
        };
        if self.seen.after.iter().any(|versions| versions.iter().ne([version])) {
            return Some(format!("the rules answered {:?} afterwards, not {version}", self.seen.after));
        }
        if matches!(self.answer, Answer::Failed(..))
            && self.further.iter().any(|further| !further.noted)
            && !self.could_not_note()
        {
            return Some("the job failed, and nobody tried to note that".to_owned());
        }
        self.fault_besides_traffic()
    }

    /// Whether a job was failed at the function's deadline, the acknowledgement of that was lost, and the event that Lambda
    /// delivered again was finished all the same: its job was over by then.
    pub fn came_again(&self) -> bool {
        let answers: Vec<&Call> = self.calls.iter().filter(|call| call.action.starts_with("PutJob")).collect();
        let failed = answers.iter().position(|call| call.action == "PutJobFailureResult");
        let after = failed.map_or(&[][..], |failed| &answers[failed..]);
        after.iter().any(|call| call.action == "PutJobSuccessResult" && call.status == Some(400))
    }

    /// Whether a note on the groups was tried, or nothing could be read to note it on.
    fn could_not_note(&self) -> bool {
        let unread = |call: &Call| call.action.starts_with("Describe") && call.status != Some(200);
        self.calls.iter().any(|call| call.action == "AddTags" || unread(call))
    }

    /// What is wrong with an end, whatever the traffic.
    pub fn fault_besides_traffic(&self) -> Option<String> {
        if self.accepted != 1 {
            return Some(format!("{} terminal results were accepted", self.accepted));
        }
        if self.timed_out {
            return Some("the function did not end before its time-out".to_owned());
        }
        let further = self.further.iter().zip(["the same", "a fresh"]);
        if let Some(what) =
            further.filter_map(|(further, process)| Some(format!("{process} process: {}", self.not_over(further)?))).next()
        {
            return Some(format!("a further delivery to {what}"));
        }
        self.fault_of_requests()
    }

    /// What is wrong with what the clients saw.
    pub fn fault_of_requests(&self) -> Option<String> {
        if self.seen.failed > 0 {
            return Some(format!("{} requests failed", self.seen.failed));
        }
        let other = self.seen.versions.iter().find(|version| !matches!(version.as_str(), "v1" | "v2"));
        other.map(|other| format!("version {other} was served"))
    }

    /// What a further delivery did although the event is over. Where not one tag could be written, it may flip, as the
    /// README says.
    fn not_over(&self, further: &Further) -> Option<String> {
        // A job that is over counts as answered; a direct call has the same answer again.
        let expected = !self.direct || self.answer == Answer::Succeeded;
        if matches!(further.outcome, Outcome::Answer(_)) != expected {
            return Some(format!("{:?}", further.outcome));
        }
        if !further.noted {
            return None;
        }
        let writes: Vec<_> = further.calls.iter().filter(|call| is_write(call)).map(|call| &call.action).collect();
        if !writes.is_empty() {
            return Some(format!("made the writes {writes:?}"));
        }
        (further.rules != self.rules).then(|| format!("left the rules {:?}", further.rules))
    }
}

/// Whether a call changes something at AWS other than the job.
pub fn is_write(call: &Call) -> bool {
    call.action.starts_with("Modify") || call.action == "AddTags"
}
