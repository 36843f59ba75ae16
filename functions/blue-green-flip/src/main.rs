//! The Lambda function: makes the rehearsal production, and takes it back, when CodePipeline asks.
//!
//! This file is wiring: settings, clients, the loop. What an event leads to is in `handler`.

#![expect(clippy::result_large_err, reason = "a failure is made once in an invocation, and ends it")]

mod answer;
mod apply;
mod check;
mod ends;
mod failure;
mod flip;
mod handler;
mod log;
mod request;
mod settings;
mod state;
mod tidy;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::start(|name| std::env::var(name).ok())?;
    let timeout = blue_green::aws::call_timeout(|name| std::env::var(name).ok())?;
    let wait = settings::wait(|name| std::env::var(name).ok())?;
    let function = handler::Function::new(settings::clients(|name| std::env::var(name).ok(), timeout)?, wait);
    let function = &function;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        function.handle(&event.payload, &event.context).await
    }))
    .await
}
