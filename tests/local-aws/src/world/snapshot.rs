//! The state of all load balancers, as the API prints it.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use quick_xml::events::Event;
use quick_xml::{Reader, Writer};

use super::{REGION, World};
use crate::gateway::OPERATOR;

pub(super) async fn take(world: &World) -> Result<String> {
    let elb = world.elb();
    let mut text = String::new();
    let mut tagged = Vec::new();
    for load_balancer in elb.describe_load_balancers().send().await?.load_balancers() {
        let arn = load_balancer.load_balancer_arn().context("a load balancer without ARN")?;
        tagged.push(arn.to_owned());
        write!(text, "{}", call(world, "DescribeListeners", "LoadBalancerArn", arn).await?)?;
        for listener in elb.describe_listeners().load_balancer_arn(arn).send().await?.listeners() {
            let arn = listener.listener_arn().context("a listener without ARN")?;
            write!(text, "{}", call(world, "DescribeRules", "ListenerArn", arn).await?)?;
        }
    }
    for group in elb.describe_target_groups().send().await?.target_groups() {
        tagged.push(group.target_group_arn().context("a target group without ARN")?.to_owned());
    }
    for arn in tagged {
        write!(text, "{}", call(world, "DescribeTags", "ResourceArns.member.1", &arn).await?)?;
    }
    Ok(text)
}

/// The result of a call, indented. Straight from the wire: the SDK's types hide what is sensitive and drop what is new.
async fn call(world: &World, action: &str, parameter: &str, value: &str) -> Result<String> {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("Action", action), ("Version", "2015-12-01"), (parameter, value)])
        .finish();
    let request = hyper::Request::post(world.endpoint())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-amz-security-token", OPERATOR)
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/elasticloadbalancing/aws4_request", world.account()),
        )
        .body(Full::new(Bytes::from(body)))?;
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{action} answered {status}: {}", String::from_utf8_lossy(&body));
    indented(std::str::from_utf8(&body)?, &format!("{action}Result"))
}

/// The element with this name, one tag a line, without what differs from call to call.
fn indented(xml: &str, element: &str) -> Result<String> {
    let mut reader = Reader::from_str(xml);
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let mut inside = false;
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            Event::Start(tag) if tag.name().as_ref() == element => inside = true,
            Event::End(tag) if tag.name().as_ref() == element => inside = false,
            event if inside => writer.write_event(event)?,
            _ => {}
        }
    }
    Ok(format!("{}\n", String::from_utf8(writer.into_inner())?.trim()))
}
