//! What an event leads to: decode, do, answer.

use std::time::{Duration, Instant, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_codepipeline::types::FailureType;
use blue_green::asked::event::{self, Invocation};
use blue_green::asked::parameters::{Action, Parameters};
use blue_green::aws::call::Caller;
use blue_green::aws::codepipeline::write::Job;
use blue_green::aws::ecs::running::Ecs;
use blue_green::aws::elb::read::Reader;
use blue_green::release::id::Asker;
use blue_green::report::Report;
use blue_green::seen::pair::Pair;
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::topology::Topology;
use lambda_runtime::{Context, Diagnostic, Error};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::Instrument;

use crate::failure::Failure;
use crate::request::Request;
use crate::{answer, check, flip, tidy};

/// The most time that is kept back, out of what the function has: half to see how things are, half for the answer.
const RESERVE: Duration = Duration::from_secs(10);
/// What is left of the function's time when even the answer is given up, so that the invocation ends with an error
/// of its own and not with Lambda's time-out.
const LAST: Duration = Duration::from_millis(200);

/// The function with its clients, made once for many invocations.
pub struct Function {
    config: SdkConfig,
    wait: Duration,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    ecs: aws_sdk_ecs::Client,
    codepipeline: aws_sdk_codepipeline::Client,
}

impl Function {
    /// The function on these settings.
    #[must_use]
    pub fn new(config: SdkConfig, wait: Duration) -> Self {
        Self {
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            ecs: aws_sdk_ecs::Client::new(&config),
            codepipeline: aws_sdk_codepipeline::Client::new(&config),
            config,
            wait,
        }
    }

    /// Handles one event.
    ///
    /// # Errors
    /// Where a job's answer could not be delivered (Lambda then delivers the event again), where a direct call was
    /// refused or failed, and where the event asks for nothing.
    pub async fn handle(&self, event: &RawValue, context: &Context) -> Result<Value, Diagnostic> {
        // Spans at the highest level: a level that filters them out would take the id off every line.
        match event::decode(event) {
            Ok(Invocation::Job { id, parameters }) => {
                let span = tracing::error_span!("job", job = %id);
                self.job(&id, parameters, context).instrument(span).await.map_err(|error| unanswered(&error))
            }
            Ok(Invocation::Direct(parameters)) => {
                let span = tracing::error_span!("request", request = %context.request_id);
                let done = async {
                    let done = self.act(parameters, &context.request_id, context).await;
                    done.tidy().await;
                    done
                };
                let done = done.instrument(span).await;
                let report = done.result.map_err(|failure| diagnostic(failure.kind().as_str(), &failure))?;
                serde_json::to_value(report).map_err(|error| diagnostic(FailureType::JobFailed.as_str(), &error))
            }
            Err(unreadable) => {
                tracing::error!(reason = %unreadable, "the event cannot be read");
                Err(diagnostic(FailureType::ConfigurationError.as_str(), &unreadable))
            }
        }
    }

    async fn job(&self, id: &str, parameters: Result<Parameters, SetupError>, context: &Context) -> Result<Value, Error> {
        let done = self.act(parameters, id, context).await;
        let caller = Caller::until(Deadlines::of(context).last);
        let job = Job { client: &self.codepipeline, caller: &caller, id, execution: &done.flip };
        let answered = answer::answer(job, &done.result).await;
        answered.inspect_err(|error| {
            tracing::error!(reason = %error, "the answer could not be delivered; failing, so that the event comes again");
        })?;
        tracing::info!(succeeded = done.result.is_ok(), "answered");
        done.tidy().await;
        Ok(Value::Null)
    }

    /// Does what is asked.
    async fn act(&self, parameters: Result<Parameters, SetupError>, job: &str, context: &Context) -> Acted {
        let asked = match parameters {
            Ok(asked) => asked,
            Err(setup_error) => {
                tracing::error!(reason = %setup_error, "the parameters cannot be used");
                return Acted { flip: String::new(), result: Err(setup_error.into()), left: None };
            }
        };
        let asker = Asker::new(asked.execution.as_deref(), &asked.promote_to, job);
        let Deadlines { work, look, .. } = Deadlines::of(context);
        let reader = |until| Reader::new(&self.config, self.elb.clone(), Caller::until(until));
        tracing::info!(flip = %asker.flip, elb = asked.elb_name, action = ?asked.action, "began");
        let request = Request {
            asked,
            asker,
            reader: reader(work),
            late_reader: reader(look),
            ecs: Ecs::new(self.ecs.clone(), Caller::until(work)),
            elb: self.elb.clone(),
            deadline: work,
            wait: self.wait,
        };
        let (result, seen) = match request.asked.action {
            Action::Flip => flip::flip(&request).await,
            Action::Check => (check::check(&request).await, None),
        };
        match &result {
            Ok(report) => tracing::info!(changed = report.changed, summary = report.summary, "done"),
            Err(failure) => tracing::error!(kind = failure.kind().as_str(), reason = %failure, "failed"),
        }
        Acted { flip: request.asker.flip.to_string(), result, left: seen.map(|(seen, pairs)| (request, seen, pairs)) }
    }
}

/// A function error: its type is one of the failure types, so that a caller can tell them apart.
fn diagnostic(kind: &str, message: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message.to_string() }
}

/// The event comes again.
fn unanswered(error: &Error) -> Diagnostic {
    diagnostic(FailureType::SystemUnavailable.as_str(), error)
}

/// What an event came to.
struct Acted {
    /// The flip id.
    flip: String,
    result: Result<Report, Failure>,
    /// What was seen last, for tidying up after the answer.
    left: Option<(Request, Topology, Vec<Pair>)>,
}

impl Acted {
    async fn tidy(&self) {
        if let Some((request, seen, pairs)) = &self.left {
            tidy::remove_old_records(request, seen, pairs).await;
        }
    }
}

/// Until when what is done.
struct Deadlines {
    /// Work is begun.
    work: Instant,
    /// One looks how things are.
    look: Instant,
    /// The answer is tried.
    last: Instant,
}

impl Deadlines {
    fn of(context: &Context) -> Self {
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        let reserve = RESERVE.min(left / 3);
        let at = |kept: Duration| Instant::now() + left.saturating_sub(kept);
        Self { work: at(reserve), look: at(reserve / 2), last: at(LAST) }
    }
}
