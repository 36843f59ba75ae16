//! Whom security groups let in: EC2's DescribeSecurityGroups, the one call that is made to EC2.
//!
//! The SDK's crate for EC2 takes longer to build than everything else together.

use std::fmt::Write;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;
use crate::aws::query::{self, each};
use crate::aws::wire::Service;

const EC2: Service = Service { host: "ec2", global: false, signing: "ec2", id: "EC2" };
/// The action as a policy names it.
pub const ACTION: &str = "ec2:DescribeSecurityGroups";

/// One rule of a security group: whom it lets in, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingress {
    /// The security group's id.
    pub group: String,
    /// `tcp`, `udp`, `icmp`, a protocol's number, or `-1` for all traffic.
    pub protocol: String,
    /// The first and the last port; none where the protocol has none, or all.
    pub ports: Option<(u16, u16)>,
    /// IPv4 and IPv6 ranges.
    pub ranges: Vec<String>,
}

/// Reads whom these security groups let in. One call.
///
/// # Errors
/// An [`AwsFailure`].
pub async fn ingress(config: &SdkConfig, caller: &Caller, groups: &[String]) -> Result<Vec<Ingress>, AwsFailure> {
    let operation = EC2.operation(config, "DescribeSecurityGroups").serializer(request);
    let operation = operation.deserializer(|response| query::answer(response, rules)).build();
    caller.call(ACTION, &groups.join(" and "), || operation.invoke(groups.to_vec())).await
}

/// The call in EC2's Query protocol. An id holds nothing that would have to be escaped.
fn request(groups: Vec<String>) -> Result<HttpRequest, BoxError> {
    let mut body = "Action=DescribeSecurityGroups&Version=2016-11-15".to_owned();
    for (number, group) in (1..).zip(groups) {
        write!(body, "&GroupId.{number}={group}")?;
    }
    query::request(body)
}

/// The rules of every group in an answer (EC2 API reference, SecurityGroup and IpPermission).
fn rules(text: &str) -> Result<Vec<Ingress>, XmlDecodeError> {
    let mut found = Vec::new();
    let mut document = Document::new(text);
    let mut root = document.root_element()?;
    each(&mut root, "securityGroupInfo", &mut |groups| {
        each(groups, "item", &mut |group| {
            let (mut id, first) = (String::new(), found.len());
            while let Some(mut tag) = group.next_tag() {
                if tag.start_el().matches("groupId") {
                    id = try_data(&mut tag)?.into_owned();
                } else if tag.start_el().matches("ipPermissions") {
                    each(&mut tag, "item", &mut |item| rule(item).map(|rule| found.push(rule)))?;
                }
            }
            found[first..].iter_mut().for_each(|rule| rule.group.clone_from(&id));
            Ok(())
        })
    })?;
    Ok(found)
}

fn rule(item: &mut ScopedDecoder<'_, '_>) -> Result<Ingress, XmlDecodeError> {
    let mut rule = Ingress::default();
    let (mut from, mut to) = (None, None);
    while let Some(mut tag) = item.next_tag() {
        let name = tag.start_el().local().to_owned();
        match name.as_str() {
            "ipProtocol" => rule.protocol = try_data(&mut tag)?.into_owned(),
            "fromPort" => from = try_data(&mut tag)?.parse().ok(),
            "toPort" => to = try_data(&mut tag)?.parse().ok(),
            "ipRanges" | "ipv6Ranges" => each(&mut tag, "item", &mut |range| {
                while let Some(mut tag) = range.next_tag() {
                    if tag.start_el().matches("cidrIp") || tag.start_el().matches("cidrIpv6") {
                        rule.ranges.push(try_data(&mut tag)?.into_owned());
                    }
                }
                Ok(())
            })?,
            _ => {}
        }
    }
    rule.ports = from.zip(to);
    Ok(rule)
}
