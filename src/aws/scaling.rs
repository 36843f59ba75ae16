//! Between which numbers Application Auto Scaling holds a service.

use serde_json::json;

use super::call::Caller;
use super::failure::AwsFailure;
use super::json::{Json, SCALING};

/// The least and the most tasks of a service; none where nothing scales it.
///
/// # Errors
/// An [`AwsFailure`].
pub async fn bounds(json: &Json, caller: &Caller, cluster: &str, service: &str) -> Result<Option<(u32, u32)>, AwsFailure> {
    let id = format!("service/{cluster}/{service}");
    let parameters = json!({
        "ServiceNamespace": "ecs", "ResourceIds": [id], "ScalableDimension": "ecs:service:DesiredCount",
    });
    let answer = json.call(caller, &SCALING, "application-autoscaling:DescribeScalableTargets", &id, &parameters).await?;
    let target = &answer["ScalableTargets"][0];
    let number = |name: &str| target[name].as_u64().and_then(|number| u32::try_from(number).ok());
    Ok(number("MinCapacity").zip(number("MaxCapacity")))
}
