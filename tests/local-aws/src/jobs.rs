//! CodePipeline's side of a job: the event it sends to the function, and the state machine that its results go through.
//!
//! Limits: service model codepipeline 2015-07-09. Which of the two errors a result for a finished job gets is not documented:
//! here it is `InvalidJobStateException`, and `JobNotFoundException` for a job that never was.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::codepipeline::{self, CodePipeline};
use crate::gateway::{ServiceError, lock};
use crate::pipeline::Past;

const FAILURE_TYPES: [&str; 6] =
    ["JobFailed", "ConfigurationError", "PermissionError", "RevisionOutOfSync", "RevisionUnavailable", "SystemUnavailable"];
/// Bytes of all output variables together.
const OUTPUT_VARIABLES: usize = 122_880;

/// The jobs of one account. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Jobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    account: String,
    region: String,
    jobs: Mutex<HashMap<String, Job>>,
    past: Past,
    /// Plays the pipelines of the account, where somebody does.
    pipelines: OnceLock<Pipelines>,
}

/// Shown by name only.
struct Pipelines(codepipeline::Held);

impl std::fmt::Debug for Pipelines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipelines")
    }
}

#[derive(Debug)]
struct Job {
    event: Value,
    state: JobState,
    accepted: usize,
    refused: usize,
}

