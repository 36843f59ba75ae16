//! What both servers share: settings, the log, who this task is, and the way from a listener to the end.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Json, Router};
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::layers;

/// How long requests in flight may take to finish, once the process is asked to end.
const FAREWELL: Duration = Duration::from_secs(20);

/// Anything that ends the process.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where a server listens, and which version it is.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The address to listen on
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,
    /// The port to listen on
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// The version that pages and headers tell: the image's tag
    #[arg(long = "is", env = "VERSION", default_value = "dev", value_name = "VERSION")]
    pub version: String,
}

/// Which task of which version answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `web` or `api`.
    pub service: String,
    /// The image's tag.
    pub version: String,
    /// The task's id in ECS, or the process here.
    pub task: String,
}

impl Identity {
    /// Asks ECS for the task's id; outside of ECS, and where ECS does not answer, it is the process.
    pub async fn of(service: &str, settings: &Settings) -> Self {
        let process = || format!("process-{}", std::process::id());
        let task = match std::env::var("ECS_CONTAINER_METADATA_URI_V4") {
            Ok(address) => task(&address).await.unwrap_or_else(|error| {
                tracing::warn!(error, "ECS does not tell the task's id; the process's number stands for it");
                process()
            }),
            Err(_) => process(),
        };
        Self { service: service.to_owned(), version: settings.version.clone(), task }
    }
}

/// The id behind the last slash of the task's ARN (ECS developer guide, "Task metadata endpoint version 4").
async fn task(address: &str) -> Result<String, Failure> {
    let asked = reqwest::Client::new().get(format!("{address}/task")).timeout(Duration::from_secs(1)).send();
    let answer: serde_json::Value = asked.await?.error_for_status()?.json().await?;
    let id = answer["TaskARN"].as_str().and_then(|arn| arn.rsplit('/').next());
    id.map(str::to_owned).ok_or_else(|| "its answer has no TaskARN".into())
}

/// How a program ends: an error is its last line.
pub fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Begins the log: one JSON line an event on the standard output. `RUST_LOG` says how much of it. Both TLS users of this process
/// take the same provider.
///
/// # Errors
/// Where `RUST_LOG` cannot be read.
pub fn begin() -> Result<(), Failure> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env();
    let filter =
        filter.map_err(|error| format!("RUST_LOG cannot be read ({error}); expected levels such as info or movies=debug"))?;
    tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_env_filter(filter).init();
    // A second call would be refused, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(())
}

/// Serves until SIGTERM or Ctrl-C; then requests in flight finish. Health never asks the database, nor the other service.
///
/// # Errors
/// Where the port cannot be listened on.
pub async fn serve(routes: Router, identity: Identity, settings: &Settings, answers: layers::Answers) -> Result<(), Failure> {
    let ends = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&ends);
    let ready = async move || {
        if ending.load(Ordering::Relaxed) { (StatusCode::SERVICE_UNAVAILABLE, "ending\n") } else { (StatusCode::OK, "ready\n") }
    };
    let around = Arc::new(layers::Around { identity: identity.clone(), answers });
    let routes = routes
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .layer(from_fn_with_state(around, layers::around));
    let address = SocketAddr::new(settings.host, settings.port);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        format!("HOST and PORT: {address} cannot be listened on: {error}. Name another port, or end what listens there")
    })?;
    let (port, first, last) = (listener.local_addr()?.port(), end()?, end()?);
    tracing::info!(%address, port, service = identity.service, version = identity.version, task = identity.task, "serving");
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async move {
        first.await;
        ends.store(true, Ordering::Relaxed);
        tracing::info!("ending: requests in flight finish");
    });
    let too_late = async {
        last.await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        result = serving => result?,
        () = too_late => tracing::warn!("requests were still in flight after {} s", FAREWELL.as_secs()),
    }
    tracing::info!("ended");
    Ok(())
}

/// `/version` of a server that asks nobody.
pub async fn version(identity: Identity) -> Json<Identity> {
    Json(identity)
}

/// Is over with SIGTERM or Ctrl-C.
///
/// # Errors
/// Where they cannot be listened to.
fn end() -> std::io::Result<impl Future<Output = ()>> {
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Asks `/livez` of the server on this machine: images have no curl.
///
/// # Errors
/// What it answers instead.
pub async fn health(settings: &Settings) -> Result<(), Failure> {
    let asked = reqwest::Client::new().get(format!("http://127.0.0.1:{}/livez", settings.port));
    asked.timeout(Duration::from_secs(2)).send().await?.error_for_status()?;
    Ok(())
}
