//! Redis, where replicas share rows, sessions, and the right to refresh.
//!
//! One refreshes at a time: the lock is `SET NX PX`, taken off by who set it alone, and each lease has a number greater than
//! every one before. A write names its number; Redis refuses one that is smaller than the greatest it has seen, so that an
//! owner who stalled, lost the lock and woke up late overwrites nothing.

use std::time::Duration;

use jiff::SignedDuration;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, ExistenceCheck, RedisError, Script, SetExpiry, SetOptions};
use tokio::sync::OnceCell;

use super::StoreError;
use crate::model::Trouble;

const LOCK: &str = "dashboard:lock";
const FENCE: &str = "dashboard:fence";
const ROWS: &str = "dashboard:rows";
const CHANGED: &str = "dashboard:changed";
const LIST: &str = "dashboard:list";
const TROUBLE: &str = "dashboard:trouble";
const COMPARES: &str = "dashboard:compares";
const RELEASES: &str = "dashboard:releases";
const ASKED: &str = "dashboard:asked";
/// How long a lock lives without being renewed.
pub const LEASE: Duration = Duration::from_secs(20);

/// A row, a list, or what is gone, written in one step and only under the newest lease.
const WRITE: &str = r"
if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[1]) or '0') then return 0 end
local change = redis.call('INCR', KEYS[2] .. ':count')
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
  redis.call('ZADD', KEYS[2], change, ARGV[2])
else
  redis.call('SET', KEYS[4], ARGV[3])
  for i = 4, #ARGV do
    redis.call('HDEL', KEYS[3], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
return 1";

/// Something that is written as one, under the newest lease only.
const KEEP: &str = r"
if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[1]) or '0') then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1";

/// Takes the lock where it is free, with the next number.
const TAKE: &str = r"
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[2]) end
return 0";

const RENEW: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0";

const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// The right to refresh, with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    owner: String,
    /// Greater than that of every lease before.
    pub number: u64,
}

impl Lease {
    /// The lease of a process that shares nothing.
    pub fn own() -> Lease {
        Lease { owner: String::new(), number: 0 }
    }
}

/// What changed in Redis since a replica last looked.
pub struct Changes {
    /// How far it has looked now.
    pub seen: u64,
    /// Rows that changed.
    pub rows: Vec<(u64, Vec<u8>)>,
    /// The list of projects as JSON; none where no refresher has written it.
    pub list: Option<Vec<u8>>,
    /// Why the last round stopped, as JSON.
    pub trouble: Option<Vec<u8>>,
    /// The releases as JSON.
    pub releases: Option<Vec<u8>>,
}

/// A client of Redis that connects when it is first needed and again whenever the connection is lost.
pub struct Shared {
    client: redis::Client,
    name: String,
    manager: OnceCell<ConnectionManager>,
}

impl Shared {
    /// A client for an address such as `rediss://host:6379/0`. Nothing is sent yet.
    pub fn at(address: &str) -> Result<Shared, StoreError> {
        let client = redis::Client::open(address).map_err(|error| StoreError(format!("REDIS_HOST makes no address: {error}")))?;
        // The address without its password, for messages.
        let name = match address.split_once('@') {
            Some((front, host)) => format!("{}://{host}", front.split("://").next().unwrap_or("redis")),
            None => address.to_owned(),
        };
        Ok(Shared { client, name, manager: OnceCell::new() })
    }

