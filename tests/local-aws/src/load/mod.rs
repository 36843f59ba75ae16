//! Load: clients that keep requesting, each over a connection of its own that it keeps open and with the cookies it is given,
//! and the figures of what they got.

mod client;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use self::client::Client;

/// A request that gets no answer for so long has failed: longer than a busy machine takes for one that is answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the clients of one port ask for.
#[derive(Clone, Debug)]
pub struct Aim {
    /// How reports name it, such as `live`.
    pub name: String,
    /// Where the port is served.
    pub address: SocketAddr,
    /// The `Host` header; the address where there is none.
    pub host: Option<String>,
    /// Path, with the query where there is one.
    pub path: String,
    /// Headers of every request, such as a session's cookie.
    pub headers: Vec<(String, String)>,
    /// For HTTPS: the certificate (PEM) of the authority that the clients trust.
    pub authority: Option<String>,
    /// How many clients, each with one connection.
    pub clients: usize,
    /// How long each pauses between an answer and its next request.
    pub pause: Duration,
}

impl Aim {
    /// Four clients that ask for `/version`, each a hundred and more times a second.
    #[must_use]
    pub fn at(name: &str, address: SocketAddr) -> Self {
        let pause = Duration::from_millis(5);
        Self {
            name: name.to_owned(),
            address,
            host: None,
            path: "/version".to_owned(),
            headers: Vec::new(),
            authority: None,
            clients: 4,
            pause,
        }
    }
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was sent.
    pub sent: Instant,
    /// When it was answered, or given up.
    pub answered: Instant,
    /// The status; none where no answer came.
    pub status: Option<u16>,
    /// The answer's `X-Version`.
    pub version: Option<Arc<str>>,
    /// Why no answer came, where none did.
    pub why: Option<String>,
}

impl Sample {
    /// Whether it was answered with a status below 400.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.status.is_some_and(|status| status < 400)
    }
}

/// Running clients.
pub struct Load {
    stop: Arc<AtomicBool>,
    /// How many requests of each client are over.
    asked: Vec<Arc<AtomicUsize>>,
    clients: JoinSet<Result<(String, Vec<Sample>)>>,
}

impl Load {
    /// Starts the clients of every aim.
    #[must_use]
    pub fn start(aims: &[Aim]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut counts = Vec::new();
        let mut clients = JoinSet::new();
        for aim in aims {
            for _ in 0..aim.clients {
                let asked = Arc::new(AtomicUsize::new(0));
                counts.push(Arc::clone(&asked));
                let (aim, stop) = (aim.clone(), Arc::clone(&stop));
                clients.spawn(async move { Ok((aim.name.clone(), keep_asking(&aim, &stop, &asked).await?)) });
            }
        }
        Self { stop, asked: counts, clients }
    }

    /// How many requests are over by now, on all ports, whatever became of them.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.counts().sum()
    }

    /// Waits until every client is done with so many more requests, whatever became of them. All but the first of them
    /// were sent after this was called.
    ///
    /// # Errors
    /// Clients that do not get there, such as those of an aim that nobody can ask for.
    pub async fn each_asked(&self, more: usize) -> Result<()> {
        let goals: Vec<usize> = self.counts().map(|count| count + more).collect();
        let reached = async {
            while self.counts().zip(&goals).any(|(count, goal)| count < *goal) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached).await.with_context(|| format!("not every client made {more} requests in {PATIENCE:?}"))
    }

    fn counts(&self) -> impl Iterator<Item = usize> {
        self.asked.iter().map(|count| count.load(Ordering::Relaxed))
    }

    /// Lets every client finish its request, and reports all of them.
    ///
    /// # Errors
    /// An aim that no client can ask for: an address, a header or a certificate that is none.
    pub async fn stop(mut self) -> Result<Report> {
        self.stop.store(true, Ordering::Relaxed);
        let mut report = Report::default();
        while let Some(client) = self.clients.join_next().await {
            let (name, samples) = client??;
            report.samples.entry(name).or_default().extend(samples);
        }
        for samples in report.samples.values_mut() {
            samples.sort_by_key(|sample| sample.answered);
        }
        Ok(report)
    }
}

