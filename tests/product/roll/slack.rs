//! `deployer notify slack`, against a local web server in Slack's place.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Stage;

/// A webhook that answers with this status, and keeps what it was sent.
pub async fn webhook(status: u16) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}/services/T0/B0/s3cret-hook", listener.local_addr().unwrap());
    let posts = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&posts);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let taken = Arc::clone(&taken);
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let taken = Arc::clone(&taken);
                async move {
                    let body = request.into_body().collect().await?.to_bytes();
                    taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                    let said = if status == 200 { "ok" } else { "no_service" };
                    Ok::<_, hyper::Error>(Response::builder().status(status).body(Full::new(Bytes::from(said))).unwrap())
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, posts)
}

#[tokio::test]
async fn a_roll_is_told_with_who_and_the_job() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    stage.roll("deploy", &["--image", &stage.image("v2"), "--json", "result.json"]).await.ended(0, &[]);
    let (address, posts) = webhook(200).await;
    let variables =
        [("SLACK_WEBHOOK_URL", address.as_str()), ("GITLAB_USER_LOGIN", "ada"), ("CI_JOB_URL", "https://gitlab.example/j/7")];
    let run = stage.run_with(&variables, &["notify", "slack", "--result", "result.json"]).await;
    run.ended(0, &["posted to Slack"]);
    let posts = posts.lock().unwrap().clone();
    let text = posts[0].to_string();
    for part in ["main/web: deployed", "from: web:1", "to: web:2", "by ada", "<https://gitlab.example/j/7|the job>"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(posts.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_posted_is_a_warning_and_its_address_is_never_shown() {
    let stage = Stage::empty().await;
    std::fs::write(stage.file("result.json"), json!({ "service": "main/web", "outcome": "deployed" }).to_string()).unwrap();
    let notify = ["notify", "slack", "--result", "result.json"];
    stage.run(&notify).await.ended(0, &["warning", "SLACK_WEBHOOK_URL is not set"]);
    let (address, _) = webhook(404).await;
    let refused = stage.run_with(&[("SLACK_WEBHOOK_URL", &address)], &notify).await;
    refused.ended(0, &["Slack answered 404", "no_service"]);
    // Nobody listens there any more.
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let gone = stage.run_with(&[("SLACK_WEBHOOK_URL", &format!("http://{free}/s3cret-hook"))], &notify).await;
    gone.ended(0, &["no message was posted to Slack"]);
    let odd = stage.run_with(&[("SLACK_WEBHOOK_URL", "s3cret-hook")], &notify).await;
    odd.ended(0, &["no message was posted to Slack"]);
    for run in [&refused, &gone, &odd] {
        assert!(!run.err.contains("s3cret-hook") && !run.out.contains("s3cret-hook"), "{run:#?}");
    }
    std::fs::write(stage.file("other.json"), "{}").unwrap();
    let other = stage.run_with(&[("SLACK_WEBHOOK_URL", &address)], &["notify", "slack", "--result", "other.json"]).await;
    other.ended(0, &["other.json is no result"]);
}
