//! States that a person meets: the API is down, the table is gone, a server ends.

use std::time::{Duration, Instant};

use crate::harness::{Database, web};

#[tokio::test]
async fn without_the_api_there_is_a_page_and_the_web_stays_healthy() {
    let web = web("1.0", "http://127.0.0.1:1", &[]);
    for path in ["/", "/?year=2013", "/movies/2013/x"] {
        let answer = web.get(path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "10"), "{}", answer.body);
        assert!(answer.body.contains("does not answer. Try again in a minute."), "{}", answer.body);
    }
    let version = web.get("/version").await;
    assert_eq!((version.status, &version.json()["api"]), (200, &serde_json::Value::Null));
    for path in ["/livez", "/readyz"] {
        assert_eq!(web.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn without_the_table_there_is_a_page_and_nothing_of_the_account_on_it() {
    let database = Database::empty().await;
    let mut variables = database.variables();
    variables[0].1 = "http://127.0.0.1:1".to_owned();
    let api = database.api("1.0");
    assert_eq!(api.get("/movies?year=2013").await.json()["movies"].as_array().map(Vec::len), Some(0));
    let unreachable = crate::harness::api_with(&variables);
    let web = web("1.0", &unreachable.url, &[]);
    let page = web.get("/?year=2013").await;
    assert_eq!(page.status, 503, "{}", page.body);
    assert!(page.body.contains("The table of films does not answer"), "{}", page.body);
    assert!(unreachable.lines().iter().any(|line| line.contains("the table failed")), "{:?}", unreachable.lines());
    assert_eq!(unreachable.get("/readyz").await.status, 200, "no health check goes through the database");
}

#[tokio::test]
async fn a_request_in_flight_finishes_when_the_server_ends() {
    // An API that takes its time.
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut web = web("1.0", &format!("http://{}", slow.local_addr().unwrap()), &[]);
    let address = web.url.clone();
    let asked = tokio::spawn(async move { reqwest::get(address + "/?year=2013").await.unwrap().status().as_u16() });
    let (mut stream, _) = slow.accept().await.unwrap();
    web.terminate();
    let began = Instant::now();
    while reqwest::get(format!("{}/livez", web.url)).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "it takes new connections");
    }
    let body = "{\"movies\":[]}";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
    assert_eq!(asked.await.unwrap(), 200);
    assert_eq!(web.ended(), Some(0));
}

#[tokio::test]
async fn an_item_that_is_no_film_is_told_in_the_log_and_hides_no_other() {
    let database = Database::loaded().await;
    let api = database.api("1.0");
    let films = |answer: &crate::harness::Answer| answer.json()["movies"].as_array().map(Vec::len);
    let before = films(&api.get("/movies?year=1971").await);
    database.put_no_film().await;
    assert_eq!(films(&api.get("/movies?year=1971").await), before);
    let answer = api.get("/movies/1971/A%20Slip%20of%20Paper").await;
    assert_eq!(answer.status, 503, "it is there, so it is not missing: {}", answer.body);
    let told = api.lines().iter().filter(|line| line.contains("1971") && line.contains("A Slip of Paper is no film")).count();
    assert_eq!(told, 2, "{:?}", api.lines());
}

#[tokio::test]
async fn an_index_that_is_not_there_is_not_called_one_that_is_being_built() {
    let database = Database::loaded().await;
    database.delete_index().await;
    let api = database.api("1.0");
    let answer = api.get("/movies?title=the").await;
    assert!(answer.status == 503 && !answer.body.contains("being built"), "{}", answer.body);
    assert!(api.lines().iter().any(|line| line.contains("has no index SearchTitle")), "{:?}", api.lines());
}

#[test]
fn a_log_level_that_is_none_is_refused() {
    for program in crate::harness::PROGRAMS {
        let output = std::process::Command::new(program).env("RUST_LOG", "loud=12").arg("--health").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains("RUST_LOG"), "{program}: {told}");
    }
}
