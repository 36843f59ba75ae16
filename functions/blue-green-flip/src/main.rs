//! The Lambda function: makes the rehearsal production, and takes it back, when CodePipeline asks.
//!
//! This file is wiring: settings, clients, the loop. What an event leads to is in `handler`.

mod answer;
mod apply;
mod check;
mod ends;
mod failure;
mod flip;
mod handler;
mod log;
mod request;
mod tidy;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::start(|name| std::env::var(name).ok())?;
    let timeout = blue_green::aws::call_timeout(|name| std::env::var(name).ok())?;
    let function = handler::Function::new(blue_green::aws::settings(timeout).await);
    let function = &function;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        function.handle(&event.payload, &event.context).await
    }))
    .await
}
