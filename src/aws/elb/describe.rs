//! One call each, in all of its pages. Which call waits for which is `read`'s.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types as elb;
use futures::future::try_join_all;

use super::read::{ReadError, Reader};
use super::{TAGS_AT_ONCE, rules};
use crate::aws::failure::{AwsFailure, Class};
use crate::seen::group::{Target, TargetGroup, arn_tail};
use crate::seen::setup_error::SetupError;

/// The largest page that ELB serves (service model).
const PAGE: i32 = 400;

type Tags = BTreeMap<String, BTreeMap<String, String>>;

impl Reader {
    pub(super) async fn load_balancer(&self, name: &str) -> Result<String, ReadError> {
        const ACTION: &str = "elasticloadbalancing:DescribeLoadBalancers";
        let answer = self.caller.call(ACTION, name, || self.elb.describe_load_balancers().names(name).send()).await;
        let answer = answer.map_err(|failure| {
            // Exactly this code: for the deployer it means a first deployment.
            if failure.code.as_deref() == Some("LoadBalancerNotFound") {
                SetupError::NoLoadBalancer { name: name.to_owned(), region: self.region.clone() }.into()
            } else {
                ReadError::Aws(failure)
            }
        })?;
        let found = answer.load_balancers().first().ok_or_else(|| AwsFailure::incomplete(ACTION, name, "load balancer"))?;
        let kind = found.r#type().map_or("unknown", elb::LoadBalancerTypeEnum::as_str);
        if kind != "application" {
            return Err(SetupError::WrongKind { name: name.to_owned(), kind: kind.to_owned() }.into());
        }
        Ok(found.load_balancer_arn().ok_or_else(|| AwsFailure::incomplete(ACTION, name, "ARN"))?.to_owned())
    }

    pub(super) async fn listeners(&self, load_balancer: &str) -> Result<BTreeMap<u16, String>, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeListeners";
        let pages = self.pages(async |marker: Option<String>| {
            let call = || {
                self.elb.describe_listeners().load_balancer_arn(load_balancer).page_size(PAGE).set_marker(marker.clone()).send()
            };
            let answer = self.caller.call(ACTION, load_balancer, call).await?;
            Ok((answer.listeners.unwrap_or_default(), answer.next_marker))
        });
        let listener = |listener: elb::Listener| -> Option<(u16, String)> {
            Some((u16::try_from(listener.port()?).ok()?, listener.listener_arn?))
        };
        let read = pages.await?.into_iter().map(listener).collect::<Option<_>>();
        read.ok_or_else(|| AwsFailure::incomplete(ACTION, load_balancer, "port or ARN of a listener"))
    }

    pub(super) async fn rules(&self, listener: &str) -> Result<Vec<elb::Rule>, AwsFailure> {
        let pages = self.pages(async |marker: Option<String>| {
            let call = || self.elb.describe_rules().listener_arn(listener).page_size(PAGE).set_marker(marker.clone()).send();
            let answer = self.caller.call(rules::ACTION, listener, call).await?;
            Ok((answer.rules.unwrap_or_default(), answer.next_marker))
        });
        pages.await
    }

    pub(super) async fn groups_of(&self, load_balancer: &str) -> Result<Vec<TargetGroup>, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetGroups";
        let groups = self.pages(async |marker: Option<String>| {
            let call = self.elb.describe_target_groups().load_balancer_arn(load_balancer).page_size(PAGE).set_marker(marker);
            let answer = self.caller.call(ACTION, load_balancer, || call.clone().send()).await?;
            Ok((answer.target_groups.unwrap_or_default(), answer.next_marker))
        });
        Ok(groups.await?.iter().filter_map(group).collect())
    }

    /// One group; none where it is deleted.
    pub(super) async fn group(&self, arn: &str) -> Result<Option<TargetGroup>, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetGroups";
        match self.caller.call(ACTION, arn, || self.elb.describe_target_groups().target_group_arns(arn).send()).await {
            Ok(answer) => Ok(answer.target_groups().iter().find_map(group)),
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn tags(&self, arns: &[String]) -> Result<Tags, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTags";
        let chunks = try_join_all(arns.chunks(TAGS_AT_ONCE).map(|chunk| {
            let first = chunk.first().map_or("", String::as_str);
            self.caller.call(ACTION, first, || self.elb.describe_tags().set_resource_arns(Some(chunk.to_vec())).send())
        }));
        let mut tags = Tags::new();
        for described in chunks.await?.iter().flat_map(|answer| answer.tag_descriptions()) {
            let of_one = described.tags().iter();
            let of_one = of_one.map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()));
            tags.insert(described.resource_arn().unwrap_or_default().to_owned(), of_one.collect());
        }
        match arns.iter().find(|arn| !tags.contains_key(*arn)) {
            // Without its tags a group would look like one that nobody is flipping.
            Some(arn) => Err(AwsFailure::incomplete(ACTION, arn, "entry for this group")),
            None => Ok(tags),
        }
    }

    pub(super) async fn targets(&self, group: &str) -> Result<Vec<Target>, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetHealth";
        let answer = self.caller.call(ACTION, group, || self.elb.describe_target_health().target_group_arn(group).send()).await?;
        let target = |described: &elb::TargetHealthDescription| {
            let target = described.target()?;
            let id = target.id().unwrap_or_default();
            let health = described.target_health()?;
            // A target that a zonal shift takes the traffic from stays `healthy`.
            let moved = described.administrative_override().and_then(elb::AdministrativeOverride::state);
            let shifted = moved.is_some_and(|state| state.as_str() == "zonal_shift_active");
            Some(Target {
                id: target.port().map_or_else(|| id.to_owned(), |port| format!("{id}:{port}")),
                state: if shifted { "zonal shift".to_owned() } else { health.state()?.as_str().to_owned() },
                reason: health.reason().map(|reason| reason.as_str().to_owned()),
            })
        };
        let targets = answer.target_health_descriptions().iter().map(target).collect::<Option<_>>();
        targets.ok_or_else(|| AwsFailure::incomplete(ACTION, group, "state of a target"))
    }

    pub(super) async fn sticky(&self, group: &str) -> Result<bool, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetGroupAttributes";
        let call = || self.elb.describe_target_group_attributes().target_group_arn(group).send();
        let answer = self.caller.call(ACTION, group, call).await?;
        Ok(answer
            .attributes()
            .iter()
            .any(|attribute| attribute.key() == Some("stickiness.enabled") && attribute.value() == Some("true")))
    }

    /// Every page of a listing.
    async fn pages<T>(
        &self,
        page: impl AsyncFn(Option<String>) -> Result<(Vec<T>, Option<String>), AwsFailure>,
    ) -> Result<Vec<T>, AwsFailure> {
        let (mut all, mut next) = page(None).await?;
        while let Some(marker) = next.filter(|marker| !marker.is_empty()) {
            let (more, after) = page(Some(marker)).await?;
            all.extend(more);
            next = after;
        }
        Ok(all)
    }
}

/// A group without what its own calls tell: its tags, its targets and whether they are sticky.
fn group(described: &elb::TargetGroup) -> Option<TargetGroup> {
    let arn = described.target_group_arn()?.to_owned();
    Some(TargetGroup {
        name: described.target_group_name().unwrap_or_else(|| arn_tail(&arn)).to_owned(),
        health_checks: described.health_check_enabled() != Some(false),
        tags: BTreeMap::new(),
        targets: Vec::new(),
        sticky: false,
        arn,
    })
}
