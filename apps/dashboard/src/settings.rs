//! The environment variables, their defaults, and what is wrong with them: all of it at once.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use blue_green::aws::history::Places;
use jiff::SignedDuration;
use url::Url;

use crate::secret::{Secret, random_id};
use crate::sessions::Limits;
use crate::view::Ages;

/// One environment variable.
pub struct Name {
    /// Its name.
    pub name: &'static str,
    /// What it is without a value.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

const fn name(name: &'static str, default: &'static str, meaning: &'static str) -> Name {
    Name { name, default, meaning }
}

/// Every name that is read.
pub const NAMES: [Name; 29] = [
    name("GITLAB_URL", "https://gitlab.com", "where GitLab is"),
    name("GITLAB_GROUP", "(required)", "the group whose projects are shown and whose members may look, `team` or `team/sub`"),
    name("GITLAB_ACCESS_TOKEN", "(required)", "a token with `read_api` that reads the group's projects and members; secret"),
    name("GITLAB_APPLICATION_ID", "(required)", "the GitLab application that people sign in with, scope `openid`"),
    name("GITLAB_APPLICATION_SECRET", "(required)", "its secret"),
    name(
        "SESSION_SECRET_KEY",
        "(random)",
        "32 characters or more; required beyond loopback, with REDIS_HOST or RUN_APP_SCHEDULER=true; secret",
    ),
    name("SESSION_IDLE_SECONDS", "7200", "a session that nobody uses for so long is over"),
    name("SESSION_SECONDS", "43200", "a session is over after so long in any case, 12 hours"),
    name("RUN_APP_SCHEDULER", "false", "`true`: a production set-up; SESSION_SECRET_KEY must be there"),
    name("HOST", "127.0.0.1", "the address to listen on; 0.0.0.0 in a container"),
    name("PORT", "3000", "the port to listen on"),
    name("DASHBOARD_URL", "http://127.0.0.1:PORT", "the address people type; https beyond loopback"),
    name("PRIORITY_FILE", "priority_project_ids.yml", "groups, categories and order of projects"),
    name("DATA_DIR", "data", "the folder of the snapshot"),
    name("REFRESH_SECONDS", "60", "how often deployments are read, 1 to 3600"),
    name("FULL_SECONDS", "600", "how often environments, branches and tags are read as well"),
    name("GITLAB_REQUESTS_PER_MINUTE", "600", "the most that is asked of GitLab; gitlab.com allows 2000"),
    name("GITLAB_TIMEOUT_SECONDS", "30", "how long an answer of GitLab is waited for"),
    name(
        "STALE_SECONDS",
        "600",
        "from this age on a row is marked; six times this age: not to be relied on; three times REFRESH_SECONDS where that is more",
    ),
    name("MEMBERSHIP_SECONDS", "900", "how long a checked membership counts, 1 to 3600"),
    name("REDIS_HOST", "(none)", "Redis, shared by replicas; needed by the roles `serve` and `refresh`"),
    name("REDIS_PORT", "6379", "its port"),
    name("REDIS_DB", "0", "its database, 0 to 15"),
    name("REDIS_SSL", "False", "`True`: TLS (rediss)"),
    name("REDIS_PASSWORD", "(none)", "its password; secret"),
    name("RELEASES_PIPELINES", "(none)", "CodePipeline pipelines whose flips are shown, `shop,other`"),
    name("RELEASES_LOAD_BALANCERS", "(none)", "load balancers whose records of flips are shown"),
    name("RELEASES_SERVICES", "(none)", "ECS services whose rolling updates are shown, `cluster/service,...`"),
    name("RUST_LOG", "info", "how much is logged"),
];

/// What people sign in with.
#[derive(Clone, Debug)]
pub struct GitLab {
    /// Where GitLab is.
    pub url: Url,
    /// Whose projects are shown, whose members may look.
    pub group: String,
    /// The server's own token.
    pub token: Secret,
    /// The application's id.
    pub application_id: String,
    /// The application's secret.
    pub application_secret: Secret,
    /// The most requests a minute.
    pub per_minute: u32,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

/// All settings.
#[derive(Debug)]
pub struct Settings {
    /// GitLab; none with made-up projects.
    pub gitlab: Option<GitLab>,
    /// What sessions are kept under.
    pub session_secret: Secret,
    /// Where to listen.
    pub host: IpAddr,
    /// Where to listen.
    pub port: u16,
    /// The address people type.
    pub public_url: Url,
    /// Groups and order.
    pub priority_file: PathBuf,
    /// The snapshot's folder.
    pub data_dir: PathBuf,
    /// How often to refresh.
    pub every: Duration,
    /// How often to read everything anew.
    pub full_after: SignedDuration,
    /// How old rows may be.
    pub ages: Ages,
    /// How long a checked membership counts.
    pub member_for: SignedDuration,
    /// How long sessions last.
    pub sessions: Limits,
    /// Where releases are looked for in AWS.
    pub releases: Option<Places>,
    /// Redis' address; it may hold a password.
    pub redis: Option<Secret>,
}

/// Reads the variables and collects what is wrong.
struct Reader<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn required(&mut self, name: &str, why: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.wrong.push(format!("{name} is not set: {why}"));
            String::new()
        })
    }

    fn number(&mut self, name: &str, default: u64, from: u64, to: u64) -> u64 {
        let Some(text) = self.text(name) else { return default };
        match text.parse() {
            Ok(number) if (from..=to).contains(&number) => number,
            _ => {
                self.wrong.push(format!("{name} is {text:?}: it must be a number from {from} to {to}"));
                default
            }
        }
    }

    fn yes(&mut self, name: &str, yes: &str, no: &str) -> bool {
        match self.text(name) {
            None => false,
            Some(text) if text == yes => true,
            Some(text) if text == no => false,
            Some(text) => {
                self.wrong.push(format!("{name} is {text:?}: it must be `{yes}` or `{no}`"));
                false
            }
        }
    }

    fn url(&mut self, name: &str, default: &str) -> Url {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        let parsed = Url::parse(&text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.username().is_empty()
        });
        parsed.unwrap_or_else(|| {
            self.wrong.push(format!("{name} is {text:?}: it must be an address such as https://example.com"));
            Url::parse(default).unwrap_or_else(|_| unreachable!("defaults are addresses"))
        })
    }

    fn gitlab(&mut self) -> GitLab {
        let url = self.url("GITLAB_URL", "https://gitlab.com");
        if url.scheme() == "http" && !is_loopback(&url) {
            self.wrong.push(format!("GITLAB_URL is {url}: it must be https, since tokens are sent there"));
        }
        let group = self.required("GITLAB_GROUP", "the path of the group whose projects are shown, such as team/sub");
        let token =
            self.required("GITLAB_ACCESS_TOKEN", "make one in GitLab (group, Settings, Access tokens) with the scope read_api");
        let application = "make one in GitLab (group, Settings, Applications) with the scope openid";
        GitLab {
            url,
            group: group.trim_matches('/').to_owned(),
            token: Secret::new(token),
            application_id: self.required("GITLAB_APPLICATION_ID", application),
            application_secret: Secret::new(self.required("GITLAB_APPLICATION_SECRET", application)),
            per_minute: self.number("GITLAB_REQUESTS_PER_MINUTE", 600, 10, 100_000) as u32,
            timeout: Duration::from_secs(self.number("GITLAB_TIMEOUT_SECONDS", 30, 1, 300)),
        }
    }

    fn redis(&mut self) -> Option<Secret> {
        let port = self.number("REDIS_PORT", 6_379, 1, 65_535);
        let db = self.number("REDIS_DB", 0, 0, 15);
        let scheme = if self.yes("REDIS_SSL", "True", "False") { "rediss" } else { "redis" };
        let host = self.text("REDIS_HOST")?;
        let mut url = Url::parse(&format!("{scheme}://{host}:{port}/{db}")).ok().filter(Url::has_host);
        if url.is_none() {
            self.wrong.push(format!("REDIS_HOST is {host:?}: it must be a host name or an address"));
        }
        if let (Some(url), Some(password)) = (&mut url, self.text("REDIS_PASSWORD"))
            && url.set_password(Some(&password)).is_err()
        {
            self.wrong.push("REDIS_PASSWORD cannot be part of an address".into());
        }
        url.map(|url| Secret::new(url.to_string()))
    }

    fn releases(&mut self) -> Option<Places> {
        let text = |name: &str| self.text(name).unwrap_or_default();
        let lists = ["RELEASES_PIPELINES", "RELEASES_LOAD_BALANCERS", "RELEASES_SERVICES"].map(text);
        let places = crate::releases::places(&lists[0], &lists[1], &lists[2]).unwrap_or_else(|wrong| {
            self.wrong.push(wrong);
            None
        });
        let somewhere = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"].iter().any(|name| self.text(name).is_some());
        if places.is_some() && !somewhere {
            self.wrong.push("AWS_REGION is not set, and RELEASES_ settings name places in AWS".into());
        }
        places
    }

    /// How often rows are read, and from which age on they are marked.
    fn ages(&mut self) -> (Duration, Ages) {
        let every = self.number("REFRESH_SECONDS", 60, 1, 3_600);
        let stale = self.number("STALE_SECONDS", 600.max(every * 3), 1, 86_400);
        if stale <= every {
            self.wrong.push(format!(
                "STALE_SECONDS is {stale}: it must be more than REFRESH_SECONDS ({every}), else rows are marked before they are read again"
            ));
        }
        let age = |seconds: u64| SignedDuration::from_secs(seconds as i64);
        (Duration::from_secs(every), Ages { soft: age(stale), hard: age(stale * 6) })
    }

    fn sessions(&mut self) -> Limits {
        let longest = self.number("SESSION_SECONDS", 43_200, 1, 604_800) as i64;
        let idle = self.number("SESSION_IDLE_SECONDS", longest.min(7_200) as u64, 1, 604_800) as i64;
        if idle > longest {
            self.wrong.push(format!("SESSION_IDLE_SECONDS is {idle}: it must not be more than SESSION_SECONDS ({longest})"));
        }
        Limits { idle: SignedDuration::from_secs(idle), longest: SignedDuration::from_secs(longest) }
    }

    fn session_secret(&mut self, beyond: bool, shared: bool) -> Secret {
        let scheduler = self.yes("RUN_APP_SCHEDULER", "true", "false");
        match self.text("SESSION_SECRET_KEY") {
            Some(text) if text.chars().count() >= 32 => Secret::new(text),
            Some(_) => {
                self.wrong.push("SESSION_SECRET_KEY is shorter than 32 characters: make one with `openssl rand -hex 32`".into());
                Secret::new("")
            }
            None if beyond || scheduler || shared => {
                let why = if beyond {
                    "the dashboard is reached from other machines"
                } else if scheduler {
                    "RUN_APP_SCHEDULER=true"
                } else {
                    "REDIS_HOST is set, and replicas share sessions"
                };
                self.wrong.push(format!("SESSION_SECRET_KEY is not set, and {why}: make one with `openssl rand -hex 32`"));
                Secret::new("")
            }
            None => Secret::new(random_id()),
        }
    }
}

