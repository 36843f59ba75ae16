//! How an execution goes through a stage.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures::future::join_all;
use serde_json::Value;

use uuid::Uuid;

use super::actions::details_of;
use super::definition::Action;
use super::state::ActionState;
use super::{CodePipeline, Status};
use crate::gateway::lock;
use crate::pipeline::now;

impl CodePipeline {
    /// Runs a stage again that failed: its failed actions, or all.
    ///
    /// # Errors
    /// Where the stage has not failed with this execution.
    pub fn retry_stage(&self, pipeline: &str, stage: &str, id: &str, all: bool) -> Result<()> {
        let mut pipelines = lock(&self.0.pipelines);
        let state = pipelines.get_mut(pipeline).with_context(|| format!("there is no pipeline {pipeline}"))?;
        let index = state.definition.stage(stage)?;
        let at = &mut state.stages[index];
        if at.inside.is_some() || at.last != Some((id.to_owned(), Status::Failed)) {
            bail!("the stage {stage} of {pipeline} has not failed with execution {id}");
        }
        at.inside = Some(id.to_owned());
        if let Some(execution) = state.execution(id) {
            execution.status = Status::InProgress;
        }
        self.spawn(pipeline, index, id, !all);
        drop(pipelines);
        self.changed();
        Ok(())
    }

    pub(super) fn spawn(&self, pipeline: &str, stage: usize, id: &str, only_failed: bool) {
        let (held, pipeline, id) = (Arc::downgrade(&self.0), pipeline.to_owned(), id.to_owned());
        tokio::spawn(async move {
            if let Some(this) = Self::held(&held) {
                this.run_stage(&pipeline, stage, &id, only_failed).await;
            }
        });
    }

    async fn run_stage(&self, pipeline: &str, stage: usize, id: &str, only_failed: bool) {
        let Some(actions) = self.actions(pipeline, stage) else { return };
        let mut status = Status::Succeeded;
        let orders: std::collections::BTreeSet<u32> = actions.iter().map(|action| action.run_order).collect();
        for order in orders {
            let due = actions.iter().filter(|action| action.run_order == order);
            let due = due.filter(|action| !(only_failed && self.has_succeeded(pipeline, stage, &action.name)));
            let ran = join_all(due.map(|action| self.run_action(pipeline, stage, id, action))).await;
            if ran.contains(&false) {
                status = Status::Failed;
                break;
            }
        }
        let next = lock(&self.0.pipelines).get_mut(pipeline).map(|state| state.leave(stage, id, status)).unwrap_or_default();
        for (stage, id) in next {
            self.spawn(pipeline, stage, &id, false);
        }
        self.changed();
    }

    fn actions(&self, pipeline: &str, stage: usize) -> Option<Vec<Action>> {
        lock(&self.0.pipelines).get(pipeline)?.definition.stages.get(stage).map(|stage| stage.actions.clone())
    }

    fn has_succeeded(&self, pipeline: &str, stage: usize, action: &str) -> bool {
        let pipelines = lock(&self.0.pipelines);
        let state = pipelines.get(pipeline).and_then(|pipeline| pipeline.stages.get(stage)?.actions.get(action));
        state.is_some_and(|state| state.status == Status::Succeeded)
    }

    /// Runs an action to its end; whether it succeeded.
    async fn run_action(&self, pipeline: &str, stage: usize, id: &str, action: &Action) -> bool {
        let mut begun = ActionState {
            id: Uuid::new_v4().to_string(),
            status: Status::InProgress,
            summary: String::new(),
            external_id: String::new(),
            token: None,
            link: None,
            details: Value::Null,
        };
        let Some(at) = self.at(pipeline, stage, id) else { return false };
        begun.details = at.details(action, &begun.id);
        self.note(pipeline, stage, &action.name, |state| *state = begun.clone(), Some(begun.clone()));
        let done = self.act(&at, action).await;
        let ended = details_of(&done);
        let succeeded = done.is_ok();
        let (status, summary, external_id) = match done {
            Ok(done) => {
                let mut pipelines = lock(&self.0.pipelines);
                let execution = pipelines.get_mut(pipeline).and_then(|pipeline| pipeline.execution(id));
                if let (Some(execution), Some(namespace)) = (execution, &action.namespace) {
                    execution.variables.export(namespace, done.variables);
                }
                (Status::Succeeded, done.summary, done.external_id)
            }
            Err(error) => (Status::Failed, format!("{error:#}"), String::new()),
        };
        let over = |state: &mut ActionState| {
            (state.status, state.summary, state.external_id) = (status, summary, external_id);
            state.details["status"] = status.as_str().into();
            state.details["lastUpdateTime"] = now().into();
            state.details["output"] = ended;
        };
        self.note(pipeline, stage, &action.name, over, None);
        if let Some(state) = lock(&self.0.pipelines).get_mut(pipeline) {
            let shown = state.stages[stage].actions.get(&action.name).map(|action| action.details.clone());
            state.over.extend(shown);
        }
        succeeded
    }

    pub(super) fn note(
        &self,
        pipeline: &str,
        stage: usize,
        action: &str,
        change: impl FnOnce(&mut ActionState),
        new: Option<ActionState>,
    ) {
        if let Some(stage) = lock(&self.0.pipelines).get_mut(pipeline).and_then(|pipeline| pipeline.stages.get_mut(stage)) {
            if let Some(new) = new {
                stage.actions.insert(action.to_owned(), new);
            }
            if let Some(state) = stage.actions.get_mut(action) {
                change(state);
            }
        }
        self.changed();
    }
}
