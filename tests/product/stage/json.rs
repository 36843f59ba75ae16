//! Calls of the JSON protocols as the operator, for what the SDK's types here would drop.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local_aws::gateway::OPERATOR;
use local_aws::world::{REGION, World};
use serde_json::Value;

/// The answer, whole, also where it is an error.
pub async fn call(world: &World, service: &str, action: &str, parameters: &Value) -> Value {
    let target = match service {
        "ecs" => "AmazonEC2ContainerServiceV20141113",
        "secretsmanager" => "secretsmanager",
        "application-autoscaling" => "AnyScaleFrontendService",
        other => panic!("no target for {other}"),
    };
    let scope = format!("{}/20260101/{REGION}/{service}/aws4_request", world.account());
    let request = hyper::Request::post(world.endpoint())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("{target}.{action}"));
    send(request, &scope, parameters.to_string()).await
}

/// A call of a service whose protocol is REST.
pub async fn rest(world: &World, service: &str, method: &str, path: &str, parameters: Option<&Value>) -> Value {
    let scope = format!("{}/20260101/{REGION}/{service}/aws4_request", world.account());
    let request = hyper::Request::builder().method(method).uri(format!("{}{path}", world.endpoint()));
    let request = request.header("content-type", "application/json");
    send(request, &scope, parameters.map(Value::to_string).unwrap_or_default()).await
}

async fn send(request: hyper::http::request::Builder, scope: &str, body: String) -> Value {
    let request = request
        .header("x-amz-security-token", OPERATOR)
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}
