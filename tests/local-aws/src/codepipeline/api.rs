//! The API of CodePipeline, as far as scripts and the deployer call it (botocore: codepipeline/2015-07-09).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::state::{ActionState, Stage};
use super::{CodePipeline, Status};
use crate::gateway::{ServiceError, lock};

impl CodePipeline {
    /// Answers a call; none where the operation is not played.
    pub(crate) fn answer(&self, action: &str, body: &Value) -> Option<Result<Value, ServiceError>> {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        Some(match action {
            "StartPipelineExecution" => {
                let given = body["variables"].as_array().into_iter().flatten();
                let given = given.filter_map(|v| Some((v["name"].as_str()?.to_owned(), v["value"].as_str()?.to_owned())));
                let started = self.start_execution(text("name"), &given.collect::<BTreeMap<_, _>>());
                started.map(|id| json!({ "pipelineExecutionId": id })).map_err(|error| not_found(error.to_string()))
            }
            "GetPipelineState" => self.state(text("name")),
            "GetPipelineExecution" => self.execution(text("pipelineName"), text("pipelineExecutionId")),
            "ListPipelineExecutions" => self.list(text("pipelineName")),
            "ListActionExecutions" => self.actions_of(text("pipelineName"), body),
            "RetryStageExecution" => {
                let all = text("retryMode") == "ALL_ACTIONS";
                let id = text("pipelineExecutionId");
                let retried = self.retry_stage(text("pipelineName"), text("stageName"), id, all);
                retried
                    .map(|()| json!({ "pipelineExecutionId": id }))
                    .map_err(|error| ServiceError::new("StageNotRetryableException", error.to_string()))
            }
            "PutApprovalResult" => self.put_approval(body),
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

    fn list(&self, name: &str) -> Result<Value, ServiceError> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(name).ok_or_else(|| no_pipeline(name))?;
        let newest_first = pipeline.executions.iter().rev();
        let shown = newest_first.map(|e| json!({ "pipelineExecutionId": e.id, "status": e.status.as_str() }));
        Ok(json!({ "pipelineExecutionSummaries": shown.collect::<Vec<_>>() }))
    }

    /// What runs and ran of the newest execution of each stage: enough for whoever asks what an approval says.
    fn actions_of(&self, name: &str, body: &Value) -> Result<Value, ServiceError> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(name).ok_or_else(|| no_pipeline(name))?;
        let wanted = body["filter"]["pipelineExecutionId"].as_str();
        let mut details = Vec::new();
        for (defined, stage) in pipeline.definition.stages.iter().zip(&pipeline.stages) {
            let Some((id, _)) = inside(stage).filter(|(id, _)| wanted.is_none_or(|wanted| wanted == id)) else { continue };
            for (action, state) in &stage.actions {
                let mut configuration = json!({});
                if let (Some(link), true) = (&state.link, state.token.is_some()) {
                    configuration = json!({ "CustomData": state.summary, "ExternalEntityLink": link });
                }
                details.push(json!({
                    "pipelineExecutionId": id, "actionExecutionId": state.id, "stageName": defined.name, "actionName": action,
                    "status": state.status.as_str(), "input": { "resolvedConfiguration": configuration },
                }));
            }
        }
        Ok(json!({ "actionExecutionDetails": details }))
    }

    fn put_approval(&self, body: &Value) -> Result<Value, ServiceError> {
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
