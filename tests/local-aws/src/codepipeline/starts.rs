//! What starts pipelines: being made, pushes, uploads.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::definition::Definition;
use super::state::Pipeline;
use super::{CodePipeline, Status, Trigger};
use crate::gateway::lock;

const KIND: &str = "AWS::CodePipeline::Pipeline";

impl CodePipeline {
    /// Looks which pipelines there are. A new one starts; one that was updated ends what runs in it.
    ///
    /// # Errors
    /// Where a pipeline is not known here.
    pub async fn notice(&self) -> Result<()> {
        let found = self.0.account.resources(KIND).await?;
        let mut new = Vec::new();
        {
            let mut pipelines = lock(&self.0.pipelines);
            pipelines.retain(|name, _| found.iter().any(|(found, _)| found == name));
            for (name, properties) in found {
                let definition = Definition::read(&properties)?;
                match pipelines.get_mut(&name) {
                    Some(known) if known.definition.version == definition.version => {}
                    Some(known) => {
                        known.stop_all();
                        known.stages.resize_with(definition.stages.len(), Default::default);
                        known.definition = definition.into();
                    }
                    None => {
                        pipelines.insert(name.clone(), Pipeline::new(definition));
                        new.push(name);
                    }
                }
            }
        }
        for name in new {
            self.begin(&name, &BTreeMap::new(), ("CreatePipeline", ""))?;
        }
        self.changed();
        Ok(())
    }

    /// A push to a branch of a repository: `zip` is what it holds. Returns the executions that it starts.
    ///
    /// # Errors
    /// The API's.
    pub async fn push(&self, repository: &str, branch: &str, zip: Vec<u8>) -> Result<Vec<(String, String)>> {
        self.notice().await?;
        lock(&self.0.pushed).insert((repository.to_owned(), branch.to_owned()), zip);
        self.start_where(("WebhookV2", repository), |configured| {
            configured("FullRepositoryId").as_deref() == Some(repository)
                && configured("BranchName").as_deref() == Some(branch)
                && configured("DetectChanges").as_deref() != Some("false")
        })
    }

    /// An object was uploaded: pipelines that poll for it start, and those that a rule starts on its event.
    ///
    /// # Errors
    /// The API's.
    pub async fn uploaded(&self, bucket: &str, key: &str) -> Result<Vec<(String, String)>> {
        let mut started = self.start_where(("PollForSourceChanges", key), |configured| {
            configured("S3Bucket").as_deref() == Some(bucket)
                && configured("S3ObjectKey").as_deref() == Some(key)
                && configured("PollForSourceChanges").as_deref() != Some("false")
        })?;
        let rules = self.0.account.json("events", "AWSEvents.ListRules", &json!({})).await?;
        for rule in rules["Rules"].as_array().into_iter().flatten() {
            let pattern: Value = serde_json::from_str(rule["EventPattern"].as_str().unwrap_or("{}"))?;
            let holds = |list: &Value, value: &str| list.as_array().is_some_and(|list| list.iter().any(|item| item == value));
            let detail = &pattern["detail"];
            let matches = holds(&pattern["source"], "aws.s3")
                && holds(&pattern["detail-type"], "Object Created")
                && holds(&detail["bucket"]["name"], bucket)
                && holds(&detail["object"]["key"], key);
            if !matches {
                continue;
            }
            let targets = self.0.account.json("events", "AWSEvents.ListTargetsByRule", &json!({ "Rule": rule["Name"] })).await?;
            for target in targets["Targets"].as_array().into_iter().flatten() {
                let name = target["Arn"].as_str().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default().to_owned();
                let arn = rule["Arn"].as_str().unwrap_or_default();
                let id = self.begin(&name, &BTreeMap::new(), ("CloudWatchEvent", arn))?;
                started.push((name, id));
            }
        }
        Ok(started)
    }

    fn start_where(
        &self,
        trigger: Trigger<'_>,
        fits: impl Fn(&dyn Fn(&str) -> Option<String>) -> bool,
    ) -> Result<Vec<(String, String)>> {
        let fitting: Vec<String> = {
            let pipelines = lock(&self.0.pipelines);
            let fitting = pipelines.iter().filter(|(_, pipeline)| {
                pipeline.definition.sources().iter().any(|source| fits(&|key: &str| source.configured(key)))
            });
            fitting.map(|(name, _)| name.clone()).collect()
        };
        let start = |name: String| self.begin(&name, &BTreeMap::new(), trigger).map(|id| (name, id));
        fitting.into_iter().map(start).collect()
    }

    /// Whether anything runs.
    pub fn is_idle(&self) -> bool {
        let pipelines = lock(&self.0.pipelines);
        pipelines.values().flat_map(|pipeline| &pipeline.executions).all(|execution| execution.status != Status::InProgress)
    }
}
