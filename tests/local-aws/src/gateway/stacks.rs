//! What stacks and pipelines bring about besides their own answers: services that run, pipelines that start, a function that is
//! called by the command line.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::Inner;
use super::answer::{Answer, ServiceError};
use super::log::lock;
use super::request::Request;
use crate::codepipeline::Account;
use crate::jobs::Jobs;
use crate::lambda::Outcome;

/// How often what stacks hold is looked at.
const LOOK: Duration = Duration::from_millis(200);

impl Inner {
    /// Looks what the stacks of an account hold now: services to run, pipelines to start.
    pub(super) async fn look_at_stacks(&self, account: &str) -> Result<()> {
        if !self.is_time_to_look() {
            return Ok(());
        }
        let api = Account::new(format!("http://{}", self.backends.api), account.to_owned());
        let call = |operation: &str, body: Value| {
            let (api, target) = (api.clone(), format!("AmazonEC2ContainerServiceV20141113.{operation}"));
            async move { api.json("ecs", &target, &body).await }
        };
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|t| Some(t.as_str()?.to_owned())).collect()
        };
        let last = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
        for cluster in texts(&call("ListClusters", json!({})).await?["clusterArns"]) {
            let listed = call("ListServices", json!({ "cluster": cluster, "maxResults": 100 })).await?;
            let names = texts(&listed["serviceArns"]).into_iter().map(|arn| (last(&cluster), last(&arn)));
            lock(&self.services).extend(names);
        }
        // Those that are gone too: their applications end.
        for (cluster, service) in lock(&self.services).iter() {
            self.backends.ecs.service_changed(cluster, service);
        }
        match self.backends.jobs.pipelines() {
            Some(pipelines) => pipelines.notice().await,
            None => Ok(()),
        }
    }

    /// Whoever waits for a stack asks often, and every look costs a dozen calls.
    fn is_time_to_look(&self) -> bool {
        let mut looked = lock(&self.looked);
        let due = looked.is_none_or(|last| last.elapsed() >= LOOK);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }
}

/// A synchronous call of the function, where somebody plays the account's pipelines; else none.
pub(super) async fn invocation(jobs: &Jobs, parts: &Parts, body: &Bytes, request: &Request) -> Option<Answer> {
    // /2015-03-31/functions/NAME/invocations
    let name = parts.uri.path().strip_suffix("/invocations").filter(|_| request.service == "lambda")?.rsplit('/').next()?;
    let pipelines = jobs.pipelines()?;
    let invoked = match pipelines.account().has_function(name).await {
        Ok(true) => pipelines.invoke_directly(body).await,
        Ok(false) => return None,
        Err(error) => Err(error),
    };
    let (status, error, body) = match invoked {
        Ok(Some(invocation)) => match invocation.outcome {
            Outcome::Answer(answer) => (StatusCode::OK, None, answer),
            Outcome::FunctionError { r#type, message } => {
                let body = json!({ "errorType": r#type, "errorMessage": message }).to_string();
                (StatusCode::OK, Some("Unhandled"), Bytes::from(body))
            }
            outcome => {
                (StatusCode::OK, Some("Unhandled"), Bytes::from(json!({ "errorMessage": format!("{outcome:?}") }).to_string()))
            }
        },
        Ok(None) => {
            let mut error = ServiceError::new("TooManyRequestsException", "Rate Exceeded.");
            error.status = 429;
            return Some(error.answer(request));
        }
        Err(error) => return Some(ServiceError::new("ServiceException", format!("the local AWS: {error:#}")).answer(request)),
    };
    let mut answer = Response::builder().status(status);
    if let Some(error) = error {
        answer = answer.header("x-amz-function-error", error);
    }
    answer.body(body).ok()
}

/// An object that was put may start pipelines.
pub(super) async fn uploaded(jobs: &Jobs, parts: &Parts, request: &Request) -> Result<()> {
    if request.service != "s3" || parts.method != Method::PUT || parts.uri.query().is_some() {
        return Ok(());
    }
    let place = parts.uri.path().trim_start_matches('/').split_once('/').filter(|(_, key)| !key.is_empty());
    if let (Some((bucket, key)), Some(pipelines)) = (place, jobs.pipelines()) {
        pipelines.uploaded(bucket, key).await?;
    }
    Ok(())
}
