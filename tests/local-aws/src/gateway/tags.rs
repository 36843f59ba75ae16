//! What can become of tags: others wipe them, or only some of a call land.

use anyhow::{Context, Result};
use aws_sdk_elasticloadbalancingv2::Client;
use bytes::Bytes;

/// Removes all tags whose keys begin so from these groups, as a tool does that does not know them: Terraform without
/// `ignore_tags`, or the load balancer controller (aws-load-balancer-controller#2822).
///
/// # Errors
/// The API's.
pub(crate) async fn wipe(elb: &Client, groups: &[&str], prefix: &str) -> Result<()> {
    for group in groups {
        let read = elb.describe_tags().resource_arns(*group).send().await.context("DescribeTags")?;
        let tags = read.tag_descriptions().iter().flat_map(|of_group| of_group.tags());
        let keys: Vec<String> =
            tags.filter_map(|tag| tag.key()).filter(|key| key.starts_with(prefix)).map(str::to_owned).collect();
        if !keys.is_empty() {
            elb.remove_tags().resource_arns(*group).set_tag_keys(Some(keys)).send().await.context("RemoveTags")?;
        }
    }
    Ok(())
}

/// [`wipe`] of every group that there is.
pub(super) async fn wipe_all(elb: &Client, prefix: &str) -> Result<()> {
    let read = elb.describe_target_groups().send().await.context("DescribeTargetGroups")?;
    let groups: Vec<&str> = read.target_groups().iter().filter_map(|group| group.target_group_arn()).collect();
    wipe(elb, &groups, prefix).await
}

/// The body of an AddTags call without all tags but the first.
pub(super) fn only_first(body: &Bytes) -> Bytes {
    let pairs = form_urlencoded::parse(body).filter(|(name, _)| !name.starts_with("Tags.") || name.starts_with("Tags.member.1."));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into()
}
