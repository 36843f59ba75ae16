//! The release dashboard rolled out from its own task definition templates: the real program as web and as scheduler, its
//! secrets from Secrets Manager, the agents beside it.

use std::path::{Path, PathBuf};

use local_aws::ecs::registry::Image;
use local_aws::load::Load;
use serde_json::{Value, json};

use super::stage::{Made, Stage};

const NAME: &str = "release-deployment-dashboard";
/// What the README asks a team to put into the secret; never a real one.
const SECRETS: [&str; 5] =
    ["GITLAB_ACCESS_TOKEN", "GITLAB_APPLICATION_ID", "GITLAB_APPLICATION_SECRET", "SESSION_SECRET_KEY", "DD_API_KEY"];
const VALUE: &str = "a-value-that-is-shown-nowhere-0123456789";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A template as the README says it is filled in: account, Region, host names.
fn template(stage: &Stage, kind: &str) -> String {
    let file = repository().join(format!("apps/dashboard/deploy/{NAME}-{kind}.json"));
    let image = stage.registry.repository(NAME);
    let mut host = image.split('.');
    let (account, region) = (host.next().unwrap().to_owned(), host.nth(2).unwrap().to_owned());
    let text = std::fs::read_to_string(file).unwrap().replace("111122223333", &account).replace("us-east-1", &region);
    let redis = format!("{NAME}-{kind}.example.cache.amazonaws.com");
    assert!(text.contains(&redis));
    text.replace(&redis, "127.0.0.1")
}

/// The image of this repository's Dockerfile: the program as its entry point. Here every container has this machine's address.
async fn push(stage: &Stage, tag: &str) {
    let program = local_aws::world::binary("dashboard");
    assert!(program.exists(), "{} was not built", program.display());
    // Each container has a volume of its own.
    let line = format!("DATA_DIR=$(mktemp -d {}) exec {} \"$@\"", stage.file("data-XXXXXX").display(), program.display());
    let image = Image { entrypoint: &["sh", "-c", &line, "dashboard"], environment: &["PORT=0"], ..Image::default() };
    stage.registry.push(NAME, tag, image).await.unwrap();
}

async fn secret(stage: &Stage, kind: &str) {
    let values: serde_json::Map<String, Value> = SECRETS.iter().map(|key| ((*key).to_owned(), VALUE.into())).collect();
    let secret = json!({ "Name": format!("{NAME}-{kind}"), "SecretString": Value::from(values).to_string() });
    product_stage::json::call(&stage.world, "secretsmanager", "CreateSecret", &secret).await;
}

/// A service that runs the image `1.0.0` of the template.
async fn stage(kind: &str) -> Stage {
    let stage = Stage::empty().await;
    secret(&stage, kind).await;
    push(&stage, "1.0.0").await;
    std::fs::write(stage.file("task.json"), template(&stage, kind)).unwrap();
    let first = stage.run(&["roll", "render", "--template", "task.json", "--set", "version=1.0.0"]).await;
    first.ended(0, &[]);
    let definition = stage.register(&serde_json::from_str(&first.out).unwrap()).await;
    stage.service_of("web", &definition, Made::default(), (NAME, 3000)).await;
    stage
}

/// What GitLab's recipe does: `${version}` is the tag, and the service runs it.
async fn deploy(stage: &Stage, version: &str) -> super::stage::Run {
    let set = format!("version={version}");
    stage
        .run_with(
            &[("ECS_TASKDEF_TEMPLATE", "task.json")],
            &["roll", "deploy", "--cluster", "main", "--service", "web", "--set", &set],
        )
        .await
}

async fn rolls_out(kind: &str) {
    let stage = stage(kind).await;
    push(&stage, "1.0.1").await;
    let load = Load::start(&[stage.clients()]);
    let run = deploy(&stage, "1.0.1").await;
    run.ended(0, &["1.0.1"]);
    assert!(!run.out.contains(VALUE) && !run.err.contains(VALUE), "{run:#?}");
    let report = load.stop().await.unwrap();
    assert_eq!(report.failed(), 0, "{report:?}");
    assert_eq!(stage.revision().await, format!("{NAME}-{kind}:2"));
    // Nothing of the template is lost on the way.
    let runs = stage.described(&format!("{NAME}-{kind}:2")).await["taskDefinition"].clone();
    let wanted: Value = serde_json::from_str(&template(&stage, kind).replace("${version}", "1.0.1")).unwrap();
    for (key, value) in wanted.as_object().unwrap().iter().filter(|(key, _)| *key != "containerDefinitions") {
        assert_eq!(&runs[key], value, "{key}");
    }
    for (container, wanted) in
        runs["containerDefinitions"].as_array().unwrap().iter().zip(wanted["containerDefinitions"].as_array().unwrap())
    {
        for (key, value) in wanted.as_object().unwrap().iter().filter(|(key, _)| *key != "image") {
            assert_eq!(&container[key], value, "{} {key}", wanted["name"]);
        }
        let same = |image: &Value| image.as_str().unwrap().split(['@', ':']).next().unwrap().to_owned();
        assert_eq!(same(&container["image"]), same(&wanted["image"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_rolls_out_from_its_dev_template() {
    rolls_out("dev").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_rolls_out_from_its_prod_template() {
    rolls_out("prod").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_that_refuses_its_settings_is_undone() {
    let stage = stage("dev").await;
    push(&stage, "1.0.1").await;
    let text = stage.read("task.json").replace("\"https://gitlab.com\"", "\"http://gitlab.example\"");
    std::fs::write(stage.file("task.json"), text).unwrap();
    deploy(&stage, "1.0.1").await.ended(6, &["exit code 2"]);
    assert_eq!(stage.revision().await, format!("{NAME}-dev:1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_secret_lacks_is_named_and_undone() {
    let stage = stage("dev").await;
    push(&stage, "1.0.1").await;
    let text = stage.read("task.json").replace(":SESSION_SECRET_KEY::", ":SESION_SECRET_KEY::");
    std::fs::write(stage.file("task.json"), text).unwrap();
    deploy(&stage, "1.0.1").await.ended(6, &["did not contain json key SESION_SECRET_KEY"]);
    assert_eq!(stage.revision().await, format!("{NAME}-dev:1"));
}
