//! Four services in the cluster `main`, one of them behind a load balancer, with a schedule and a one-off task.

use std::time::Duration;

use local_aws::ecs::registry::Image;
use serde_json::{Value, json};

use crate::roll::Stage;
use crate::roll::stage::{Made, Run};

pub const SERVICES: [&str; 4] = ["web", "indexer", "ingester", "mailer"];
/// Every image of a version: of each service, of the schedule's tasks and of the one-off task. The first is tagged with the version
/// alone.
const IMAGES: [&str; 6] = ["", "-indexer", "-ingester", "-mailer", "-nightly", "-deployment"];
const WAIT: Duration = Duration::from_secs(60);

pub struct Bundle {
    pub stage: Stage,
}

impl Bundle {
    /// All of it, running `v1`.
    pub async fn new() -> Self {
        Self::with(true).await
    }

    /// The services with or without circuit breakers.
    pub async fn with(breaker: bool) -> Self {
        let stage = Stage::empty().await;
        let bundle = Self { stage };
        bundle.push("v1").await;
        for (family, suffix) in SERVICES.iter().chain(&["nightly", "deployment"]).zip(IMAGES) {
            let definition = bundle.register(family, &format!("v1{suffix}")).await;
            if SERVICES.contains(family) {
                bundle.stage.service(family, &definition, Made { desired: 1, breaker, behind: *family == "web" }).await;
            }
            if *family == "nightly" {
                bundle.schedule(&definition).await;
            }
        }
        bundle.write("");
        bundle.stage.world.gateway.reset_calls();
        bundle
    }

    /// Pushes every image of a version.
    pub async fn push(&self, version: &str) {
        for suffix in IMAGES {
            let tag = format!("{version}{suffix}");
            match suffix {
                "-deployment" => drop(self.stage.push_running(&tag, &format!("echo deployed {version}")).await),
                _ => drop(self.stage.push(&tag).await),
            }
        }
    }

    /// Pushes an image that ends at once, in place of a good one.
    pub async fn push_bad(&self, tag: &str) {
        let command = ["sh", "-c", "echo FATAL: no index; exit 3"];
        self.stage.push_image(tag, Image { command: &command, ..Image::default() }).await;
    }

    pub async fn register(&self, family: &str, tag: &str) -> String {
        let mut document = self.stage.document(tag);
        document["family"] = family.into();
        self.stage.register(&document).await
    }

    async fn schedule(&self, definition: &str) {
        let account = self.stage.world.account();
        let schedule = json!({
            "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": { "Mode": "OFF" }, "Description": "reports",
            "Target": {
                "Arn": format!("arn:aws:ecs:eu-central-1:{account}:cluster/main"),
                "RoleArn": format!("arn:aws:iam::{account}:role/scheduler"),
                "EcsParameters": { "TaskDefinitionArn": definition, "TaskCount": 1, "LaunchType": "FARGATE" },
                "RetryPolicy": { "MaximumRetryAttempts": 3 },
            },
        });
        let made = product_stage::json::rest(&self.stage.world, "scheduler", "POST", "/schedules/nightly", Some(&schedule)).await;
        assert!(made["ScheduleArn"].is_string(), "{made}");
    }

    /// The schedule as it is.
    pub async fn nightly(&self) -> Value {
        product_stage::json::rest(&self.stage.world, "scheduler", "GET", "/schedules/nightly", None).await
    }

    /// Writes `release.yml`, with further lines at its end.
    pub fn write(&self, more: &str) {
        let image = |suffix: &str| format!("{}{suffix}", self.stage.image("${tag}"));
        let member = |(name, suffix): (&&str, &str)| format!("  - {{name: {name}, images: {{web: \"{}\"}}}}\n", image(suffix));
        let services: String = SERVICES.iter().zip(IMAGES).map(member).collect();
        let text = format!(
            "cluster: main\nservices:\n{services}tasks:\n  - {{name: deployment, definition: deployment, like: web, images: {{web: \"{}\"}}, after: services{}}}\nschedules:\n  - {{name: nightly, definition: nightly, images: {{web: \"{}\"}}}}\ntogether: [[indexer, deployment]]\n{}",
            image("-deployment"),
            if more == "undo" { ", undo: true" } else { "" },
            image("-nightly"),
            if more == "undo" { "" } else { more },
        );
        std::fs::write(self.stage.file("release.yml"), text).unwrap();
    }

    /// Runs `deployer roll release --release ID --set tag=VERSION …`.
    pub async fn release(&self, id: &str, version: &str, more: &[&str]) -> Run {
        let tag = format!("tag={version}");
        self.stage.run(&[&["roll", "release", "--release", id, "--set", &tag], more].concat()).await
    }

    /// Where a release is, in a word.
    pub async fn status(&self, id: &str) -> String {
        let run = self.stage.run(&["roll", "status", "--release", id, "--json"]).await;
        run.ended(0, &[]);
        serde_json::from_str::<Value>(&run.out).unwrap()["outcome"].as_str().unwrap().to_owned()
    }

    /// The version that every service runs and the schedule starts, once nothing is under way: `v2`, or several.
    pub async fn versions(&self) -> String {
        let mut found = Vec::new();
        for name in SERVICES {
            self.settled(name).await;
            let service = self.service(name).await;
            found.push(self.version_of(service["taskDefinition"].as_str().unwrap()).await);
        }
        let nightly = self.nightly().await;
        found.push(self.version_of(nightly["Target"]["EcsParameters"]["TaskDefinitionArn"].as_str().unwrap()).await);
        found.dedup();
        found.join(" ")
    }

    async fn settled(&self, name: &str) {
        self.stage
            .until(async || {
                let service = self.service(name).await;
                let deployments = service["deployments"].as_array().unwrap();
                deployments.len() == 1 && service["runningCount"] == service["desiredCount"] && service["pendingCount"] == 0
            })
            .await;
    }

    pub async fn service(&self, name: &str) -> Value {
        let asked = json!({ "cluster": "main", "services": [name] });
        product_stage::json::call(&self.stage.world, "ecs", "DescribeServices", &asked).await["services"][0].clone()
    }

    /// The version of a revision's image, by its digest.
    async fn version_of(&self, definition: &str) -> String {
        let described = self.stage.described(definition).await;
        let container = &described["taskDefinition"]["containerDefinitions"][0];
        let image = container["image"].as_str().unwrap().to_owned();
        let Some((_, digest)) = image.split_once('@') else {
            let tag = image.rsplit(':').next().unwrap();
            return tag.split('-').next().unwrap().to_owned();
        };
        let tags = self.stage.registry.tags(crate::roll::stage::REPOSITORY, digest).await.unwrap();
        let version = |tag: &String| tag.split('-').next().unwrap().to_owned();
        tags.iter().map(version).next().unwrap_or_else(|| digest.to_owned())
    }

    /// What the one-off task printed.
    pub async fn printed(&self) -> Vec<String> {
        let lines = self.stage.registry.log("/ecs/web").await.unwrap();
        lines.into_iter().filter(|line| line.starts_with("deployed")).collect()
    }

    /// Waits until no deployment is under way.
    pub async fn quiet(&self) {
        for name in SERVICES {
            self.stage.world.ecs_runner.settled("main", name, WAIT).await.unwrap();
        }
    }
}
