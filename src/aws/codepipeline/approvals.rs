//! Approvals of a pipeline: what waits, what its approver reads, and the answer.

use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;
use crate::aws::json::{CODEPIPELINE, Json};

/// The approvals of one pipeline.
#[derive(Clone, Debug)]
pub struct Approvals {
    json: Json,
    caller: Caller,
    pipeline: String,
}

/// An approval that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The stage that it locks.
    pub stage: String,
    /// The action.
    pub action: String,
    /// The execution that waits for it.
    pub execution: String,
    /// Since when, in seconds since 1970; none where CodePipeline does not say it.
    pub since: Option<i64>,
    /// The execution that waits behind it for the stage.
    pub behind: Option<String>,
    /// What the approver reads.
    pub text: Option<String>,
    /// Where the approver looks.
    pub link: Option<String>,
    #[serde(skip)]
    token: String,
}

impl Approvals {
    /// The approvals of a pipeline, until the caller's deadline.
    #[must_use]
    pub fn new(json: Json, caller: Caller, pipeline: &str) -> Self {
        Self { json, caller, pipeline: pipeline.to_owned() }
    }

    /// The approval that waits; none where none does.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn waiting(&self) -> Result<Option<Waiting>, AwsFailure> {
        let action = "codepipeline:GetPipelineState";
        let state = self.call(action, json!({ "name": self.pipeline })).await?;
        let Some((stage, asked)) = list(&state["stageStates"]).find_map(asked) else { return Ok(None) };
        let waiting = waiting(stage, asked);
        let mut waiting =
            waiting.ok_or_else(|| AwsFailure::incomplete(action, &self.pipeline, "execution of an approval that waits"))?;
        let asked = json!({ "pipelineName": self.pipeline, "filter": { "pipelineExecutionId": waiting.execution } });
        let actions = self.call("codepipeline:ListActionExecutions", asked).await?;
        let mine = list(&actions["actionExecutionDetails"]).find(|action| action["actionName"] == waiting.action.as_str());
        let configured = |key: &str| text(&mine?["input"]["resolvedConfiguration"][key]);
        (waiting.text, waiting.link) = (configured("CustomData"), configured("ExternalEntityLink"));
        Ok(Some(waiting))
    }

    /// Answers an approval. Its token is of this very approval: CodePipeline refuses it where somebody answered meanwhile.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn answer(&self, waiting: &Waiting, approve: bool, summary: &str) -> Result<(), AwsFailure> {
        let status = if approve { "Approved" } else { "Rejected" };
        let answer = json!({
            "pipelineName": self.pipeline,
            "stageName": waiting.stage,
            "actionName": waiting.action,
            "token": waiting.token,
            "result": { "status": status, "summary": summary },
        });
        self.call("codepipeline:PutApprovalResult", answer).await.map(drop)
    }

    async fn call(&self, action: &'static str, parameters: Value) -> Result<Value, AwsFailure> {
        self.json.call(&self.caller, &CODEPIPELINE, action, &self.pipeline, &parameters).await
    }
}

/// The action of a stage that asks somebody, with its stage.
fn asked(stage: &Value) -> Option<(&Value, &Value)> {
    let asks =
        |action: &&Value| action["latestExecution"]["token"].is_string() && action["latestExecution"]["status"] == "InProgress";
    list(&stage["actionStates"]).find(asks).map(|action| (stage, action))
}

/// What waits there; none where a part is missing.
fn waiting(stage: &Value, action: &Value) -> Option<Waiting> {
    let latest = &action["latestExecution"];
    Some(Waiting {
        stage: text(&stage["stageName"])?,
        action: text(&action["actionName"])?,
        execution: text(&stage["latestExecution"]["pipelineExecutionId"])?,
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
        since: latest["lastStatusChange"].as_f64().map(|seconds| seconds as i64),
        behind: text(&stage["inboundExecution"]["pipelineExecutionId"]),
        text: None,
        link: None,
        token: text(&latest["token"])?,
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{asked, waiting};

    #[test]
    fn an_approval_that_waits_is_never_read_as_none() {
        let action = json!({ "actionName": "Approve", "latestExecution": { "token": "t", "status": "InProgress" } });
        let whole =
            json!({ "stageName": "Release", "latestExecution": { "pipelineExecutionId": "e" }, "actionStates": [action] });
        let part = json!({ "stageName": "Release", "actionStates": [action] });
        let execution = |stage| asked(stage).map(|(stage, action)| waiting(stage, action).map(|waiting| waiting.execution));
        assert_eq!(execution(&whole), Some(Some("e".to_owned())));
        assert_eq!(execution(&part), Some(None), "it waits, and cannot be answered");
        let answered = json!({ "stageName": "Release", "actionStates": [{ "latestExecution": { "status": "Succeeded" } }] });
        assert_eq!(execution(&answered), None);
    }
}
