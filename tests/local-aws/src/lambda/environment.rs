//! One process of the function, and the Runtime API it talks to. Source: Lambda developer guide, "Using the Lambda runtime API".

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use nix::unistd::Pid;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Outcome;
use crate::connections::each_connection;
use crate::gateway::lock;

/// How long a process may take until it asks for its first event (Lambda: 10 s).
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A process, from its start to its end.
pub(super) struct Environment {
    process: Child,
    api: Arc<Api>,
    serving: JoinHandle<()>,
    events: mpsc::Sender<Event>,
    /// Its output. A file, so that all it wrote before its answer is there when the answer is.
    output: File,
    read: u64,
    ended: bool,
}

struct Event {
    request_id: String,
    payload: Bytes,
    deadline: SystemTime,
}

/// What the process and the runtime share.
struct Api {
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    /// Whether the process has asked for an event.
    asked: watch::Sender<bool>,
    /// Who waits for the outcome of which request.
    waiting: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    init_failed: Notify,
}

impl Environment {
    pub(super) async fn start(binary: &Path, settings: &HashMap<String, String>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, receiver) = mpsc::channel(1);
        let api = Arc::new(Api {
            events: tokio::sync::Mutex::new(receiver),
            asked: watch::Sender::new(false),
            waiting: Mutex::default(),
            init_failed: Notify::new(),
        });
        let shared = Arc::clone(&api);
        let serving = tokio::spawn(each_connection(listener, move |stream| serve(Arc::clone(&shared), stream)));
        let output = tempfile::tempfile()?;
        let process = Command::new(binary)
            .env_clear()
            .envs(lambda_variables(address))
            .envs(settings)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            // Ctrl-C at a terminal is for whoever delivers events.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {}", binary.display()))?;
        Ok(Self { process, api, serving, events: sender, output, read: 0, ended: false })
    }

    pub(super) fn process_id(&self) -> Option<Pid> {
        self.process.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
    }

    /// Waits until the process asks for its first event, or has ended, or has taken too long: the invocation tells.
    pub(super) async fn ready(&mut self) {
        let mut asked = self.api.asked.subscribe();
        tokio::select! {
            _ = asked.wait_for(|asked| *asked) => {}
            () = self.api.init_failed.notified() => {}
            _ = self.process.wait() => self.ended = true,
            () = tokio::time::sleep(INIT_TIMEOUT) => {}
        }
    }

    pub(super) async fn invoke(&mut self, request_id: &str, payload: &[u8], timeout: Duration) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        *lock(&self.api.waiting) = Some((request_id.to_owned(), reply));
        let event = Event {
            request_id: request_id.to_owned(),
            payload: Bytes::copy_from_slice(payload),
            deadline: SystemTime::now() + timeout,
        };
        if self.ended || self.events.send(event).await.is_err() {
            return Outcome::Crashed;
        }
        tokio::select! {
            // An answer given just before the end counts.
            biased;
            Ok(outcome) = outcome => outcome,
            _ = self.process.wait() => {
                self.ended = true;
                Outcome::Crashed
            }
            () = tokio::time::sleep(timeout) => Outcome::TimedOut,
        }
    }

    /// Whether the process can take another event: somebody may have killed it while it waited.
    pub(super) fn is_alive(&mut self) -> bool {
        !self.ended && matches!(self.process.try_wait(), Ok(None))
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn end(&mut self) {
        self.ended = true;
        // It may have ended by itself.
        let _ = self.process.kill().await;
    }

    /// What was written since this was last asked, by line.
    pub(super) fn new_output(&mut self) -> Result<Vec<String>> {
        let length = self.output.metadata()?.len();
        let mut bytes = vec![0; usize::try_from(length - self.read)?];
        self.output.read_exact_at(&mut bytes, self.read)?;
        self.read = length;
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Source: Lambda developer guide, "Defined runtime environment variables".
fn lambda_variables(api: SocketAddr) -> [(&'static str, String); 12] {
    let name = "blue-green-flip";
    [
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("2026/01/01/[$LATEST]{}", uuid::Uuid::new_v4().simple())),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ]
}

async fn serve(api: Arc<Api>, stream: TcpStream) -> hyper::Result<()> {
    let service = service_fn(|request| answer(Arc::clone(&api), request));
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
}

async fn answer(api: Arc<Api>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let steps: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
    let is_get = request.method() == Method::GET;
    if is_get && steps == ["invocation", "next"] {
        return Ok(next(&api).await);
    }
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let status = match steps[..] {
        ["invocation", id, "response"] => reply(&api, id, Outcome::Answer(body)),
        ["invocation", id, "error"] => reply(&api, id, function_error(&body)),
        ["init", "error"] => {
            api.init_failed.notify_one();
            StatusCode::ACCEPTED
        }
        _ => StatusCode::NOT_FOUND,
    };
    let mut response = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}")));
    *response.status_mut() = status;
    Ok(response)
}

/// Waits for the next event: as long as it takes, as Lambda freezes a process meanwhile.
async fn next(api: &Api) -> Response<Full<Bytes>> {
    api.asked.send_replace(true);
    let Some(event) = api.events.lock().await.recv().await else {
        return status(StatusCode::GONE);
    };
    let deadline = event.deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &event.request_id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:000000000000:function:blue-green-flip")
        .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
        .body(Full::new(event.payload))
        .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Gives the outcome to who waits for it. A late one, after the time-out, is refused as Lambda does.
fn reply(api: &Api, request_id: &str, outcome: Outcome) -> StatusCode {
    match lock(&api.waiting).take_if(|(id, _)| id == request_id) {
        Some((_, waiting)) => {
            // Who waited may have given up just now.
            let _ = waiting.send(outcome);
            StatusCode::ACCEPTED
        }
        None => StatusCode::BAD_REQUEST,
    }
}

fn function_error(body: &[u8]) -> Outcome {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Outcome::FunctionError { r#type: field("errorType"), message: field("errorMessage") }
}
