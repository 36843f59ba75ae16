//! Whom security groups let in: EC2's DescribeSecurityGroups, the one call that is made to EC2.
//!
//! The SDK's crate for EC2 takes longer to build than everything else together. So this is one operation on the layers that
//! every client of the SDK is made of (orchestrator, SigV4, XML decoder), with the settings of the other clients.

use std::fmt::Write;

use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::Builder;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;

use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;

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
    let operation = Operation::builder()
        .service_name("ec2")
        .operation_name("DescribeSecurityGroups")
        .endpoint_url(&endpoint(config))
        .no_retry()
        .timeout_config(config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
        .runtime_plugin(settings(config))
        .serializer(request)
        .deserializer(answer);
    let operation = match config.behavior_version() {
        Some(version) => operation.behavior_version(version).build(),
        None => operation.build(),
    };
    caller.call(ACTION, &groups.join(" and "), || operation.invoke(groups.to_vec())).await
}

/// `AWS_ENDPOINT_URL_EC2`, `AWS_ENDPOINT_URL`, or where EC2 is in this Region.
fn endpoint(config: &SdkConfig) -> String {
    let key = ServiceConfigKey::builder().service_id("EC2").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok();
    let own = config.service_config().zip(key).and_then(|(service, key)| service.load_config(key));
    let region = config.region().map_or("", AsRef::as_ref);
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    own.or_else(|| config.endpoint_url().map(str::to_owned)).unwrap_or_else(|| format!("https://ec2.{region}.{suffix}"))
}

/// Signs with the credentials, the Region and the HTTP client of the other clients.
fn settings(config: &SdkConfig) -> StaticRuntimePlugin {
    let mut layer = Layer::new("ec2");
    layer.store_put(SigningName::from_static("ec2"));
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig { signing_options: SigningOptions::default(), ..Default::default() });
    if let Some(region) = config.region() {
        layer.store_put(SigningRegion::from(region.clone()));
    }
    let mut components = RuntimeComponentsBuilder::new("ec2");
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)));
    components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    if let Some(client) = config.http_client() {
        components.set_http_client(Some(client));
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// The call in EC2's Query protocol. An id holds nothing that would have to be escaped.
fn request(groups: Vec<String>) -> Result<HttpRequest, BoxError> {
    let mut body = "Action=DescribeSecurityGroups&Version=2016-11-15".to_owned();
    for (number, group) in (1..).zip(groups) {
        write!(body, "&GroupId.{number}={group}")?;
    }
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Vec<Ingress>, OrchestratorError<ErrorMetadata>> {
    let text = std::str::from_utf8(response.body().bytes().unwrap_or_default());
    let text = text.map_err(|error| OrchestratorError::response(error.into()))?;
    if !response.status().is_success() {
        let mut error = ErrorMetadata::builder();
        // What cannot be read has its status all the same.
        if let Ok(mut root) = Document::new(text).root_element() {
            error = details(&mut root, error);
        }
        return Err(OrchestratorError::operation(error.build()));
    }
    rules(text).map_err(|error| OrchestratorError::response(error.into()))
}

/// Code, message and request id, however deep they are.
fn details(inside: &mut ScopedDecoder<'_, '_>, mut error: Builder) -> Builder {
    while let Some(mut tag) = inside.next_tag() {
        let name = tag.start_el().local().to_owned();
        error = match name.as_str() {
            "Code" | "Message" | "RequestID" | "RequestId" => {
                let text = try_data(&mut tag).unwrap_or_default().into_owned();
                match name.as_str() {
                    "Code" => error.code(text),
                    "Message" => error.message(text),
                    _ => error.custom("aws_request_id", text),
                }
            }
            _ => details(&mut tag, error),
        };
    }
    error
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

/// Visits the elements of a name directly inside another.
fn each(
    inside: &mut ScopedDecoder<'_, '_>,
    name: &str,
    visit: &mut dyn FnMut(&mut ScopedDecoder<'_, '_>) -> Result<(), XmlDecodeError>,
) -> Result<(), XmlDecodeError> {
    while let Some(mut tag) = inside.next_tag() {
        if tag.start_el().matches(name) {
            visit(&mut tag)?;
        }
    }
    Ok(())
}
