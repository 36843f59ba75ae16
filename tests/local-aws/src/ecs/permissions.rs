//! What a role needs for calls about containers: on which resources, and what else ECS asks for in the caller's name.
//!
//! Sources: service authorization reference of Amazon ECS, ECR, CloudWatch Logs and EventBridge Scheduler; Amazon ECS developer guide, "Grant permission to
//! tag resources on creation" and "iam:PassRole".

use serde_json::Value;

use crate::gateway::Request;

/// The resources of a call; none where its action has none.
pub(crate) fn resources(request: &Request) -> Vec<String> {
    let text = |name: &str| request.json(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let texts = |name: &str| -> Vec<String> {
        let list = request.json(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let arn = |service: &str, rest: String| format!("arn:aws:{service}:{}:{}:{rest}", request.region, request.caller.account);
    let in_cluster = |kind: &str, name: String| {
        let cluster = text("cluster");
        let cluster = cluster.rsplit('/').next().unwrap_or_default();
        if name.starts_with("arn:") { name } else { arn("ecs", format!("{kind}/{cluster}/{name}")) }
    };
    match (request.service.as_str(), request.action.as_str()) {
        ("ecs", "UpdateService" | "ListServiceDeployments") => vec![in_cluster("service", text("service"))],
        ("ecs", "DescribeServiceDeployments") => texts("serviceDeploymentArns"),
        ("ecs", "StopServiceDeployment") => vec![text("serviceDeploymentArn")],
        ("ecs", "DescribeServiceRevisions") => texts("serviceRevisionArns"),
        ("ecs", "DescribeTasks") => texts("tasks").into_iter().map(|task| in_cluster("task", task)).collect(),
        ("ecs", "ExecuteCommand") => vec![in_cluster("task", text("task"))],
        ("ecs", "RunTask") => vec![text("taskDefinition")],
        ("ecs", "TagResource") => vec![text("resourceArn")],
        ("scheduler", _) => {
            let group = Some(text("GroupName")).filter(|group| !group.is_empty()).unwrap_or_else(|| "default".to_owned());
            vec![arn("scheduler", format!("schedule/{group}/{}", text("Name")))]
        }
        ("ecr", action) if action != "GetAuthorizationToken" => {
            let account = Some(text("registryId")).filter(|id| !id.is_empty()).unwrap_or(request.caller.account.clone());
            vec![format!("arn:aws:ecr:{}:{account}:repository/{}", request.region, text("repositoryName"))]
        }
        ("logs", "GetLogEvents") => {
            vec![arn("logs", format!("log-group:{}:log-stream:{}", text("logGroupName"), text("logStreamName")))]
        }
        _ => Vec::new(),
    }
}

/// What ECS asks for besides: actions and their resources.
pub(crate) fn besides(request: &Request) -> Vec<(&'static str, String)> {
    match (request.service.as_str(), request.action.as_str()) {
        ("ecs", "RegisterTaskDefinition") => registration(request),
        // EventBridge Scheduler takes on the role that starts the task (user guide, "Set up the execution role").
        ("scheduler", "UpdateSchedule") => {
            let role = request.json("Target").and_then(|target| target["RoleArn"].as_str());
            role.map(|role| ("iam:PassRole", role.to_owned())).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn registration(request: &Request) -> Vec<(&'static str, String)> {
    let text = |name: &str| request.json(name).and_then(Value::as_str);
    let mut needed = Vec::new();
    if request.json("tags").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty()) {
        let family = text("family").unwrap_or_default();
        let arn = format!("arn:aws:ecs:{}:{}:task-definition/{family}:1", request.region, request.caller.account);
        needed.push(("ecs:TagResource", arn));
    }
    let roles = ["executionRoleArn", "taskRoleArn"].into_iter().filter_map(text).filter(|role| !role.is_empty());
    needed.extend(roles.map(|role| ("iam:PassRole", role.to_owned())));
    needed
}
