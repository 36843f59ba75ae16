//! Who is signed in. The browser has an id, the store its digest and what belongs to it; nothing of GitLab's tokens is kept.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::secret::{Secret, random_id};
use crate::store::{Store, StoreError};

/// How long a session lasts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// It ends when nobody has used it for so long.
    pub idle: SignedDuration,
    /// It ends after so long, used or not.
    pub longest: SignedDuration,
}

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
    limits: Limits,
}

impl Sessions {
    /// Sessions in a store, under a secret.
    pub fn new(store: Arc<Store>, secret: Secret, limits: Limits) -> Sessions {
        Sessions { store, secret, limits }
    }

    /// How long a browser keeps a session's id.
    pub fn longest(&self) -> SignedDuration {
        self.limits.longest
    }

    fn key(&self, kind: &str, id: &str) -> String {
        format!("{kind}/{}", self.secret.name(kind, id))
    }

    /// Begins a session; returns its id, which is always a new one.
    pub async fn begin(&self, session: &Session) -> Result<String, StoreError> {
        let id = random_id();
        self.store.put(self.key("session", &id), text(session)?, self.limits.idle).await?;
        Ok(id)
    }

    /// The session with this id, where it is not over.
    pub async fn find(&self, id: &str, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let Some(kept) = self.store.get(self.key("session", id)).await? else { return Ok(None) };
        let session: Option<Session> = serde_json::from_str(&kept).ok();
        let Limits { idle, longest } = self.limits;
        Ok(session.filter(|session| now.duration_since(session.began) < longest && now.duration_since(session.seen) < idle))
    }

    /// Notes on a session that it is used: often enough for its limit, and not at each request.
    pub fn touch(&self, session: &mut Session, now: Timestamp) {
        if now.duration_since(session.seen) >= SignedDuration::from_mins(1).min(self.limits.idle / 4) {
            session.seen = now;
        }
    }

    /// Keeps what has changed; a session that is over meanwhile stays so.
    pub async fn update(&self, id: &str, session: &Session) -> Result<(), StoreError> {
        self.store.replace(self.key("session", id), text(session)?, self.limits.idle).await
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { idle: SignedDuration::from_hours(2), longest: SignedDuration::from_hours(12) };

    async fn begun(folder: &std::path::Path) -> (Sessions, String, Timestamp) {
        let store = Arc::new(Store::open(folder, None).unwrap());
        let sessions = Sessions::new(store, Secret::new("k"), LIMITS);
        let began = Timestamp::now();
        let session = Session { user_id: 7, user: "user7".into(), began, seen: began, checked: began };
        let id = sessions.begin(&session).await.unwrap();
        (sessions, id, began)
    }

    #[tokio::test]
    async fn a_session_that_nobody_uses_ends_after_its_idle_time() {
        let folder = tempfile::tempdir().unwrap();
        let (sessions, id, began) = begun(folder.path()).await;
        let second = SignedDuration::from_secs(1);
        assert!(sessions.find(&id, began + LIMITS.idle - second).await.unwrap().is_some());
        assert!(sessions.find(&id, began + LIMITS.idle).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_session_in_use_ends_after_its_longest_time() {
        let folder = tempfile::tempdir().unwrap();
        let (sessions, id, began) = begun(folder.path()).await;
        for hour in 1..12 {
            let now = began + SignedDuration::from_hours(hour);
            let mut session = sessions.find(&id, now).await.unwrap().unwrap();
            sessions.touch(&mut session, now);
            sessions.update(&id, &session).await.unwrap();
        }
        let second = SignedDuration::from_secs(1);
        assert!(sessions.find(&id, began + LIMITS.longest - second).await.unwrap().is_some());
        assert!(sessions.find(&id, began + LIMITS.longest).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn use_is_noted_once_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let (sessions, id, began) = begun(folder.path()).await;
        let mut session = sessions.find(&id, began).await.unwrap().unwrap();
        sessions.touch(&mut session, began + SignedDuration::from_secs(59));
        assert_eq!(session.seen, began);
        sessions.touch(&mut session, began + SignedDuration::from_secs(60));
        assert_eq!(session.seen, began + SignedDuration::from_secs(60));
    }

    #[tokio::test]
    async fn a_session_that_was_ended_is_not_kept_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (sessions, id, began) = begun(folder.path()).await;
        let session = sessions.find(&id, began).await.unwrap().unwrap();
        sessions.end(&id).await.unwrap();
        sessions.update(&id, &session).await.unwrap();
        assert!(sessions.find(&id, began).await.unwrap().is_none());
    }
}
