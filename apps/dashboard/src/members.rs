//! Who may look: members of the group, asked of GitLab with the server's own token.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use moka::future::Cache;

use crate::gitlab::api::{ApiMember, ApiPerson};
use crate::gitlab::client::Client;
use crate::gitlab::part;
use crate::secret::Secret;
use crate::source::Unread;

/// The lowest access level that is a membership: Guest.
const GUEST: u32 = 10;

/// The group's members.
pub struct Members {
    client: Arc<Client>,
    group: String,
    secret: Secret,
    tokens: Cache<String, Option<Arc<str>>>,
}

impl Members {
    /// The members of a group. Checked tokens are remembered for a minute, as digests.
    pub fn new(client: Arc<Client>, group: &str, secret: Secret) -> Members {
        let tokens = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(60)).build();
        Members { client, group: group.to_owned(), secret, tokens }
    }

    /// The group, for people.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// How often GitLab said "too many requests".
    pub fn throttled(&self) -> u64 {
        self.client.throttled.load(Ordering::Relaxed)
    }

    /// Whether a user is an active member of the group or of one above it.
    pub async fn has(&self, user: u64) -> Result<bool, Unread> {
        let group = part(&self.group);
        match self.client.get::<ApiMember>(&format!("groups/{group}/members/all/{user}")).await {
            Ok(page) => Ok(page.value.access_level >= GUEST && page.value.state.as_deref().is_none_or(|state| state == "active")),
            Err(error) if error.missing => {
                // Without this look, a group that the token cannot see would make everybody a stranger, or hide a wrong name.
                self.client.get::<serde::de::IgnoredAny>(&format!("groups/{group}?with_projects=false")).await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The member whose token this is; none where it is nobody's or a stranger's.
    pub async fn by_token(&self, token: &Secret) -> Result<Option<Arc<str>>, Unread> {
        let key = self.secret.name("token", token.reveal());
        if let Some(known) = self.tokens.get(&key).await {
            return Ok(known);
        }
        let found = match self.client.get_as::<ApiPerson>("user", token).await {
            Ok(page) if self.has(page.value.id).await? => Some(Arc::from(page.value.username)),
            Ok(_) => None,
            Err(error) if error.refused => None,
            Err(error) => return Err(error),
        };
        self.tokens.insert(key, found.clone()).await;
        Ok(found)
    }
}
