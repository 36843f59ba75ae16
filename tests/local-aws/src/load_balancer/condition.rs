//! Rule conditions: what a request must look like for a rule to apply (ELB user guide, "Condition types for listener rules").

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use aws_sdk_elasticloadbalancingv2::types::RuleCondition;
use hyper::{Method, Uri, header::HeaderMap};
use ipnet::IpNet;
use wildmatch::WildMatch;

/// The parts of a request that conditions look at.
pub(super) struct Facts<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    /// Host name without port.
    pub host: &'a str,
    pub source: IpAddr,
}

/// One condition; several values are alternatives.
#[derive(Debug)]
pub(super) enum Condition {
    /// Case-sensitive wildcards over the path without its query.
    Path(Vec<WildMatch>),
    /// Case-insensitive wildcards over the host name.
    Host(Vec<WildMatch>),
    /// A header by name, with case-insensitive wildcards over its value.
    Header(String, Vec<WildMatch>),
    /// Exact methods, upper case.
    Method(Vec<String>),
    /// Pairs of an optional key and a value, both with case-insensitive wildcards.
    Query(Vec<(Option<WildMatch>, WildMatch)>),
    /// Networks of the client's own address, not of `X-Forwarded-For`.
    Source(Vec<IpNet>),
}

impl Condition {
    /// Reads a condition in either of its two shapes: `Values`, or the config of its field.
    ///
    /// # Errors
    /// A field this load balancer does not know, or an address range that is none: a condition left out would
    /// send requests where the rule does not mean them to go.
    pub fn read(condition: &RuleCondition) -> Result<Self> {
        let field = condition.field().unwrap_or_default();
        let values = |config: Option<&[String]>| config.filter(|v| !v.is_empty()).unwrap_or(condition.values()).to_vec();
        let wild = |values: Vec<String>| values.iter().map(|v| WildMatch::new_case_insensitive(v)).collect();
        Ok(match field {
            "path-pattern" => {
                let values = values(condition.path_pattern_config().map(|c| c.values()));
                Self::Path(values.iter().map(|v| WildMatch::new(v)).collect())
            }
            "host-header" => Self::Host(wild(values(condition.host_header_config().map(|c| c.values())))),
            "http-request-method" => Self::Method(values(condition.http_request_method_config().map(|c| c.values()))),
            "http-header" => {
                let config = condition.http_header_config().context("an http-header condition without HttpHeaderConfig")?;
                Self::Header(config.http_header_name().unwrap_or_default().to_owned(), wild(config.values().to_vec()))
            }
            "query-string" => {
                let config = condition.query_string_config().context("a query-string condition without QueryStringConfig")?;
                let pair = |key: Option<&str>, value: Option<&str>| {
                    let wild = WildMatch::new_case_insensitive;
                    (key.map(wild), wild(value.unwrap_or_default()))
                };
                Self::Query(config.values().iter().map(|v| pair(v.key(), v.value())).collect())
            }
            "source-ip" => {
                let ranges = values(condition.source_ip_config().map(|c| c.values()));
                let parse = |r: &String| r.parse().with_context(|| format!("source-ip condition `{r}` is no CIDR range"));
                Self::Source(ranges.iter().map(parse).collect::<Result<_>>()?)
            }
            other => bail!("a rule condition on `{other}`, which this load balancer does not know"),
        })
    }

    /// Whether the request fulfils the condition.
    pub fn holds(&self, request: &Facts<'_>) -> bool {
        match self {
            Self::Path(patterns) => any(patterns, request.uri.path()),
            Self::Host(patterns) => any(patterns, request.host),
            Self::Header(name, patterns) => {
                let mut values = request.headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
                values.any(|value| any(patterns, value))
            }
            Self::Method(methods) => methods.iter().any(|m| m == request.method.as_str()),
            Self::Query(wanted) => {
                let query = request.uri.query().unwrap_or_default();
                form_urlencoded::parse(query.as_bytes()).any(|(key, value)| {
                    wanted.iter().any(|(k, v)| k.as_ref().is_none_or(|k| k.matches(&key)) && v.matches(&value))
                })
            }
            Self::Source(networks) => networks.iter().any(|n| n.contains(&request.source)),
        }
    }
}

fn any(patterns: &[WildMatch], value: &str) -> bool {
    patterns.iter().any(|p| p.matches(value))
}
