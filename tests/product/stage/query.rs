//! A call of the Query protocol as it goes over the wire: for services and calls that the SDK's crates here lack.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local_aws::gateway::OPERATOR;
use local_aws::world::{REGION, World};
use serde_json::{Value, json};

/// Makes the call in the operator's name, and gives its answer.
pub async fn query(world: &World, service: &str, action: &str, parameters: &Value) -> String {
    // ELB's lists have `.member`, EC2's do not.
    let (signed, version, member) = match service {
        "elbv2" => ("elasticloadbalancing", "2015-12-01", ".member"),
        "ec2" => ("ec2", "2016-11-15", ""),
        other => panic!("no service that is known here: {other}"),
    };
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("Action", action).append_pair("Version", version);
    for (name, value) in parameters.as_object().unwrap() {
        flat(name, value, member, &mut |name, text| {
            body.append_pair(name, text);
        });
    }
    let scope = format!("{}/20260101/{REGION}/{signed}/aws4_request", world.account());
    let request = hyper::Request::post(world.endpoint())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-amz-security-token", OPERATOR)
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}"))
        .body(Full::new(Bytes::from(body.finish())))
        .unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(status.is_success(), "{action} {parameters}: {text}");
    text
}

fn flat(name: &str, value: &Value, member: &str, put: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Array(items) => {
            (1..).zip(items).for_each(|(number, item)| flat(&format!("{name}{member}.{number}"), item, member, put));
        }
        Value::Object(fields) => fields.iter().for_each(|(key, field)| flat(&format!("{name}.{key}"), field, member, put)),
        Value::String(text) => put(name, text),
        other => put(name, &other.to_string()),
    }
}

/// Gives a load balancer a security group with these rules, and no other; its id.
pub async fn security_group(world: &World, load_balancer: &str, rules: &Value) -> String {
    let named = json!({ "GroupName": format!("doors-{}", uuid::Uuid::new_v4()), "GroupDescription": "of a test" });
    let made = query(world, "ec2", "CreateSecurityGroup", &named).await;
    let id = made.split_once("<groupId>").unwrap().1.split_once('<').unwrap().0.to_owned();
    if rules.as_array().is_some_and(|rules| !rules.is_empty()) {
        query(world, "ec2", "AuthorizeSecurityGroupIngress", &json!({ "GroupId": id, "IpPermissions": rules })).await;
    }
    let set = world.elb().set_security_groups().load_balancer_arn(load_balancer).security_groups(&id);
    set.send().await.unwrap();
    id
}