async fn keep_asking(aim: &Aim, stop: &AtomicBool, asked: &AtomicUsize) -> Result<Vec<Sample>> {
    let mut client = Client::new(aim)?;
    let mut samples = Vec::new();
    let mut versions: BTreeSet<Arc<str>> = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let (answer, why) = match timeout(PATIENCE, client.ask()).await {
            Ok(Ok(answer)) => (Some(answer), None),
            Ok(Err(error)) => (None, Some(format!("{error:#}"))),
            Err(_) => (None, Some(format!("not within {PATIENCE:?}"))),
        };
        if why.is_some() {
            client.disconnect();
        }
        let (status, version) = answer.unzip();
        let version = version.flatten().map(|version| match versions.get(version.as_str()) {
            Some(known) => Arc::clone(known),
            None => {
                let version: Arc<str> = version.into();
                versions.insert(Arc::clone(&version));
                version
            }
        });
        samples.push(Sample { sent, answered: Instant::now(), status, version, why });
        asked.fetch_add(1, Ordering::Relaxed);
        sleep(aim.pause).await;
    }
    Ok(samples)
}

/// What the clients got, by the name of their aim, in the order of the answers.
#[derive(Clone, Debug, Default)]
pub struct Report {
    samples: BTreeMap<String, Vec<Sample>>,
}

impl Report {
    /// The samples of one aim.
    #[must_use]
    pub fn samples(&self, name: &str) -> &[Sample] {
        self.samples.get(name).map_or(&[], Vec::as_slice)
    }

    /// The part of the report that was answered in a span of time.
    #[must_use]
    pub fn between(&self, from: Instant, until: Instant) -> Self {
        let within = |samples: &Vec<Sample>| samples.iter().filter(|s| (from..until).contains(&s.answered)).cloned().collect();
        Self { samples: self.samples.iter().map(|(name, samples)| (name.clone(), within(samples))).collect() }
    }

    /// The versions that answered one aim's requests sent after a moment.
    #[must_use]
    pub fn versions_sent_after(&self, name: &str, moment: Instant) -> BTreeMap<String, usize> {
        count(self.samples(name).iter().filter(|s| s.sent > moment).map(|s| s.version.as_deref().unwrap_or("none").to_owned()))
    }

    /// How many requests were served, on all ports.
    #[must_use]
    pub fn served(&self) -> usize {
        self.samples.values().flatten().filter(|s| s.is_served()).count()
    }

    /// How many requests were not: an error status, or no answer.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.samples.values().flatten().filter(|s| !s.is_served()).count()
    }

    /// Each request that was not served, as a sentence, with how long after the first request it was sent.
    #[must_use]
    pub fn lost(&self) -> Vec<String> {
        let began = self.samples.values().flatten().map(|s| s.sent).min();
        let tell = |name: &String, sample: &Sample| {
            let after = began.map(|began| sample.sent.duration_since(began)).unwrap_or_default();
            let what = match (sample.status, &sample.why) {
                (Some(status), _) => format!("HTTP {status} from version {}", sample.version.as_deref().unwrap_or("none")),
                (None, Some(why)) => format!("no answer: {why}"),
                (None, None) => "no answer".to_owned(),
            };
            format!("{name} {:.1} s after the first: {what}", after.as_secs_f64())
        };
        let samples = self.samples.iter().flat_map(|(name, samples)| samples.iter().map(move |sample| (name, sample)));
        samples.filter(|(_, sample)| !sample.is_served()).map(|(name, sample)| tell(name, sample)).collect()
    }

    /// How many requests of one aim got each status; none stands for no answer.
    #[must_use]
    pub fn statuses(&self, name: &str) -> BTreeMap<Option<u16>, usize> {
        count(self.samples(name).iter().map(|s| s.status))
    }

    /// How many requests of one aim each version answered.
    #[must_use]
    pub fn versions(&self, name: &str) -> BTreeMap<String, usize> {
        count(self.samples(name).iter().filter_map(|s| s.version.as_deref().map(str::to_owned)))
    }

    /// When one aim first got an answer of a version.
    #[must_use]
    pub fn first(&self, name: &str, version: &str) -> Option<Instant> {
        self.of(name, version).next().map(|s| s.answered)
    }

    /// When one aim last got an answer of a version.
    #[must_use]
    pub fn last(&self, name: &str, version: &str) -> Option<Instant> {
        self.of(name, version).last().map(|s| s.answered)
    }

    /// How long two aims got answers of the same version, where each changes its version once: the time from the first answer on
    /// the one to the last on the other, added up over both versions.
    #[must_use]
    pub fn same_version(&self, one: &str, other: &str) -> Duration {
        let shared = |version: &String| {
            let begin = self.first(one, version)?.max(self.first(other, version)?);
            let end = self.last(one, version)?.min(self.last(other, version)?);
            end.checked_duration_since(begin)
        };
        self.versions(one).keys().filter_map(shared).sum()
    }

    fn of<'a>(&'a self, name: &str, version: &'a str) -> impl DoubleEndedIterator<Item = &'a Sample> {
        self.samples.get(name).into_iter().flatten().filter(move |s| s.version.as_deref() == Some(version))
    }
}

fn count<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}
