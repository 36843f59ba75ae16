//! The API of CodePipeline, as far as scripts and the deployer call it (botocore: codepipeline/2015-07-09).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::state::{ActionState, Stage};
use super::{CodePipeline, Status};
use crate::gateway::{ServiceError, lock};
use crate::pipeline::page;

impl CodePipeline {
    /// Answers a call; none where the operation is not played. `caller` is the role and session that makes it.
    pub(crate) fn answer(&self, action: &str, caller: &str, body: &Value) -> Option<Result<Value, ServiceError>> {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        Some(match action {
            "StartPipelineExecution" => {
                let given = body["variables"].as_array().into_iter().flatten();
                let given = given.filter_map(|v| Some((v["name"].as_str()?.to_owned(), v["value"].as_str()?.to_owned())));
                let started = self.begin(
                    text("name"),
                    &given.collect::<BTreeMap<_, _>>(),
                    ("StartPipelineExecution", &self.arn_of(caller)),
                );
                started.map(|id| json!({ "pipelineExecutionId": id })).map_err(|error| not_found(error.to_string()))
            }
            "GetPipelineState" => self.state(text("name")),
            "GetPipelineExecution" => self.execution(text("pipelineName"), text("pipelineExecutionId")),
            "ListPipelineExecutions" => self.list(text("pipelineName"), body),
            "ListActionExecutions" => self.actions_of(text("pipelineName"), body),
            "RetryStageExecution" => {
                let all = text("retryMode") == "ALL_ACTIONS";
                let id = text("pipelineExecutionId");
                let retried = self.retry_stage(text("pipelineName"), text("stageName"), id, all);
                retried
                    .map(|()| json!({ "pipelineExecutionId": id }))
                    .map_err(|error| ServiceError::new("StageNotRetryableException", error.to_string()))
            }
            "PutApprovalResult" => self.put_approval(caller, body),
            _ => return None,
        })
    }

    fn state(&self, name: &str) -> Result<Value, ServiceError> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(name).ok_or_else(|| no_pipeline(name))?;
        let stages = pipeline.definition.stages.iter().zip(&pipeline.stages).map(|(defined, stage)| {
            let actions = defined.actions.iter().map(|action| {
                let mut shown = json!({ "actionName": action.name });
                if let Some(state) = stage.actions.get(&action.name) {
                    shown["latestExecution"] = latest(state);
                    if let Some(link) = &state.link {
                        shown["entityUrl"] = json!(link);
                    }
                }
                shown
            });
            let mut shown = json!({ "stageName": defined.name, "actionStates": actions.collect::<Vec<_>>() });
            if let Some((id, status)) = inside(stage) {
                shown["latestExecution"] = json!({ "pipelineExecutionId": id, "status": status.as_str() });
            }
            if let Some(id) = &stage.waiting {
                shown["inboundExecution"] = json!({ "pipelineExecutionId": id, "status": "InProgress" });
                shown["inboundExecutions"] = json!([{ "pipelineExecutionId": id, "status": "InProgress" }]);
            }
            shown
        });
        Ok(json!({ "pipelineName": name, "pipelineVersion": 1, "stageStates": stages.collect::<Vec<_>>() }))
    }

    fn execution(&self, name: &str, id: &str) -> Result<Value, ServiceError> {
        let mut pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get_mut(name).ok_or_else(|| no_pipeline(name))?;
        let execution = pipeline.execution(id).ok_or_else(|| {
            ServiceError::new("PipelineExecutionNotFoundException", format!("The pipeline execution {id} does not exist"))
        })?;
        Ok(json!({ "pipelineExecution": {
            "pipelineName": name, "pipelineExecutionId": id, "status": execution.status.as_str(),
            "artifactRevisions": [{ "name": "Source", "revisionId": execution.revision }],
        } }))
    }

    fn list(&self, name: &str, body: &Value) -> Result<Value, ServiceError> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(name).ok_or_else(|| no_pipeline(name))?;
        let shown = pipeline.executions.iter().map(|execution| {
            json!({ "pipelineExecutionId": execution.id, "status": execution.status.as_str(), "trigger": execution.trigger })
        });
        page("pipelineExecutionSummaries", &shown.collect::<Vec<_>>(), body)
    }

    /// What is over, and then what runs.
    fn actions_of(&self, name: &str, body: &Value) -> Result<Value, ServiceError> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(name).ok_or_else(|| no_pipeline(name))?;
        let wanted = body["filter"]["pipelineExecutionId"].as_str();
        let mut details = pipeline.over.clone();
        for stage in &pipeline.stages {
            let running = stage.actions.values().filter(|state| state.status == Status::InProgress);
            details.extend(running.map(|state| state.details.clone()));
        }
        details.retain(|action| wanted.is_none_or(|wanted| action["pipelineExecutionId"] == wanted));
        page("actionExecutionDetails", &details, body)
    }

    fn put_approval(&self, caller: &str, body: &Value) -> Result<Value, ServiceError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (pipeline, stage, action) = (text(&body["pipelineName"]), text(&body["stageName"]), text(&body["actionName"]));
        let answered = {
            let mut pipelines = lock(&self.0.pipelines);
            let state = pipelines.get_mut(&pipeline).ok_or_else(|| no_pipeline(&pipeline))?;
            let index =
                state.definition.stage(&stage).map_err(|error| ServiceError::new("StageNotFoundException", error.to_string()))?;
            let state = state.stages[index].actions.get_mut(&action);
            let state = state.ok_or_else(|| ServiceError::new("ActionNotFoundException", format!("no action {action} waits")))?;
            if state.token.is_none() {
                return Err(ServiceError::new(
                    "ApprovalAlreadyCompletedException",
                    "The approval action has already been approved or rejected",
                ));
            }
            if state.token != Some(text(&body["token"])) {
                return Err(ServiceError::new("InvalidApprovalTokenException", "The approval token is not valid"));
            }
            state.token = None;
            state.summary = text(&body["result"]["summary"]);
            state.details["updatedBy"] = self.arn_of(caller).into();
            match body["result"]["status"].as_str() {
                Some("Approved") => state.status = Status::Succeeded,
                Some("Rejected") => state.status = Status::Failed,
                other => return Err(ServiceError::new("ValidationException", format!("{other:?} is no approval status"))),
            }
            // Seconds since the epoch, whatever they are.
            json!({ "approvedAt": 1_800_000_000 })
        };
        self.changed();
        Ok(answered)
    }
}

impl CodePipeline {
    pub(super) fn arn_of(&self, caller: &str) -> String {
        format!("arn:aws:sts::{}:assumed-role/{caller}", self.0.account.id())
    }
}

fn inside(stage: &Stage) -> Option<(String, Status)> {
    stage.inside.clone().map(|id| (id, Status::InProgress)).or_else(|| stage.last.clone())
}

fn latest(state: &ActionState) -> Value {
    let mut shown = json!({ "actionExecutionId": state.id, "status": state.status.as_str(), "summary": state.summary });
    if let Some(token) = &state.token {
        shown["token"] = json!(token);
    }
    if !state.external_id.is_empty() {
        shown["externalExecutionId"] = json!(state.external_id);
    }
    if state.status == Status::Failed {
        shown["errorDetails"] = json!({ "code": "JobFailed", "message": state.summary });
    }
    shown
}

fn no_pipeline(name: &str) -> ServiceError {
    not_found(format!("Account does not have a pipeline with name '{name}'"))
}

fn not_found(message: String) -> ServiceError {
    ServiceError::new("PipelineNotFoundException", message)
}
