//! A real Chromium: what people do with the pages, what they meet while the API is down, and what axe finds.

use std::path::Path;
use std::process::Command;

use crate::harness::{Database, Server, api_with, tools, web};

async fn play(scenario: &str, web: &Server) {
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/check.mjs"));
    node.env("TOOLS", tools()).env("MOVIES", &web.url).env("SCENARIO", scenario);
    let output = tokio::task::spawn_blocking(move || node.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

async fn with_films(scenario: &str) {
    let database = Database::loaded().await;
    let api = database.api("1.1");
    play(scenario, &web("1.1", &api.url, &[("COLOUR", "green"), ("GENRE_FILTER", "true")])).await;
}

#[tokio::test]
async fn a_person_searches_and_reads() {
    with_films("search").await;
}

#[tokio::test]
async fn pages_follow_each_other() {
    with_films("paging").await;
}

#[tokio::test]
async fn a_missing_film_and_a_bad_year_are_told() {
    with_films("wrong").await;
}

#[tokio::test]
async fn axe_finds_nothing_and_it_fits_a_phone() {
    with_films("axe").await;
}

#[tokio::test]
async fn the_api_stops_and_comes_back() {
    let database = Database::loaded().await;
    let api = database.api("1.0");
    let port = api.url.rsplit(':').next().unwrap().to_owned();
    let web = web("1.0", &api.url, &[]);
    play("up", &web).await;
    drop(api);
    play("down", &web).await;
    let _api = api_with(&[&database.variables()[..], &[("PORT", port)]].concat());
    play("up", &web).await;
}
