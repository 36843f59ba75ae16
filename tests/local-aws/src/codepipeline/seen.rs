//! What whoever watches a pipeline sees, and the answer of an approver.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::timeout;

use super::{CodePipeline, Status};
use crate::gateway::lock;

/// An approval that waits.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The execution that waits.
    pub execution: String,
    /// The stage.
    pub stage: String,
    /// The action.
    pub action: String,
    /// What the approver reads.
    pub text: String,
    /// Where the approver looks.
    pub link: Option<String>,
    token: String,
}

impl CodePipeline {
    /// How an execution is; none where there is none.
    pub fn status(&self, pipeline: &str, id: &str) -> Option<Status> {
        lock(&self.0.pipelines).get_mut(pipeline)?.execution(id).map(|execution| execution.status)
    }

    /// The ids of a pipeline's executions, the newest last.
    pub fn executions(&self, pipeline: &str) -> Vec<String> {
        let pipelines = lock(&self.0.pipelines);
        pipelines.get(pipeline).map(|p| p.executions.iter().map(|execution| execution.id.clone()).collect()).unwrap_or_default()
    }

    /// What an action said last; none where it never ran.
    pub fn said(&self, pipeline: &str, stage: &str, action: &str) -> Option<(Status, String)> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(pipeline)?;
        let state = pipeline.stages.get(pipeline.definition.stage(stage).ok()?)?.actions.get(action)?;
        Some((state.status, state.summary.clone()))
    }

    /// A variable that an execution has.
    pub fn variable(&self, pipeline: &str, id: &str, name: &str) -> Option<String> {
        lock(&self.0.pipelines).get_mut(pipeline)?.execution(id)?.variables.variable(name).map(str::to_owned)
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// Where it is not within `within`: how everything is then.
    pub async fn wait(&self, within: Duration, what: &str, mut so: impl FnMut(&Self) -> bool) -> Result<()> {
        let mut changed = self.0.changed.subscribe();
        let waited = timeout(within, async {
            while !so(self) {
                // The sender lives as long as this.
                let _ = changed.changed().await;
            }
        });
        if waited.await.is_err() {
            bail!("{what}: not so after {within:?}; {}", self.told());
        }
        Ok(())
    }

    /// Every pipeline with what its actions said, for errors.
    pub fn told(&self) -> String {
        let pipelines = lock(&self.0.pipelines);
        let mut told = Vec::new();
        for (name, pipeline) in pipelines.iter() {
            told.push(format!("{name}: {:?}", pipeline.executions.iter().map(|e| (e.id.as_str(), e.status)).collect::<Vec<_>>()));
            for action in pipeline.stages.iter().flat_map(|stage| &stage.actions) {
                told.push(format!("  {} {:?} {}", action.0, action.1.status, action.1.summary));
            }
        }
        told.join("\n")
    }

    /// The approval that waits in a pipeline; none where none does.
    pub fn approval(&self, pipeline: &str) -> Option<Asked> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(pipeline)?;
        let stages = pipeline.definition.stages.iter().zip(&pipeline.stages);
        stages.into_iter().find_map(|(defined, stage)| {
            let (action, state) = stage.actions.iter().find(|(_, state)| state.token.is_some())?;
            Some(Asked {
                execution: stage.inside.clone()?,
                stage: defined.name.clone(),
                action: action.clone(),
                text: state.summary.clone(),
                link: state.link.clone(),
                token: state.token.clone()?,
            })
        })
    }

    /// The execution that waits before a stage; none where none does.
    pub fn waits(&self, pipeline: &str, stage: &str) -> Option<String> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(pipeline)?;
        pipeline.stages.get(pipeline.definition.stage(stage).ok()?)?.waiting.clone()
    }

    /// Answers the approval that waits in a pipeline.
    ///
    /// # Errors
    /// Where none waits.
    pub fn answer_approval(&self, pipeline: &str, approved: bool) -> Result<()> {
        let asked = self.approval(pipeline).with_context(|| format!("no approval waits in {pipeline}"))?;
        let status = if approved { "Approved" } else { "Rejected" };
        let body = serde_json::json!({
            "pipelineName": pipeline, "stageName": asked.stage, "actionName": asked.action, "token": asked.token,
            "result": { "status": status, "summary": "by a test" },
        });
        match self.answer("PutApprovalResult", "approvers/approver", &body) {
            Some(Ok(_)) => Ok(()),
            other => bail!("the approval was not taken: {other:?}"),
        }
    }
}
