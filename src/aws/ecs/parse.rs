//! Answers of ECS as what was seen. A field that is missing is empty; what a decision needs is checked where it is decided.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::roll::seen::{Breaker, Container, Definition, Deployment, Record, Revision, Service, Task, short};

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

pub(super) fn tags(value: &Value) -> BTreeMap<String, String> {
    list(value).filter_map(|tag| Some((tag["key"].as_str()?.to_owned(), text(&tag["value"])))).collect()
}

pub(super) fn service(value: &Value) -> Service {
    let configuration = &value["deploymentConfiguration"];
    let breaker = &configuration["deploymentCircuitBreaker"];
    let is = |value: &Value| value.as_bool().unwrap_or_default();
    let or = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
    let percent = |name: &str, default| configuration[name].as_u64().map_or(default, |_| number(&configuration[name]));
    Service {
        cluster: short(&text(&value["clusterArn"])).to_owned(),
        name: text(&value["serviceName"]),
        arn: text(&value["serviceArn"]),
        status: text(&value["status"]),
        controller: or(&value["deploymentController"]["type"], "ECS"),
        strategy: or(&configuration["strategy"], "ROLLING"),
        definition: text(&value["taskDefinition"]),
        desired: number(&value["desiredCount"]),
        running: number(&value["runningCount"]),
        pending: number(&value["pendingCount"]),
        deployments: list(&value["deployments"]).map(deployment).collect(),
        current: value["currentServiceDeployment"].as_str().map(str::to_owned),
        breaker: Breaker { enabled: is(&breaker["enable"]), rollback: is(&breaker["rollback"]) },
        percent: (percent("minimumHealthyPercent", 100), percent("maximumPercent", 200)),
        events: list(&value["events"]).map(|event| (text(&event["id"]), text(&event["message"]))).collect(),
        tags: tags(&value["tags"]),
        exec: is(&value["enableExecuteCommand"]),
        launch: launch(value),
    }
}

/// What RunTask takes of a service: either a strategy or a launch type.
fn launch(service: &Value) -> Value {
    let mut launch = Map::new();
    let mut copy = |name: &str| {
        let value = &service[name];
        let there = !(value.is_null() || *value == json!([]) || *value == json!({}) || *value == json!(""));
        if there {
            launch.insert(name.to_owned(), value.clone());
        }
        there
    };
    copy("networkConfiguration");
    copy("platformVersion");
    if !copy("capacityProviderStrategy") {
        copy("launchType");
    }
    Value::Object(launch)
}

fn deployment(value: &Value) -> Deployment {
    Deployment {
        id: text(&value["id"]),
        status: text(&value["status"]),
        definition: text(&value["taskDefinition"]),
        rollout: text(&value["rolloutState"]),
        reason: text(&value["rolloutStateReason"]),
        desired: number(&value["desiredCount"]),
        running: number(&value["runningCount"]),
        pending: number(&value["pendingCount"]),
        failed: number(&value["failedTasks"]),
    }
}

/// A service deployment, as it is listed or as it is described.
pub(super) fn record(value: &Value) -> Record {
    let target = value["targetServiceRevisionArn"].as_str().or_else(|| value["targetServiceRevision"]["arn"].as_str());
    let breaker = &value["deploymentCircuitBreaker"];
    Record {
        arn: text(&value["serviceDeploymentArn"]),
        status: text(&value["status"]),
        reason: value["statusReason"].as_str().map(str::to_owned),
        target: target.unwrap_or_default().to_owned(),
        rollback: value["rollback"]["reason"].as_str().map(str::to_owned),
        failures: breaker["failureCount"].as_u64().map(|_| (number(&breaker["failureCount"]), number(&breaker["threshold"]))),
        alarms: texts(&value["alarms"]["triggeredAlarmNames"]),
    }
}

pub(super) fn revision(value: &Value) -> Revision {
    let digest = |image: &Value| Some((image["containerName"].as_str()?.to_owned(), image["imageDigest"].as_str()?.to_owned()));
    Revision {
        arn: text(&value["serviceRevisionArn"]),
        definition: text(&value["taskDefinition"]),
        digests: list(&value["containerImages"]).filter_map(digest).collect(),
    }
}

/// An answer of DescribeTaskDefinition or RegisterTaskDefinition.
pub(super) fn definition(answer: &Value) -> Definition {
    let described = answer["taskDefinition"].clone();
    Definition {
        arn: text(&described["taskDefinitionArn"]),
        active: described["status"] == "ACTIVE",
        tags: tags(&answer["tags"]),
        described,
    }
}

pub(super) fn task(value: &Value) -> Task {
    Task {
        arn: text(&value["taskArn"]),
        started_by: text(&value["startedBy"]),
        definition: text(&value["taskDefinitionArn"]),
        status: text(&value["lastStatus"]),
        desired: text(&value["desiredStatus"]),
        stop_code: text(&value["stopCode"]),
        stopped_reason: text(&value["stoppedReason"]),
        containers: list(&value["containers"]).map(container).collect(),
        exec: value["enableExecuteCommand"].as_bool().unwrap_or_default(),
    }
}

fn container(value: &Value) -> Container {
    let agent = |agent: &Value| agent["name"] == "ExecuteCommandAgent" && agent["lastStatus"] == "RUNNING";
    Container {
        name: text(&value["name"]),
        exit_code: value["exitCode"].as_i64(),
        reason: text(&value["reason"]),
        digest: value["imageDigest"].as_str().map(str::to_owned),
        runtime_id: value["runtimeId"].as_str().map(str::to_owned),
        status: text(&value["lastStatus"]),
        exec_agent: list(&value["managedAgents"]).any(agent),
    }
}
