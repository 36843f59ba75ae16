//! Who can reach a load balancer: its scheme and its security groups. For the doctor; a flip does not ask.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::LoadBalancerSchemeEnum;

use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;

/// Who can reach a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Whether its scheme is `internet-facing`.
    pub internet_facing: bool,
    /// The ids of its security groups.
    pub security_groups: Vec<String>,
}

/// Reads who can reach the load balancer with this ARN. One call.
///
/// # Errors
/// An [`AwsFailure`].
pub async fn exposure(elb: &Client, caller: &Caller, arn: &str) -> Result<Exposure, AwsFailure> {
    const ACTION: &str = "elasticloadbalancing:DescribeLoadBalancers";
    let answer = caller.call(ACTION, arn, || elb.describe_load_balancers().load_balancer_arns(arn).send()).await?;
    let found = answer.load_balancers().first().ok_or_else(|| AwsFailure::incomplete(ACTION, arn, "load balancer"))?;
    Ok(Exposure {
        internet_facing: found.scheme() == Some(&LoadBalancerSchemeEnum::InternetFacing),
        security_groups: found.security_groups().to_vec(),
    })
}
