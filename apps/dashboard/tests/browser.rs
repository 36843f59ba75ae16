//! A real Chromium: what people do with the page, with and without JavaScript, on a phone, and what axe finds.

use std::path::Path;
use std::process::Command;

use crate::harness::{Dashboard, tools, until};
use crate::sign_in::set_up;

async fn play(scenario: &str, dashboard: &Dashboard) {
    let mut node = Command::new("node");
    node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/check.mjs"));
    node.env("TOOLS", tools()).env("DASHBOARD", &dashboard.url).env("SCENARIO", scenario);
    let output = tokio::task::spawn_blocking(move || node.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

async fn demo(scenario: &str) {
    let dashboard = Dashboard::start(&[("REFRESH_SECONDS", "3600".into())], &["--demo"]).await;
    until("the first round ends", async || dashboard.said("\"refreshed\"")).await;
    play(scenario, &dashboard).await;
}

#[tokio::test]
async fn filters_act_at_once_and_are_in_the_address() {
    demo("filter").await;
}

#[tokio::test]
async fn a_click_on_a_heading_sorts() {
    demo("sort").await;
}

#[tokio::test]
async fn a_click_refreshes_a_row() {
    demo("refresh").await;
}

#[tokio::test]
async fn it_works_without_javascript() {
    demo("plain").await;
}

#[tokio::test]
async fn it_fits_a_phone() {
    demo("phone").await;
}

#[tokio::test]
async fn axe_finds_nothing() {
    demo("axe").await;
}

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let (_gitlab, _server, dashboard) = set_up().await;
    play("signin", &dashboard).await;
}
