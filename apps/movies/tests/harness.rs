//! Starts the programs as people start them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use local_aws::ministack::Ministack;
use movies::table::INDEX;

const API: &str = env!("CARGO_BIN_EXE_movies-api");
const WEB: &str = env!("CARGO_BIN_EXE_movies-web");
const LOAD: &str = env!("CARGO_BIN_EXE_movies-load");

/// The servers.
pub const PROGRAMS: [&str; 2] = [API, WEB];

/// A DynamoDB with an empty table.
pub struct Database {
    endpoint: String,
    account: String,
}

impl Database {
    /// A new one.
    pub async fn empty() -> Database {
        let ministack = Ministack::shared(|_| {}).await.unwrap();
        static ACCOUNT: AtomicU64 = AtomicU64::new(111_111_111_111);
        let account = ACCOUNT.fetch_add(1, Ordering::Relaxed).to_string();
        let database = Database { endpoint: format!("http://{}", ministack.address()), account };
        let attribute = |name: &str, kind: ScalarAttributeType| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
        };
        let key = |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        let index = GlobalSecondaryIndex::builder()
            .index_name(INDEX)
            .key_schema(key("search_initial", KeyType::Hash))
            .key_schema(key("search_title", KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::All).build());
        let table = database.client().await.create_table().table_name("Movies").billing_mode(BillingMode::PayPerRequest);
        table
            .attribute_definitions(attribute("year", ScalarAttributeType::N))
            .attribute_definitions(attribute("title", ScalarAttributeType::S))
            .attribute_definitions(attribute("search_initial", ScalarAttributeType::S))
            .attribute_definitions(attribute("search_title", ScalarAttributeType::S))
            .key_schema(key("year", KeyType::Hash))
            .key_schema(key("title", KeyType::Range))
            .global_secondary_indexes(index.build().unwrap())
            .send()
            .await
            .unwrap();
        database
    }

    /// A new one with the films that come with the application.
    pub async fn loaded() -> Database {
        let database = Database::empty().await;
        let output = database.load(&[]).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        database
    }

    async fn client(&self) -> Client {
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::from_static("eu-central-1"))
            .endpoint_url(&self.endpoint)
            .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(&self.account, "local", None, None, "tests"));
        Client::new(&config.load().await)
    }

    /// How many films are in the table.
    pub async fn count(&self) -> i32 {
        self.client().await.scan().table_name("Movies").send().await.unwrap().count
    }

    /// Puts an item into the table that another program wrote, and that is no film.
    pub async fn put_no_film(&self) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = self.client().await.put_item().table_name("Movies").item("year", AttributeValue::N("1971".to_owned()));
        put.item("title", text("A Slip of Paper")).item("info", text("not a map")).send().await.unwrap();
    }

    /// Deletes the index on the titles.
    pub async fn delete_index(&self) {
        let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(INDEX).build().unwrap();
        let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
        self.client().await.update_table().table_name("Movies").global_secondary_index_updates(update).send().await.unwrap();
    }

    /// Runs `movies-load` to its end.
    pub async fn load(&self, arguments: &[&str]) -> Output {
        let mut command = command(LOAD);
        command.envs(self.variables()).args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// What programs need to reach it.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", self.account.clone()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ]
    }

    /// An API of this version.
    pub fn api(&self, version: &str) -> Server {
        Server::start(API, &[&self.variables()[..], &[("VERSION", version.to_owned())]].concat())
    }
}

/// An API with these variables.
pub fn api_with(variables: &[(&'static str, String)]) -> Server {
    Server::start(API, variables)
}

/// A web of this version that asks an API at this address.
pub fn web(version: &str, api: &str, more: &[(&'static str, &str)]) -> Server {
    let mut variables = vec![("VERSION", version.to_owned()), ("API_URL", api.to_owned())];
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Server::start(WEB, &variables)
}

/// A program with nothing of this process's environment.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

/// A running server; it ends with this.
pub struct Server {
    child: Child,
    /// Its address.
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &str, variables: &[(&'static str, String)]) -> Server {
        let mut command = command(program);
        command.env("HOST", "127.0.0.1").env("PORT", "0").envs(variables.iter().cloned()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, output) = (log.clone(), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).for_each(|line| lines.lock().unwrap().push(line))
        });
        let mut server = Server { child, url: String::new(), log };
        let began = Instant::now();
        while server.url.is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "{program} does not serve: {:?}", server.lines());
            std::thread::sleep(Duration::from_millis(5));
            let serving = server.lines().into_iter().find(|line| line.contains("\"serving\""));
            if let Some(line) = serving.and_then(|line| serde_json::from_str::<serde_json::Value>(&line).ok()) {
                server.url = format!("http://127.0.0.1:{}", line["port"]);
            }
        }
        server
    }

    /// Its log.
    pub fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Asks it to end, as ECS does.
    pub fn terminate(&self) {
        let ended = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(ended.success());
    }

    /// Its exit code, once it has ended.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        let response = reqwest::Client::new().get(format!("{}{path}", self.url)).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    /// A header; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Its JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }
}

/// Where apps/dashboard/tests/setup puts the browser's tools.
pub fn tools() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("dashboard-tests");
    assert!(folder.join("installed").exists(), "{} is not there: run apps/dashboard/tests/setup", folder.display());
    folder
}