/// Whether an address is this machine's own.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl Settings {
    /// Reads the settings. Every fault is in the error, one a line.
    pub fn read(demo: bool, get: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Vec<String>> {
        let mut reader = Reader { get, wrong: Vec::new() };
        let gitlab = (!demo).then(|| reader.gitlab());
        let host_text = reader.text("HOST").unwrap_or_else(|| "127.0.0.1".into());
        let host = host_text.parse().unwrap_or_else(|_| {
            reader.wrong.push(format!("HOST is {host_text:?}: it must be an address such as 127.0.0.1 or 0.0.0.0"));
            IpAddr::from([127, 0, 0, 1])
        });
        let port = reader.number("PORT", 3_000, 0, 65_535) as u16;
        let public_url = reader.url("DASHBOARD_URL", &format!("http://127.0.0.1:{port}"));
        let beyond = !host.is_loopback() || !is_loopback(&public_url);
        if public_url.scheme() == "http" && beyond && !demo {
            reader.wrong.push(format!(
                "DASHBOARD_URL is {public_url}: beyond this machine it must be https, since cookies are sent there"
            ));
        }
        if demo && !host.is_loopback() {
            reader.wrong.push(format!("HOST is {host}: --demo has no sign-in and is for this machine alone, 127.0.0.1"));
        }
        let redis = reader.redis();
        let session_secret = reader.session_secret(beyond, redis.is_some());
        let (every, ages) = reader.ages();
        let settings = Settings {
            gitlab,
            session_secret,
            host,
            port,
            public_url,
            priority_file: reader.text("PRIORITY_FILE").unwrap_or_else(|| "priority_project_ids.yml".into()).into(),
            data_dir: reader.text("DATA_DIR").unwrap_or_else(|| "data".into()).into(),
            every,
            full_after: SignedDuration::from_secs(reader.number("FULL_SECONDS", 600, 1, 86_400) as i64),
            ages,
            member_for: SignedDuration::from_secs(reader.number("MEMBERSHIP_SECONDS", 900, 1, 3_600) as i64),
            sessions: reader.sessions(),
            releases: reader.releases(),
            redis,
        };
        if reader.wrong.is_empty() { Ok(settings) } else { Err(reader.wrong) }
    }
}

/// The names as a table for `--help`.
pub fn help() -> String {
    let rows = NAMES.iter().map(|name| format!("  {:<27} {:<26} {}\n", name.name, name.default, name.meaning));
    format!(
        "Environment variables, their defaults:\n{}\nExit codes: 0 ended by a signal, 1 failed, 2 the command line or the environment is wrong.",
        rows.collect::<String>()
    )
}
