//! The pages, the API and the metrics over HTTP.

mod answer;
mod api;
mod entry;
mod layers;
mod metrics;
mod packed;
mod pages;
mod releases;
mod sign_in;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

use crate::asks::Asks;
use crate::board::Board;
use crate::members::Members;
use crate::priorities::PriorityFile;
use crate::refresh::Counters;
use crate::secret::Secret;
use crate::sessions::Sessions;
use crate::source::Source;
use crate::store::Store;
use crate::view::{Ages, Filter};

/// Changes with every version, so that browsers keep assets for good.
pub const ASSETS: &str = env!("CARGO_PKG_VERSION");

/// What the status filter offers.
pub const STATUSES: [(&str, &str); 6] = [
    ("failed", "Failed"),
    ("running", "Running"),
    ("blocked", "Waits for approval"),
    ("success", "Deployed"),
    ("never", "Never deployed"),
    ("stale", "Old data"),
];

/// How people get in: not at all asked for with made-up projects.
pub struct Door {
    /// Signing in with GitLab.
    pub oauth: sign_in::OAuth,
    /// Who may look.
    pub members: Members,
}

pub use sign_in::OAuth;

/// What the handlers share.
pub struct App {
    /// What is shown.
    pub board: Arc<Board>,
    /// Sessions and rows.
    pub store: Arc<Store>,
    /// Groups and order.
    pub priorities: Arc<PriorityFile>,
    /// "Refresh now".
    pub asks: Arc<Asks>,
    /// The refresher's counters; all zero where it is another process.
    pub counters: Arc<Counters>,
    /// The source of this process's refresher.
    pub source: Option<Arc<dyn Source>>,
    /// The door; none with made-up projects.
    pub door: Option<Door>,
    /// Who is signed in.
    pub sessions: Sessions,
    /// What forms are protected with.
    pub secret: Secret,
    /// How old rows may be.
    pub ages: Ages,
    /// How long a checked membership counts.
    pub member_for: SignedDuration,
    /// Whether people come over https.
    pub https: bool,
    /// Pages that were just rendered, without what is somebody's own.
    pub pages: PageCache,
    /// How many pages are rendered at once: as many as there are cores, since each takes some megabytes while it is made.
    pub rendering: Semaphore,
    /// Requests that were answered.
    pub answered: AtomicU64,
}

/// Rendered pages by what they show.
pub type PageCache = moka::future::Cache<Filter, Arc<packed::Packed>>;

/// A cache of rendered pages: a second long, 16 MB at most.
pub fn page_cache() -> PageCache {
    moka::future::Cache::builder()
        .max_capacity(16 << 20)
        .weigher(|_, page: &Arc<packed::Packed>| u32::try_from(page.size()).unwrap_or(u32::MAX))
        .time_to_live(Duration::from_secs(1))
        .build()
}

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let compressed = Router::new()
        .route("/projects/{id}", get(pages::project))
        .route("/releases", get(releases::page))
        .route("/api/v1/releases", get(releases::list))
        .route("/sign-in", get(sign_in::page))
        .route("/api/v1/projects", get(api::projects))
        .route("/api/v1/projects/{id}", get(api::project))
        .route("/metrics", get(metrics::metrics))
        .layer(CompressionLayer::new());
    Router::new()
        .merge(compressed)
        .route("/", get(pages::board))
        .route("/refresh", post(pages::refresh))
        .route("/api/v1/projects/{id}/refresh", post(api::refresh))
        .route("/oauth/start", get(sign_in::start))
        .route("/oauth/callback", get(sign_in::callback))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(metrics::ready))
        .route("/assets/style.css", get(|| asset("text/css; charset=utf-8", include_str!("../../assets/style.css"))))
        .route("/assets/page.js", get(|| asset("text/javascript; charset=utf-8", include_str!("../../assets/page.js"))))
        .route("/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("../../assets/icon.svg"))))
        .fallback(layers::not_found)
        .layer(from_fn_with_state(app.clone(), layers::around))
        .with_state(app)
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=86400")], text).into_response()
}
