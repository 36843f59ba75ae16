//! What CodePipeline keeps of a pipeline's past: ListActionExecutions and ListPipelineExecutions, the newest first, by pages.
//!
//! Fields and names: service model codepipeline 2015-07-09.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway::{ServiceError, lock};

/// The pipeline's name.
pub const PIPELINE: &str = "shop";
/// The largest page of either list.
const PAGE: u64 = 100;

/// The past of an account's pipeline. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Past(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    executions: Vec<Value>,
    actions: Vec<Value>,
}

/// An action that is over.
#[derive(Clone, Debug, Default)]
pub struct Over<'a> {
    /// `Build`, `Approval`, `Deploy`, `Invoke`.
    pub category: &'a str,
    /// Its name.
    pub name: &'a str,
    /// `Succeeded` or `Failed`.
    pub status: &'a str,
    /// Who changed it last, as an ARN.
    pub by: &'a str,
    /// What it was given, variables filled in.
    pub configuration: Value,
    /// What it answered: `executionResult` and `outputVariables`.
    pub output: Value,
}

/// Seconds, as the JSON protocol writes times.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl Past {
    /// Notes an action of an execution, which a person started where it is the first.
    pub fn note(&self, account: &str, execution: &str, began: f64, over: Over<'_>) {
        let mut lists = lock(&self.0);
        if !lists.executions.iter().any(|known| known["pipelineExecutionId"] == execution) {
            let by = format!("arn:aws:sts::{account}:assumed-role/developers/developer");
            lists.executions.push(json!({
                "pipelineExecutionId": execution, "status": "InProgress", "startTime": began, "lastUpdateTime": began,
                "trigger": { "triggerType": "StartPipelineExecution", "triggerDetail": by },
            }));
        }
        lists.actions.push(json!({
            "pipelineExecutionId": execution, "actionExecutionId": Uuid::new_v4().to_string(), "pipelineVersion": 1,
            "stageName": over.category, "actionName": over.name, "startTime": began, "lastUpdateTime": now(),
            "status": over.status, "updatedBy": over.by,
            "input": {
                "actionTypeId": { "category": over.category, "owner": "AWS", "provider": over.name, "version": "1" },
                "resolvedConfiguration": over.configuration,
            },
            "output": over.output,
        }));
    }

    /// When an action begins.
    #[must_use]
    pub fn begins() -> f64 {
        now()
    }

    /// Answers one of the two lists; none for another operation.
    pub(crate) fn answer(&self, action: &str, body: &Value) -> Option<Result<Value, ServiceError>> {
        let lists = lock(&self.0);
        let (name, list) = match action {
            "ListActionExecutions" => ("actionExecutionDetails", &lists.actions),
            "ListPipelineExecutions" => ("pipelineExecutionSummaries", &lists.executions),
            _ => return None,
        };
        let pipeline = body["pipelineName"].as_str().unwrap_or_default();
        if pipeline != PIPELINE {
            let text = format!("Account does not have a pipeline with name '{pipeline}'");
            return Some(Err(ServiceError::new("PipelineNotFoundException", text)));
        }
        Some(page(name, list, body))
    }
}

/// A page of one of the two lists, which has the newest last.
pub(crate) fn page(name: &str, list: &[Value], body: &Value) -> Result<Value, ServiceError> {
    let size = body["maxResults"].as_u64().unwrap_or(PAGE);
    if !(1..=PAGE).contains(&size) {
        return Err(ServiceError::new("ValidationException", "maxResults must be from 1 to 100".to_owned()));
    }
    let from = match body["nextToken"].as_str() {
        None => 0,
        Some(token) => {
            token.parse::<usize>().map_err(|_| ServiceError::new("InvalidNextTokenException", "no such page".to_owned()))?
        }
    };
    let size = usize::try_from(size).unwrap_or(1);
    let shown: Vec<&Value> = list.iter().rev().skip(from).take(size).collect();
    let more = from + shown.len() < list.len();
    let mut answer = json!({ name: shown });
    if more {
        answer["nextToken"] = (from + size).to_string().into();
    }
    Ok(answer)
}
