//! Many people who look at the page, on the machine that also serves it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::table::Table;

/// What people look at: most at everything, some with a filter.
const LOOKS: [&str; 8] = ["/", "/", "/", "/", "/?group=others", "/?q=service-4", "/?out=1", "/?sort=production"];
const CLIENTS: usize = 32;
const FAST: Duration = Duration::from_secs(10);
const STEADY: u32 = 20_000;

async fn view(client: &reqwest::Client, url: &str, cookie: &str) {
    let answer = client.get(url).header("accept-encoding", "gzip").header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    assert!(!answer.bytes().await.unwrap().is_empty());
}

/// So many clients, each with its next request as soon as it has its answer.
pub async fn as_fast_as_it_goes(table: &mut Table, url: &str, people: &[String]) {
    let client = reqwest::Client::new();
    let began = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for at in 0..CLIENTS {
        let (client, cookie) = (client.clone(), people[at % people.len()].clone());
        let url = format!("{url}{}", LOOKS[at % LOOKS.len()]);
        clients.spawn(async move {
            let mut times = Vec::new();
            while began.elapsed() < FAST {
                let began = Instant::now();
                view(&client, &url, &cookie).await;
                times.push(began.elapsed());
            }
            times
        });
    }
    let times: Vec<Duration> = clients.join_all().await.into_iter().flatten().collect();
    table.row("page views a second, 32 clients", times.len() as f64 / FAST.as_secs_f64(), "", None);
    tail(table, "of these", times);
}

/// A view each millisecond for 20 seconds, whether or not the one before is answered. Its time counts from when it was due.
pub async fn a_thousand_a_second(table: &mut Table, url: &str, people: &[String]) {
    let client = Arc::new(reqwest::Client::new());
    let began = tokio::time::Instant::now();
    let mut views = tokio::task::JoinSet::new();
    for at in 0..STEADY {
        let due = began + Duration::from_millis(at.into());
        tokio::time::sleep_until(due).await;
        let (client, cookie) = (client.clone(), people[at as usize % people.len()].clone());
        let url = format!("{url}{}", LOOKS[at as usize % LOOKS.len()]);
        views.spawn(async move {
            view(&client, &url, &cookie).await;
            due.elapsed()
        });
    }
    let times = views.join_all().await;
    table.row("1,000 page views a second for 20 s: served a second", f64::from(STEADY) / began.elapsed().as_secs_f64(), "", None);
    tail(table, "1,000 a second", times);
}

fn tail(table: &mut Table, which: &str, mut times: Vec<Duration>) {
    times.sort();
    for (name, thousandth) in [("median", 500), ("99 %", 990), ("99.9 %", 999), ("slowest", 1_000)] {
        let time = times[(times.len() - 1) * thousandth / 1_000];
        table.row(&format!("{which}: {name}"), time.as_secs_f64() * 1_000.0, "ms", None);
    }
}
