//! From settings to a running process, and to its end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::asks::Asks;
use crate::board::Board;
use crate::demo::{Demo, PRIORITIES};
use crate::gitlab::GitLab;
use crate::gitlab::client::{Client, http};
use crate::members::Members;
use crate::priorities::{Priorities, PriorityFile};
use crate::refresh::{Counters, Refresher};
use crate::releases::Releases;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::source::Source;
use crate::store::{Shared, Store};
use crate::web::{App, Door, OAuth, page_cache, router};
use crate::{Arguments, Role, follow};

/// Threads that read the disk and render pages: each keeps memory of its own, and more than these do not make it faster.
const BLOCKING: usize = 8;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The settings for a role, or everything that is wrong with them.
pub fn settings(arguments: &Arguments) -> Result<Settings, Vec<String>> {
    let settings = Settings::read(arguments.demo, &|name| std::env::var(name).ok())?;
    if arguments.role != Role::Both && settings.redis.is_none() {
        return Err(vec![
            "REDIS_HOST is not set: `serve` and `refresh` meet in Redis. Without Redis run `dashboard` alone.".into(),
        ]);
    }
    Ok(settings)
}

/// Runs until a signal comes.
pub fn run(arguments: &Arguments, settings: Settings) -> ExitCode {
    crate::log::begin();
    // Both TLS users of this process take the same provider; a second call would be refused, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(BLOCKING).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(serve(arguments, settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(%error, "stopped");
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// What a process is made of.
struct Parts {
    source: Arc<dyn Source>,
    priorities: Arc<PriorityFile>,
    door: Option<Door>,
}

fn parts(arguments: &Arguments, settings: &Settings) -> Result<Parts, Failure> {
    let Some(gitlab) = &settings.gitlab else {
        let order = Priorities::parse(PRIORITIES)?;
        let source = Arc::new(Demo::new(arguments.projects, Timestamp::now()));
        return Ok(Parts { source, priorities: Arc::new(PriorityFile::fixed(order)), door: None });
    };
    let http = http(gitlab.timeout)?;
    let priorities = Arc::new(PriorityFile::at(&settings.priority_file));
    let reading = Arc::new(Client::new(http.clone(), gitlab, gitlab.per_minute));
    // Sign-ins do not wait behind the refresher's pace.
    let asking = Arc::new(Client::new(http.clone(), gitlab, 1_200));
    let oauth = OAuth::new(http, &gitlab.url, &gitlab.application_id, &gitlab.application_secret, &settings.public_url)?;
    let members = Members::new(asking, &gitlab.group, settings.session_secret.clone());
    let source = Arc::new(GitLab::new(reading, &gitlab.group, priorities.clone()));
    Ok(Parts { source, priorities, door: Some(Door { oauth, members }) })
}

/// Where releases come from; a process that only serves reads none.
async fn releases(arguments: &Arguments, settings: &Settings) -> Option<Releases> {
    match &settings.releases {
        _ if arguments.role == Role::Serve => None,
        Some(places) => Some(Releases::aws(places.clone()).await),
        None => arguments.demo.then_some(Releases::MadeUp),
    }
}

async fn serve(arguments: &Arguments, settings: Settings) -> Result<(), Failure> {
    let Parts { source, priorities, door } = parts(arguments, &settings)?;
    let shared = settings.redis.as_ref().map(|address| Shared::at(address.reveal())).transpose()?;
    let store = Arc::new(Store::open(&settings.data_dir, shared)?);
    let board = Arc::new(Board::default());
    board.put_all(store.rows().await?.into_iter().map(Arc::new));
    let known = Arc::new(store.releases().await?);
    board.change(|snapshot| snapshot.releases = known);
    if let Some(Err(error)) = priorities.read_again() {
        tracing::error!(%error, "priorities not taken over");
    }
    let counters = Arc::new(Counters::default());
    let asks = Arc::new(Asks::default());
    let refresher = Refresher {
        source: source.clone(),
        store: store.clone(),
        releases: releases(arguments, &settings).await,
        board: board.clone(),
        priorities: priorities.clone(),
        every: settings.every,
        full_after: settings.full_after,
        counters: counters.clone(),
        asks: asks.clone(),
        under_way: Default::default(),
        in_a_row: Default::default(),
        held: Default::default(),
    };
    let app = App {
        board: board.clone(),
        store: store.clone(),
        priorities: priorities.clone(),
        asks,
        counters,
        source: (arguments.role != Role::Serve).then_some(source),
        door,
        sessions: Sessions::new(store.clone(), settings.session_secret.clone(), settings.sessions),
        secret: settings.session_secret.clone(),
        ages: settings.ages,
        member_for: settings.member_for,
        https: settings.public_url.scheme() == "https",
        pages: page_cache(),
        rendering: Semaphore::new(std::thread::available_parallelism().map_or(2, std::num::NonZero::get)),
        answered: Default::default(),
    };
    let shares = store.shared().is_some();
    tokio::select! {
        result = listen(app, &settings), if arguments.role != Role::Refresh => result?,
        () = refresher.run(), if arguments.role != Role::Serve => {}
        () = follow::follow(&store, &board, &priorities), if shares => {}
        () = end(), if arguments.role == Role::Refresh => {}
    }
    refresher.release().await;
    tracing::info!("ended");
    Ok(())
}

async fn listen(app: App, settings: &Settings) -> Result<(), Failure> {
    let address = SocketAddr::new(settings.host, settings.port);
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("HOST and PORT: {address} cannot be listened on: {error}"))?;
    let port = listener.local_addr()?.port();
    tracing::info!(%address, port, url = %settings.public_url, "serving");
    let serving = axum::serve(listener, router(Arc::new(app))).with_graceful_shutdown(end());
    tokio::select! {
        result = serving => Ok(result?),
        () = too_late() => Ok(()),
    }
}

/// Some seconds after the signal: whoever has not been answered by then is not waited for.
async fn too_late() {
    end().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
}

/// SIGTERM or Ctrl-C.
async fn end() {
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else { return };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Asks `/healthz` of the dashboard on this machine: the image has no curl.
pub fn health() -> ExitCode {
    let port = std::env::var("PORT").ok().and_then(|port| port.trim().parse().ok()).unwrap_or(3_000);
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    match asked() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => failed_health("it answers something else than 200"),
        Err(error) => failed_health(&error.to_string()),
    }
}

fn failed_health(why: &str) -> ExitCode {
    eprintln!("not healthy: {why}");
    ExitCode::FAILURE
}
