//! A pipeline's executions and actions, as CodePipeline's ListPipelineExecutions and ListActionExecutions tell them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// An action of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The execution it belongs to.
    pub execution: String,
    /// `Invoke`, `Approval`, `Build`, …
    pub category: String,
    /// `InProgress`, `Succeeded`, `Failed`, `Abandoned`.
    pub status: String,
    /// When it began.
    pub began: Option<Timestamp>,
    /// When it last changed.
    pub changed: Option<Timestamp>,
    /// Who changed it last: for an approval, who approved or rejected it.
    pub by: Option<String>,
    /// The parameters of a Lambda action, its variables filled in.
    pub parameters: Option<String>,
    /// What it exported.
    pub variables: BTreeMap<String, String>,
    /// The id that the function gave: the flip's.
    pub external: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// An execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// Who started it; none where a push did.
    pub by: Option<String>,
}

/// A time as the JSON protocol writes it, in seconds; or as text.
#[must_use]
pub fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        // Milliseconds are all that is told.
        other => Timestamp::from_millisecond((other.as_f64()? * 1_000.0).round() as i64).ok(),
    }
}

/// The name that people know somebody by: the last part of an ARN, such as a role's session or a user.
#[must_use]
pub fn person(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Action {
    /// Reads one of `actionExecutionDetails`; none without the ids that each one has.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let (input, output) = (&value["input"], &value["output"]);
        let result = &output["executionResult"];
        let variables = output["outputVariables"].as_object().into_iter().flatten();
        let given = text(&input["resolvedConfiguration"]["UserParameters"]);
        Some(Self {
            execution: text(&value["pipelineExecutionId"])?,
            category: text(&input["actionTypeId"]["category"])?,
            status: text(&value["status"])?,
            began: time(&value["startTime"]),
            changed: time(&value["lastUpdateTime"]),
            by: value["updatedBy"].as_str().map(person),
            parameters: given.or_else(|| text(&input["configuration"]["UserParameters"])),
            variables: variables.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
            external: text(&result["externalExecutionId"]),
            error: text(&result["errorDetails"]["message"]),
        })
    }
}

impl Execution {
    /// Reads one of `pipelineExecutionSummaries`.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let trigger = &value["trigger"];
        // Of the other triggers the detail is a webhook or a rule, and nobody.
        let by_hand = ["StartPipelineExecution", "ManualRollback", "PutActionRevision"];
        let person_of =
            trigger["triggerType"].as_str().filter(|kind| by_hand.contains(kind)).and(trigger["triggerDetail"].as_str());
        Some(Self { id: text(&value["pipelineExecutionId"])?, by: person_of.filter(|arn| !arn.is_empty()).map(person) })
    }
}
