//! The revisions of a family, and the tags on them.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::{Reader, Writer};
use crate::aws::failure::AwsFailure;
use crate::roll::seen::{Definition, short};

impl Reader {
    /// The newest active revisions of a family, the newest first.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn newest(&self, family: &str, most: usize) -> Result<Vec<Definition>, AwsFailure> {
        const ACTION: &str = "ecs:ListTaskDefinitions";
        let parameters = json!({ "familyPrefix": family, "sort": "DESC", "status": "ACTIVE", "maxResults": most });
        let arns = self.all(ACTION, family, parameters, "taskDefinitionArns", most).await?;
        let of_family = |arn: &&str| short(arn).rsplit_once(':').is_some_and(|(name, _)| name == family);
        let arns: Vec<&str> = arns.iter().filter_map(Value::as_str).filter(of_family).take(most).collect();
        try_join_all(arns.into_iter().map(async |arn| self.definition(arn).await)).await
    }
}

impl Writer {
    /// Adds tags to a revision.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn tag(&self, definition: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsFailure> {
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let parameters = json!({ "resourceArn": definition, "tags": tags });
        self.call("ecs:TagResource", definition, &parameters).await.map(drop)
    }
}