    async fn connection(&self) -> Result<ConnectionManager, StoreError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(Duration::from_secs(2)))
            .set_number_of_retries(1);
        let made = self.manager.get_or_try_init(|| ConnectionManager::new_with_config(self.client.clone(), config)).await;
        made.cloned().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &RedisError) -> StoreError {
        StoreError(format!("Redis at {} does not answer: {error}. Check REDIS_HOST, REDIS_PORT and REDIS_SSL.", self.name))
    }

    async fn script(&self, text: &str, keys: &[&str], arguments: &[&[u8]]) -> Result<u64, StoreError> {
        let script = Script::new(text);
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(*key);
        }
        for argument in arguments {
            call.arg(*argument);
        }
        call.invoke_async(&mut self.connection().await?).await.map_err(|error| self.failed(&error))
    }

    /// Takes the right to refresh, where nobody has it.
    pub async fn lease(&self, owner: &str) -> Result<Option<Lease>, StoreError> {
        let life = LEASE.as_millis().to_string();
        let number = self.script(TAKE, &[LOCK, FENCE], &[owner.as_bytes(), life.as_bytes()]).await?;
        Ok((number > 0).then(|| Lease { owner: owner.to_owned(), number }))
    }

    /// Keeps the right to refresh for another [`LEASE`]; false where it is lost.
    pub async fn renew(&self, lease: &Lease) -> Result<bool, StoreError> {
        let life = LEASE.as_millis().to_string();
        Ok(self.script(RENEW, &[LOCK], &[lease.owner.as_bytes(), life.as_bytes()]).await? == 1)
    }

    /// Gives the right to refresh back.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.script(RELEASE, &[LOCK], &[lease.owner.as_bytes()]).await.map(drop)
    }

    async fn write(&self, lease: &Lease, arguments: &[&[u8]]) -> Result<(), StoreError> {
        let number = lease.number.to_string();
        let mut all: Vec<&[u8]> = vec![number.as_bytes()];
        all.extend_from_slice(arguments);
        let written = self.script(WRITE, &[FENCE, CHANGED, ROWS, LIST], &all).await?;
        accepted(written, lease)
    }

    /// Keeps the releases.
    pub async fn keep_releases(&self, releases: &[u8], lease: &Lease) -> Result<(), StoreError> {
        let number = lease.number.to_string();
        accepted(self.script(KEEP, &[FENCE, RELEASES], &[number.as_bytes(), releases]).await?, lease)
    }

    /// Keeps a row.
    pub async fn keep(&self, project: u64, row: &[u8], lease: &Lease) -> Result<(), StoreError> {
        self.write(lease, &[project.to_string().as_bytes(), row]).await
    }

    /// Keeps the list of projects, and drops rows of those that are gone.
    pub async fn keep_list(&self, list: &[u8], gone: &[u64], lease: &Lease) -> Result<(), StoreError> {
        let gone: Vec<String> = gone.iter().map(u64::to_string).collect();
        let mut arguments: Vec<&[u8]> = vec![b"", list];
        arguments.extend(gone.iter().map(|id| id.as_bytes()));
        self.write(lease, &arguments).await
    }

    /// How many changes were ever written.
    pub async fn count(&self) -> Result<u64, StoreError> {
        let count: Option<u64> =
            self.connection().await?.get(format!("{CHANGED}:count")).await.map_err(|error| self.failed(&error))?;
        Ok(count.unwrap_or(0))
    }

    /// What was written since `seen`.
    pub async fn changes(&self, seen: u64) -> Result<Changes, StoreError> {
        let mut connection = self.connection().await?;
        let failed = |error: RedisError| self.failed(&error);
        let ids: Vec<(String, u64)> =
            connection.zrangebyscore_withscores(CHANGED, format!("({seen}"), "+inf").await.map_err(failed)?;
        let list: Option<Vec<u8>> = connection.get(LIST).await.map_err(failed)?;
        let trouble: Option<Vec<u8>> = connection.get(TROUBLE).await.map_err(failed)?;
        let releases: Option<Vec<u8>> = connection.get(RELEASES).await.map_err(failed)?;
        let mut rows = Vec::new();
        if !ids.is_empty() {
            let names: Vec<&str> = ids.iter().map(|(id, _)| id.as_str()).collect();
            let values: Vec<Option<Vec<u8>>> = connection.hmget(ROWS, names).await.map_err(failed)?;
            rows = ids.iter().zip(values).filter_map(|((id, _), row)| Some((id.parse().ok()?, row?))).collect();
        }
        Ok(Changes { seen: ids.last().map_or(seen, |(_, change)| *change), rows, list, trouble, releases })
    }

    /// Notes why a round stopped, or that it did not. It decides nothing, so that it needs no lease.
    pub async fn note(&self, trouble: Option<&Trouble>) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let noted = match trouble {
            Some(trouble) => connection.set(TROUBLE, super::encode(trouble)?).await,
            None => connection.del(TROUBLE).await,
        };
        noted.map_err(|error| self.failed(&error))
    }

    /// A compare that some refresher kept.
    pub async fn compare(&self, key: &str) -> Result<Option<u32>, StoreError> {
        self.connection().await?.hget(COMPARES, key).await.map_err(|error| self.failed(&error))
    }

    /// Keeps a compare for good.
    pub async fn keep_compare(&self, key: &str, commits: u32) -> Result<(), StoreError> {
        self.connection().await?.hset(COMPARES, key, commits).await.map_err(|error| self.failed(&error))
    }

    /// Asks the refresher for a project.
    pub async fn ask(&self, project: u64) -> Result<(), StoreError> {
        self.connection().await?.sadd(ASKED, project).await.map_err(|error| self.failed(&error))
    }

    /// A project that somebody asked for.
    pub async fn asked(&self) -> Result<Option<u64>, StoreError> {
        self.connection().await?.spop(ASKED).await.map_err(|error| self.failed(&error))
    }

    /// Puts a value on the shelf.
    pub async fn put(&self, key: &str, value: &str, ttl: SignedDuration) -> Result<(), StoreError> {
        let seconds = u64::try_from(ttl.as_secs()).unwrap_or(0).max(1);
        self.connection().await?.set_ex(shelf(key), value, seconds).await.map_err(|error| self.failed(&error))
    }

    /// Replaces a value that is still on the shelf.
    pub async fn replace(&self, key: &str, value: &str, ttl: SignedDuration) -> Result<(), StoreError> {
        let seconds = u64::try_from(ttl.as_secs()).unwrap_or(0).max(1);
        let options = SetOptions::default().conditional_set(ExistenceCheck::XX).with_expiration(SetExpiry::EX(seconds));
        self.connection().await?.set_options(shelf(key), value, options).await.map_err(|error| self.failed(&error))
    }

    /// What is on the shelf.
    pub async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.connection().await?.get(shelf(key)).await.map_err(|error| self.failed(&error))
    }

    /// Takes a value off the shelf.
    pub async fn take(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.connection().await?.get_del(shelf(key)).await.map_err(|error| self.failed(&error))
    }
}

/// What a script says of a write: it is refused where a newer lease was given.
fn accepted(written: u64, lease: &Lease) -> Result<(), StoreError> {
    let number = lease.number;
    let outdated =
        || StoreError(format!("lease {number} is outdated: another refresher has taken over, and nothing was written"));
    (written == 1).then_some(()).ok_or_else(outdated)
}

fn shelf(key: &str) -> String {
    format!("dashboard:shelf:{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_address_without_its_password() {
        let name = |address| Shared::at(address).map(|shared| shared.name).unwrap_or_default();
        assert_eq!(name("rediss://:hush@cache.example:6379/0"), "rediss://cache.example:6379/0");
        assert_eq!(name("redis://127.0.0.1:6379/0"), "redis://127.0.0.1:6379/0");
    }
}
