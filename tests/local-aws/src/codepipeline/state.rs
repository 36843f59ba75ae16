//! What CodePipeline knows: pipelines, their executions, stages and actions. Who may enter a stage is decided here.
//!
//! Source: CodePipeline user guide, "How pipeline executions work": a stage takes one execution at a time; one that waits
//! before a stage is superseded by a newer one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::artifacts::Artifacts;
use super::definition::Definition;
use crate::pipeline::Execution as Variables;

/// How an execution, a stage or an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It runs or waits.
    InProgress,
    /// It is over, as it should be.
    Succeeded,
    /// It is over, and something failed.
    Failed,
    /// A newer execution took its place before a stage.
    Superseded,
    /// The pipeline was updated meanwhile.
    Stopped,
}

impl Status {
    /// As the API says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Superseded => "Superseded",
            Self::Stopped => "Stopped",
        }
    }
}

/// A pipeline and everything that ran in it.
#[derive(Debug)]
pub struct Pipeline {
    pub definition: Arc<Definition>,
    /// The newest last.
    pub executions: Vec<Execution>,
    pub stages: Vec<Stage>,
    /// The actions that are over, as ListActionExecutions shows them: the newest last.
    pub over: Vec<Value>,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Execution {
    pub id: String,
    pub status: Status,
    pub variables: Variables,
    pub artifacts: Artifacts,
    /// What the source was.
    pub revision: String,
    /// Why it began: `triggerType` and `triggerDetail`.
    pub trigger: Value,
}

/// A stage.
#[derive(Debug, Default)]
pub struct Stage {
    pub inside: Option<String>,
    pub waiting: Option<String>,
    /// The last execution that was inside, and how it went.
    pub last: Option<(String, Status)>,
    pub actions: BTreeMap<String, ActionState>,
}

/// An action as it was last run.
#[derive(Clone, Debug)]
pub struct ActionState {
    /// Its own execution id.
    pub id: String,
    pub status: Status,
    pub summary: String,
    pub external_id: String,
    /// Of an approval that waits.
    pub token: Option<String>,
    pub link: Option<String>,
    /// As ListActionExecutions shows it.
    pub details: Value,
}

impl Pipeline {
    pub fn new(definition: Definition) -> Self {
        let stages = definition.stages.iter().map(|_| Stage::default()).collect();
        Self { definition: Arc::new(definition), executions: Vec::new(), stages, over: Vec::new() }
    }

    pub fn execution(&mut self, id: &str) -> Option<&mut Execution> {
        self.executions.iter_mut().find(|execution| execution.id == id)
    }

    fn end(&mut self, id: &str, status: Status) {
        if let Some(execution) = self.execution(id) {
            execution.status = status;
        }
    }

    /// An execution comes to a stage. Whether it is inside now; else it waits, and whoever waited is superseded.
    pub fn enter(&mut self, stage: usize, id: &str) -> bool {
        let at = &mut self.stages[stage];
        if at.inside.is_none() {
            at.inside = Some(id.to_owned());
            return true;
        }
        if let Some(older) = at.waiting.replace(id.to_owned()) {
            self.end(&older, Status::Superseded);
        }
        false
    }

    /// An execution leaves a stage. Returns who is inside now: the one that goes on to the next stage, and the one that waited.
    pub fn leave(&mut self, stage: usize, id: &str, status: Status) -> Vec<(usize, String)> {
        let at = &mut self.stages[stage];
        // Somebody else may be inside: the execution was stopped meanwhile.
        if at.inside.as_deref() != Some(id) {
            return Vec::new();
        }
        at.inside = None;
        at.last = Some((id.to_owned(), status));
        let mut inside = Vec::new();
        if let Some(waiting) = at.waiting.take() {
            at.inside = Some(waiting.clone());
            inside.push((stage, waiting));
        }
        if status != Status::Succeeded || stage + 1 == self.stages.len() {
            self.end(id, status);
        } else if self.enter(stage + 1, id) {
            inside.push((stage + 1, id.to_owned()));
        }
        inside
    }

    /// An update of the pipeline ends what runs in it.
    pub fn stop_all(&mut self) {
        for execution in &mut self.executions {
            if execution.status == Status::InProgress {
                execution.status = Status::Stopped;
            }
        }
        for stage in &mut self.stages {
            (stage.inside, stage.waiting) = (None, None);
        }
    }
}