/// What CodePipeline knows of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// No result yet.
    InProgress,
    /// PutJobSuccessResult was accepted.
    Succeeded {
        /// What the console shows.
        summary: Option<String>,
        /// The id the function gave.
        external_execution_id: Option<String>,
        /// 0 to 100.
        percent: Option<i64>,
        /// What later actions can use.
        output_variables: BTreeMap<String, String>,
        /// With one, the action goes on in a new job.
        continuation_token: Option<String>,
    },
    /// PutJobFailureResult was accepted.
    Failed {
        /// One of the six failure types.
        r#type: String,
        /// What the console shows.
        message: String,
        /// The id the function gave.
        external_execution_id: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SuccessResult {
    job_id: String,
    continuation_token: Option<String>,
    #[serde(default)]
    execution_details: ExecutionDetails,
    #[serde(default)]
    output_variables: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionDetails {
    summary: Option<String>,
    external_execution_id: Option<String>,
    percent_complete: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailureResult {
    job_id: String,
    failure_details: FailureDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailureDetails {
    r#type: String,
    message: String,
    external_execution_id: Option<String>,
}

impl Jobs {
    /// What is kept of the pipeline's past.
    pub fn past(&self) -> &Past {
        &self.0.past
    }

    /// The jobs of an account (12 digits) and region: none yet.
    pub fn new(account: &str, region: &str) -> Self {
        let (account, region) = (account.to_owned(), region.to_owned());
        let (jobs, past, pipelines) = (Mutex::default(), Past::default(), OnceLock::new());
        Self(Arc::new(Inner { account, region, jobs, past, pipelines }))
    }

    /// A job of the action that invokes the function with these UserParameters. Returns its id.
    pub fn create_job(&self, user_parameters: &str) -> String {
        self.create(json!({ "FunctionName": "blue-green-flip", "UserParameters": user_parameters }))
    }

    /// A job whose action configuration is any JSON. Returns its id.
    pub fn create(&self, configuration: Value) -> String {
        let id = Uuid::new_v4().to_string();
        let event = event(&id, &self.0.account, &self.0.region, configuration);
        let job = Job { event, state: JobState::InProgress, accepted: 0, refused: 0 };
        lock(&self.0.jobs).insert(id.clone(), job);
        id
    }

    /// The event of a job, as the function gets it.
    pub fn event(&self, job: &str) -> Value {
        self.look(job, |job| job.event.clone()).unwrap_or(Value::Null)
    }

    /// The state of a job; none where there is no such job.
    pub fn state(&self, job: &str) -> Option<JobState> {
        self.look(job, |job| job.state.clone())
    }

    /// How many results CodePipeline accepted for a job: never more than one.
    pub fn accepted(&self, job: &str) -> usize {
        self.look(job, |job| job.accepted).unwrap_or(0)
    }

    /// How many results CodePipeline refused for a job.
    pub fn refused(&self, job: &str) -> usize {
        self.look(job, |job| job.refused).unwrap_or(0)
    }

    fn look<T>(&self, job: &str, read: impl FnOnce(&Job) -> T) -> Option<T> {
        lock(&self.0.jobs).get(job).map(read)
    }

    /// Has the account's pipelines played.
    pub(crate) fn play_pipelines(&self, pipelines: codepipeline::Held) {
        // The first one plays them: an account has one CodePipeline.
        let _ = self.0.pipelines.set(Pipelines(pipelines));
    }

    /// Who plays the account's pipelines.
    pub(crate) fn pipelines(&self) -> Option<CodePipeline> {
        CodePipeline::held(&self.0.pipelines.get()?.0)
    }

    /// Answers a call of the CodePipeline API. `caller` is the role and session that makes it.
    pub(crate) fn answer(&self, action: &str, caller: &str, body: &Value) -> Result<Value, ServiceError> {
        let played = match self.pipelines() {
            Some(pipelines) => pipelines.answer(action, caller, body),
            None => self.0.past.answer(action, body),
        };
        if let Some(answer) = played {
            return answer;
        }
        let read = match action {
            "PutJobSuccessResult" => read(body).and_then(succeeded),
            "PutJobFailureResult" => read(body).and_then(failed),
            _ => return Err(invalid(format!("the local CodePipeline has no operation {action}"))),
        };
        let mut jobs = lock(&self.0.jobs);
        let (id, state) = read.inspect_err(|_| {
            if let Some(job) = body["jobId"].as_str().and_then(|id| jobs.get_mut(id)) {
                job.refused += 1;
            }
        })?;
        let job =
            jobs.get_mut(&id).ok_or_else(|| ServiceError::new("JobNotFoundException", format!("Job with id {id} not found")))?;
        if job.state != JobState::InProgress {
            job.refused += 1;
            return Err(ServiceError::new("InvalidJobStateException", format!("Job {id} is already over")));
        }
        job.state = state;
        job.accepted += 1;
        Ok(json!({}))
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a Value) -> Result<T, ServiceError> {
    T::deserialize(body).map_err(|error| invalid(error.to_string()))
}

fn succeeded(result: SuccessResult) -> Result<(String, JobState), ServiceError> {
    let SuccessResult { job_id, continuation_token, execution_details: details, output_variables } = result;
    check_job_id(&job_id)?;
    check_length("executionDetails.summary", details.summary.as_deref(), 2048)?;
    check_length("executionDetails.externalExecutionId", details.external_execution_id.as_deref(), 1500)?;
    check_length("continuationToken", continuation_token.as_deref(), 2048)?;
    if let Some(percent) = details.percent_complete.filter(|percent| !(0..=100).contains(percent)) {
        return Err(constraint(&percent.to_string(), "executionDetails.percentComplete", "Member must be between 0 and 100"));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "@-_".contains(c);
    if let Some(name) = output_variables.keys().find(|name| name.is_empty() || !name.chars().all(legal)) {
        return Err(constraint(name, "outputVariables", "Map keys must satisfy regular expression pattern: [A-Za-z0-9@\\-_]+"));
    }
    for (name, value) in &output_variables {
        check_length(&format!("outputVariables.{name}"), Some(value), OUTPUT_VARIABLES)?;
    }
    if continuation_token.is_some() && !output_variables.is_empty() {
        return Err(invalid("output variables cannot be given together with a continuation token".to_owned()));
    }
    if output_variables.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > OUTPUT_VARIABLES {
        return Err(ServiceError::new(
            "OutputVariablesSizeExceededException",
            "The total size of the output variables is too large",
        ));
    }
    let state = JobState::Succeeded {
        summary: details.summary,
        external_execution_id: details.external_execution_id,
        percent: details.percent_complete,
        output_variables,
        continuation_token,
    };
    Ok((job_id, state))
}

fn failed(result: FailureResult) -> Result<(String, JobState), ServiceError> {
    let FailureResult { job_id, failure_details: FailureDetails { r#type, message, external_execution_id } } = result;
    check_job_id(&job_id)?;
    if !FAILURE_TYPES.contains(&r#type.as_str()) {
        return Err(constraint(
            &r#type,
            "failureDetails.type",
            &format!("Member must satisfy enum value set: {FAILURE_TYPES:?}"),
        ));
    }
    check_length("failureDetails.message", Some(&message), 5000)?;
    check_length("failureDetails.externalExecutionId", external_execution_id.as_deref(), 1500)?;
    Ok((job_id, JobState::Failed { r#type, message, external_execution_id }))
}

/// `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
fn check_job_id(id: &str) -> Result<(), ServiceError> {
    let groups: Vec<&str> = id.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let digits = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    if digits && lengths == [8, 4, 4, 4, 12] {
        return Ok(());
    }
    Err(constraint(
        id,
        "jobId",
        "Member must satisfy regular expression pattern: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ))
}

/// Characters, at least one.
fn check_length(member: &str, value: Option<&str>, most: usize) -> Result<(), ServiceError> {
    match value.map(|value| value.chars().count()) {
        Some(0) => Err(constraint("", member, "Member must have length greater than or equal to 1")),
        Some(length) if length > most => {
            Err(constraint(value.unwrap_or_default(), member, &format!("Member must have length less than or equal to {most}")))
        }
        _ => Ok(()),
    }
}

fn constraint(value: &str, member: &str, broken: &str) -> ServiceError {
    invalid(format!("1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {broken}"))
}

fn invalid(message: String) -> ServiceError {
    ServiceError::new("ValidationException", message)
}

/// Source: CodePipeline user guide, "JSON event example". The credentials look like real ones and are made up each time.
fn event(id: &str, account: &str, region: &str, configuration: Value) -> Value {
    let artifact = |name: &str| {
        json!({
            "name": name,
            "revision": Uuid::new_v4().simple().to_string(),
            "location": {
                "type": "S3",
                "s3Location": {
                    "bucketName": format!("codepipeline-{region}-{account}"),
                    "objectKey": format!("release/{name}/{}.zip", &random(7)),
                },
            },
        })
    };
    json!({
        "CodePipeline.job": {
            "id": id,
            "accountId": account,
            "data": {
                "actionConfiguration": { "configuration": configuration },
                "inputArtifacts": [artifact("BuildOutput")],
                "outputArtifacts": [],
                "artifactCredentials": {
                    "accessKeyId": format!("ASIA{}", random(16).to_uppercase()),
                    "secretAccessKey": random(40),
                    "sessionToken": random(356),
                    "expirationTime": 1_893_456_000_000_u64,
                },
            },
        },
    })
}

/// Random hexadecimal digits.
fn random(length: usize) -> String {
    let mut digits = String::new();
    while digits.len() < length {
        digits += &Uuid::new_v4().simple().to_string();
    }
    digits.truncate(length);
    digits
}
