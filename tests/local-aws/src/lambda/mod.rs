//! Runs the real function binary as Lambda does: one environment that stays warm, is frozen out on a time-out and
//! replaced after a crash, and events that are delivered again after an error.

mod environment;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use uuid::Uuid;

use crate::gateway::lock;
use environment::Environment;

/// Lambda delivers an asynchronous event at most this often (Lambda developer guide, "Error handling for asynchronous invocations").
pub const DELIVERIES: usize = 3;

/// One execution environment of a function, and its event queue. Clones are the same one.
#[derive(Clone)]
pub struct Lambda(Arc<Inner>);

struct Inner {
    binary: PathBuf,
    settings: HashMap<String, String>,
    timeout: Mutex<Duration>,
    after: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
    /// Held during an invocation: an environment serves one at a time.
    environment: tokio::sync::Mutex<Option<Environment>>,
    /// The process of the environment, while it lives.
    process: Mutex<Option<Pid>>,
}

/// What came of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function's answer.
    Answer(Bytes),
    /// The function failed, and said how.
    FunctionError {
        /// `errorType`.
        r#type: String,
        /// `errorMessage`.
        message: String,
    },
    /// The process ended.
    Crashed,
    /// The function's time-out passed; the process was killed.
    TimedOut,
}

/// An invocation that is over.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What came of it.
    pub outcome: Outcome,
    /// The request id, the same for every delivery of an event.
    pub request_id: String,
    /// From the moment the function could take the event until its outcome.
    pub duration: Duration,
    /// How long the process took to start; none where it was warm.
    pub cold_start: Option<Duration>,
    /// What the process wrote to standard output and standard error meanwhile, by line.
    pub logs: Vec<String>,
}

impl Invocation {
    /// Whether a new process was started for it.
    pub fn cold(&self) -> bool {
        self.cold_start.is_some()
    }

    /// The function's answer as text; none where there is no answer.
    pub fn answer(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Answer(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

impl Lambda {
    /// A function that will run `binary` with these environment variables, besides those that Lambda sets itself.
    ///
    /// # Errors
    /// Where there is no such binary: it has to be built before.
    pub fn new(binary: &Path, settings: HashMap<String, String>, timeout: Duration) -> Result<Self> {
        ensure!(binary.is_file(), "{} is not there: build it with cargo build --release -p blue-green-flip", binary.display());
        Ok(Self(Arc::new(Inner {
            binary: binary.to_owned(),
            settings,
            timeout: Mutex::new(timeout),
            after: Mutex::default(),
            environment: tokio::sync::Mutex::default(),
            process: Mutex::default(),
        })))
    }

    /// How long later invocations may take. The process stays the one it is.
    pub fn set_timeout(&self, timeout: Duration) {
        *lock(&self.0.timeout) = timeout;
    }

    /// Has `call` called after every invocation.
    pub fn after_each(&self, call: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.after).push(Arc::new(call));
    }

    /// Starts the process, where none is warm, and waits until it is ready for its first event; says how long that took.
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub async fn start(&self) -> Result<Option<Duration>> {
        let mut slot = self.0.environment.lock().await;
        let (environment, cold_start) = self.ready(slot.take()).await?;
        *slot = Some(environment);
        Ok(cold_start)
    }

    /// Invokes the function once, and waits for the outcome.
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub async fn invoke(&self, event: &[u8]) -> Result<Invocation> {
        self.deliver_once(&Uuid::new_v4().to_string(), event).await
    }

    /// Delivers an event as an asynchronous invocation does: up to three times, until the function does not fail.
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub async fn deliver(&self, event: &[u8]) -> Result<Vec<Invocation>> {
        self.deliver_again_after(event, async || {}).await
    }

    /// [`Lambda::deliver`], with a wait before each further delivery (AWS: one minute, then two).
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub async fn deliver_again_after(&self, event: &[u8], mut wait: impl AsyncFnMut()) -> Result<Vec<Invocation>> {
        let request_id = Uuid::new_v4().to_string();
        let mut deliveries = Vec::new();
        while deliveries.len() < DELIVERIES {
            if !deliveries.is_empty() {
                wait().await;
            }
            let invocation = self.deliver_once(&request_id, event).await?;
            let answered = matches!(invocation.outcome, Outcome::Answer(_));
            deliveries.push(invocation);
            if answered {
                break;
            }
        }
        Ok(deliveries)
    }

    /// Delivers an event once more, under the request id of an earlier delivery: the duplicate that Lambda may always send.
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub async fn deliver_once(&self, request_id: &str, event: &[u8]) -> Result<Invocation> {
        let mut slot = self.0.environment.lock().await;
        let (mut environment, cold_start) = self.ready(slot.take()).await?;
        let begun = Instant::now();
        let timeout = *lock(&self.0.timeout);
        let outcome = environment.invoke(request_id, event, timeout).await;
        let duration = begun.elapsed();
        if matches!(outcome, Outcome::Crashed | Outcome::TimedOut) {
            *lock(&self.0.process) = None;
            environment.end().await;
        }
        let logs = environment.new_output()?;
        if environment.is_alive() {
            *slot = Some(environment);
        }
        drop(slot);
        let after = lock(&self.0.after).clone();
        after.iter().for_each(|call| call());
        Ok(Invocation { outcome, request_id: request_id.to_owned(), duration, cold_start, logs })
    }

    /// An environment that waits for an event: this one, while it lives, or a new one, and how long that took to start.
    async fn ready(&self, mut warm: Option<Environment>) -> Result<(Environment, Option<Duration>)> {
        let begun = Instant::now();
        let (mut environment, is_new) = match warm.take_if(|warm| warm.is_alive()) {
            Some(warm) => (warm, false),
            None => (Environment::start(&self.0.binary, &self.0.settings).await?, true),
        };
        *lock(&self.0.process) = environment.process_id();
        environment.ready().await;
        Ok((environment, is_new.then(|| begun.elapsed())))
    }

    /// Ends the environment between two invocations, as Lambda does whenever it likes: the next one starts a new process.
    pub async fn retire(&self) {
        if let Some(mut environment) = self.0.environment.lock().await.take() {
            *lock(&self.0.process) = None;
            environment.end().await;
        }
    }

    /// Kills the process at once, where one lives: SIGKILL, as a crash or an operator would.
    pub fn kill(&self) {
        self.0.kill();
    }

    /// Kills the process of this function, as long as the function itself is there.
    pub fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let inner = Arc::downgrade(&self.0);
        move || {
            if let Some(inner) = inner.upgrade() {
                inner.kill();
            }
        }
    }

    /// The process id of the environment, while it lives; for measurements.
    pub fn process_id(&self) -> Option<i32> {
        lock(&self.0.process).map(Pid::as_raw)
    }
}

impl Inner {
    fn kill(&self) {
        if let Some(process) = *lock(&self.process) {
            // It may have ended by itself just now.
            let _ = kill(process, Signal::SIGKILL);
        }
    }
}
