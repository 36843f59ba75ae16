//! Who is signed in. The browser has an id, the store its digest and what belongs to it; nothing of GitLab's tokens is kept.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::secret::{Secret, random_id};
use crate::store::{Store, StoreError};

/// A session ends when nobody has used it for so long.
const IDLE: SignedDuration = SignedDuration::from_hours(2);
/// A session ends after so long, used or not.
const LONGEST: SignedDuration = SignedDuration::from_hours(12);
/// A sign-in must be finished in this time.
const SIGN_IN: SignedDuration = SignedDuration::from_mins(10);

/// Somebody who signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// GitLab's number of the user.
    pub user_id: u64,
    /// The user name.
    pub user: String,
    /// When the session began.
    pub began: Timestamp,
    /// When it was last used, to the minute.
    pub seen: Timestamp,
    /// When membership was last checked.
    pub checked: Timestamp,
}

/// A sign-in under way.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    /// What the browser that began it has in its cookie.
    pub browser: String,
    /// PKCE's verifier.
    pub verifier: String,
    /// Where to go afterwards.
    pub to: String,
}

/// All sessions.
pub struct Sessions {
    store: Arc<Store>,
    secret: Secret,
}

impl Sessions {
    /// Sessions in a store, under a secret.
    pub fn new(store: Arc<Store>, secret: Secret) -> Sessions {
        Sessions { store, secret }
    }

    fn key(&self, kind: &str, id: &str) -> String {
        format!("{kind}/{}", self.secret.name(kind, id))
    }

    /// Begins a session; returns its id, which is always a new one.
    pub async fn begin(&self, session: &Session) -> Result<String, StoreError> {
        let id = random_id();
        self.store.put(self.key("session", &id), text(session)?, IDLE).await?;
        Ok(id)
    }

    /// The session with this id, where it is not over.
    pub async fn find(&self, id: &str, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let Some(kept) = self.store.get(self.key("session", id)).await? else { return Ok(None) };
        let session: Option<Session> = serde_json::from_str(&kept).ok();
        Ok(session.filter(|session| now.duration_since(session.began) < LONGEST && now.duration_since(session.seen) < IDLE))
    }

    /// Keeps what has changed; a session that is over meanwhile stays so.
    pub async fn update(&self, id: &str, session: &Session) -> Result<(), StoreError> {
        self.store.replace(self.key("session", id), text(session)?, IDLE).await
    }

    /// Ends a session.
    pub async fn end(&self, id: &str) -> Result<(), StoreError> {
        self.store.take(self.key("session", id)).await.map(drop)
    }

    /// Notes that a sign-in began.
    pub async fn note(&self, state: &str, begun: &Begun) -> Result<(), StoreError> {
        self.store.put(self.key("state", state), text(begun)?, SIGN_IN).await
    }

    /// The sign-in with this state: once.
    pub async fn noted(&self, state: &str) -> Result<Option<Begun>, StoreError> {
        let kept = self.store.take(self.key("state", state)).await?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }
}

fn text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError(error.to_string()))
}
