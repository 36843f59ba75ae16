//! The table in DynamoDB. Key: `year` and `title`. The index on the normalised title is divided by its first character, since a
//! prefix can be asked of a sort key alone (DynamoDB developer guide, "Key condition expressions").

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::movie::{Movie, Page, Search, initial, normalised};

/// The index on the normalised title.
pub const INDEX: &str = "SearchTitle";
/// Films on a page.
pub const PAGE: usize = 20;
/// The most items that BatchWriteItem takes (API reference).
pub const BATCH: usize = 25;
/// Items that are read at once: a filter leaves out some of them.
const READ: i32 = 100;

type Item = HashMap<String, AttributeValue>;

/// Why the table did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The cursor is none of ours.
    #[error("The cursor is none that this API gave out. Ask again without it.")]
    Cursor,
    /// The index is still being made.
    #[error("The index of titles is still being built. Search by year meanwhile, or try again in a few minutes.")]
    Building,
    /// Anything else.
    #[error("The table {table} does not answer as it should: {text}")]
    Table {
        /// Its name.
        table: String,
        /// What DynamoDB said.
        text: String,
    },
}

/// A film as it lies in the table.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    movie: Movie,
    search_initial: String,
    search_title: String,
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Cursor {
    year: i32,
    title: String,
}

/// The table.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table of this name, in the account and Region of the environment.
    pub async fn of_environment(name: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(500))
            .operation_attempt_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_secs(3))
            .build();
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(timeouts)
            .load()
            .await;
        Self { client: Client::new(&config), name: name.to_owned() }
    }

    /// A page of the films that a search finds.
    ///
    /// # Errors
    /// A [`Failure`].
    pub async fn page(&self, search: &Search, cursor: &str) -> Result<Page, Failure> {
        let by_index = search.year.is_none() && !search.prefix.is_empty();
        let mut start = if cursor.is_empty() { None } else { Some(key(&read(cursor)?, by_index)) };
        let mut movies: Vec<Movie> = Vec::new();
        loop {
            let (items, next) = self.read(search, start).await?;
            // One bad item must not hide the others of its page.
            movies.extend(items.into_iter().filter_map(|item| self.film(item).inspect_err(|error| tracing::error!(%error)).ok()));
            start = next;
            // One more than a page shows that there is another: a LastEvaluatedKey does not (developer guide, "Paginating").
            if movies.len() > PAGE || start.is_none() {
                break;
            }
        }
        let more = movies.len() > PAGE;
        movies.truncate(PAGE);
        let cursor = movies.last().filter(|_| more).map(write);
        Ok(Page { movies, cursor })
    }

    /// Some items, and where to read on.
    async fn read(&self, search: &Search, start: Option<Item>) -> Result<(Vec<Item>, Option<Item>), Failure> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let genre = (!search.genre.is_empty()).then_some("contains(info.genres, :genre)");
        let prefix = (!search.prefix.is_empty()).then_some("begins_with(search_title, :prefix)");
        let mut values: Item = HashMap::new();
        if genre.is_some() {
            values.insert(":genre".into(), text(&search.genre));
        }
        if prefix.is_some() {
            values.insert(":prefix".into(), text(&search.prefix));
        }
        let query = self.client.query().table_name(&self.name).limit(READ).set_exclusive_start_key(start.clone());
        let query = match (search.year, prefix) {
            (Some(year), _) => {
                values.insert(":year".into(), AttributeValue::N(year.to_string()));
                let filter: Vec<&str> = prefix.into_iter().chain(genre).collect();
                let filter = (!filter.is_empty()).then(|| filter.join(" AND "));
                // `year` is a reserved word.
                query
                    .key_condition_expression("#year = :year")
                    .expression_attribute_names("#year", "year")
                    .set_filter_expression(filter)
            }
            (None, Some(prefix)) => {
                values.insert(":initial".into(), text(&initial(&search.prefix)));
                let condition = format!("search_initial = :initial AND {prefix}");
                query.index_name(INDEX).key_condition_expression(condition).set_filter_expression(genre.map(str::to_owned))
            }
            (None, None) => {
                let scan = self.client.scan().table_name(&self.name).limit(READ).set_exclusive_start_key(start);
                let scan = scan.set_filter_expression(genre.map(str::to_owned));
                let scan = scan.set_expression_attribute_values(genre.map(|_| values));
                let answer = scan.send().await.map_err(|error| self.failed(&error, error.message()))?;
                return Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key));
            }
        };
        let answer = query.set_expression_attribute_values(Some(values)).send().await;
        let answer = answer.map_err(|error| self.failed(&error, error.message()))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    /// One film.
    ///
    /// # Errors
    /// A [`Failure`].
    pub async fn movie(&self, year: i32, title: &str) -> Result<Option<Movie>, Failure> {
        let asked = self.client.get_item().table_name(&self.name);
        let asked = asked.key("year", AttributeValue::N(year.to_string())).key("title", AttributeValue::S(title.to_owned()));
        let answer = asked.send().await.map_err(|error| self.failed(&error, error.message()))?;
        answer.item.map(|item| self.film(item)).transpose()
    }

    /// The film that an item is.
    fn film(&self, item: Item) -> Result<Movie, Failure> {
        let key = |name: &str| match item.get(name) {
            Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
            _ => "?".to_owned(),
        };
        let called = format!("{} {}", key("year"), key("title"));
        from_item(item).map_err(|error| self.broken(format!("its item {called} is no film: {error}")))
    }

    /// Writes at most [`BATCH`] films, and those that DynamoDB leaves over again, at growing distances.
    ///
    /// # Errors
    /// A [`Failure`]; also where it leaves some over ten times in a row.
    pub async fn put(&self, movies: &[Movie]) -> Result<(), Failure> {
        let mut left: Vec<WriteRequest> = movies.iter().map(|movie| self.write_request(movie)).collect::<Result<_, _>>()?;
        for attempt in 0..10_u32 {
            let batch = self.client.batch_write_item().request_items(&self.name, left.clone());
            let answer = batch.send().await.map_err(|error| self.failed(&error, error.message()))?;
            left = answer.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(attempt.min(6))).await;
        }
        Err(self.broken(format!("it left {} films unwritten ten times. Load again: what is there already stays", left.len())))
    }

    fn write_request(&self, movie: &Movie) -> Result<WriteRequest, Failure> {
        let search_title = normalised(&movie.title);
        let stored = Stored { movie: movie.clone(), search_initial: initial(&search_title), search_title };
        let item = to_item(&stored).map_err(|error| self.broken(error.to_string()))?;
        let put = PutRequest::builder().set_item(Some(item)).build().map_err(|error| self.broken(error.to_string()))?;
        Ok(WriteRequest::builder().put_request(put).build())
    }

    fn failed(&self, error: &(impl std::error::Error + ProvideErrorMetadata), message: Option<&str>) -> Failure {
        let message = message.unwrap_or_default();
        // DynamoDB has no codes of their own for these.
        if message.contains("backfilling") {
            return Failure::Building;
        }
        if message.contains("does not have the specified index") {
            return self.broken(format!("it has no index {INDEX}; cloudformation/movies.yaml makes the table with it"));
        }
        match error.code() {
            Some(code) => self.broken(format!("{code}: {message}")),
            None => self.broken(DisplayErrorContext(error).to_string()),
        }
    }

    fn broken(&self, text: String) -> Failure {
        Failure::Table { table: self.name.clone(), text }
    }
}

/// The key of the item that a page ended with.
fn key(cursor: &Cursor, by_index: bool) -> Item {
    let mut key = HashMap::from([
        ("year".to_owned(), AttributeValue::N(cursor.year.to_string())),
        ("title".to_owned(), AttributeValue::S(cursor.title.clone())),
    ]);
    if by_index {
        let search = normalised(&cursor.title);
        key.insert("search_initial".to_owned(), AttributeValue::S(initial(&search)));
        key.insert("search_title".to_owned(), AttributeValue::S(search));
    }
    key
}

fn write(last: &Movie) -> String {
    let cursor = serde_json::json!({ "year": last.year, "title": last.title });
    BASE64_URL_SAFE_NO_PAD.encode(cursor.to_string())
}

fn read(cursor: &str) -> Result<Cursor, Failure> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Failure::Cursor)?;
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| Failure::Cursor)?;
    if cursor.title.is_empty() { Err(Failure::Cursor) } else { Ok(cursor) }
}
