//! A target group as it was read: its tags and its targets.

use std::collections::BTreeMap;

use serde::Serialize;

/// Tag that names a group within its pair: `Code1` or `Code2`.
pub const IDENTIFIER: &str = "Identifier";
/// Tag with the image tag that the group's service runs.
pub const IMAGE: &str = "Image";
/// Tag that tells whether the group is live: `true` or `false`. A label; the listeners are the truth.
pub const IS_PRODUCTION: &str = "IsProduction";
/// Tag that names the group's ECS service: `cluster/service`.
pub const SERVICE: &str = "Service";
/// Tag with the other group of the pair, as `name/hash`: on groups that may not share an action, since their targets or
/// their clients are sticky. Where both ports serve one of them, no rule names the other one.
pub const PARTNER: &str = "bluegreen:partner";

/// One target group with its tags and targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetGroup {
    /// The group's ARN.
    pub arn: String,
    /// The group's name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its registered targets.
    pub targets: Vec<Target>,
    /// Whether its targets are sticky (attribute `stickiness.enabled`).
    pub sticky: bool,
    /// Whether it has health checks (they can be off for Lambda targets only).
    pub health_checks: bool,
}

/// One registered target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The target's id and port, such as `10.0.1.7:8080`.
    pub id: String,
    /// `zonal shift` where one takes the traffic from it; else AWS's state: `initial`, `healthy`, `unhealthy`, `unhealthy.draining`, `unused`, `draining`, `unavailable`.
    pub state: String,
    /// AWS's reason code, where it gave one.
    pub reason: Option<String>,
}

impl TargetGroup {
    /// The `Identifier` tag, where there is one.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.tag(IDENTIFIER)
    }

    /// The `Image` tag, where there is one.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.tag(IMAGE)
    }

    /// The tail of the other group's ARN, by the group's own tag.
    #[must_use]
    pub fn partner(&self) -> Option<&str> {
        self.tag(PARTNER)
    }

    /// A tag's value; an empty one counts as none.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// How many targets are healthy.
    #[must_use]
    pub fn healthy(&self) -> usize {
        self.targets.iter().filter(|target| target.state == "healthy").count()
    }

    /// How many targets are registered and not on their way out.
    #[must_use]
    pub fn registered(&self) -> usize {
        self.targets.iter().filter(|target| !target.state.contains("draining")).count()
    }

    /// What a person calls the group: its Identifier, else its name.
    #[must_use]
    pub fn short(&self) -> &str {
        self.identifier().unwrap_or(&self.name)
    }

    /// The group for a message: `Code2 (target group shop-green, image 1.4.2)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let image = self.image().map_or_else(|| "image unknown".to_owned(), |image| format!("image {image}"));
        match self.identifier() {
            Some(identifier) => format!("{identifier} (target group {}, {image})", self.name),
            None => format!("target group {} ({image})", self.name),
        }
    }
}

/// The cluster and the name of the service that a `Service` tag names: `cluster/service`, or the service's ARN with its
/// cluster; none where it names neither.
#[must_use]
pub fn service_named(tag: &str) -> Option<(&str, &str)> {
    let path = match tag.split_once(":service/") {
        Some((arn, path)) if arn.starts_with("arn:") => path,
        Some(_) => return None,
        None => tag,
    };
    // Names of clusters and services (ECS API reference, CreateService).
    let is_name = |name: &str| {
        (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    path.split_once('/').filter(|(cluster, service)| is_name(cluster) && is_name(service))
}

/// The tail of a target group's ARN, `name/hash`: unique within a Region and account, and short enough for a tag.
#[must_use]
pub fn arn_tail(arn: &str) -> &str {
    arn.split_once(":targetgroup/").map_or(arn, |(_, tail)| tail)
}
