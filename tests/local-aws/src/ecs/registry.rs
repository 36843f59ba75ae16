//! The account's ECR, for tests and the demo: what `docker push` would do.

use anyhow::{Context, Result, ensure};
use aws_config::SdkConfig;
use serde_json::{Value, json};

use super::images::manifest;
use super::wire::{ECR, LOGS, Service, Wire};

/// An image to push.
#[derive(Clone, Copy, Debug, Default)]
pub struct Image<'a> {
    /// What its page shows; its tag, where it is empty.
    pub version: &'a str,
    /// What it runs as a process.
    pub command: &'a [&'a str],
    /// What that process begins with, whatever a definition gives it as its command.
    pub entrypoint: &'a [&'a str],
    /// Its variables, as `NAME=value`.
    pub environment: &'a [&'a str],
    /// Whether its health check fails.
    pub sick: bool,
}

/// Pushes images, and reads logs, as the operator.
pub struct Registry {
    wire: Wire,
    account: String,
}

impl Registry {
    /// Of the account of these settings.
    ///
    /// # Errors
    /// Where they have no credentials.
    pub async fn of(operator: &SdkConfig) -> Result<Self> {
        let wire = Wire::new(operator);
        let account = wire.account().await?;
        Ok(Self { wire, account })
    }

    /// The repository's address, without a tag.
    #[must_use]
    pub fn repository(&self, name: &str) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com/{name}", self.account, self.wire.region())
    }

    /// Pushes an image and moves the tag to it; says its digest.
    ///
    /// # Errors
    /// The API's.
    pub async fn push(&self, repository: &str, tag: &str, image: Image<'_>) -> Result<String> {
        // One that is there already is refused, and that is well.
        self.call(&ECR, "CreateRepository", &json!({ "repositoryName": repository })).await?;
        let version = if image.version.is_empty() { tag } else { image.version };
        let put = json!({ "repositoryName": repository, "imageTag": tag, "imageManifest": manifest(version, &image) });
        let answer = self.call(&ECR, "PutImage", &put).await?;
        let digest = answer["image"]["imageId"]["imageDigest"].as_str();
        digest.map(str::to_owned).with_context(|| format!("PutImage answered {answer}"))
    }

    /// Deletes a tag, and the image with it.
    ///
    /// # Errors
    /// The API's.
    pub async fn delete(&self, repository: &str, tag: &str) -> Result<()> {
        let delete = json!({ "repositoryName": repository, "imageIds": [{ "imageTag": tag }] });
        let answer = self.call(&ECR, "BatchDeleteImage", &delete).await?;
        ensure!(answer["failures"].as_array().is_none_or(Vec::is_empty), "BatchDeleteImage answered {answer}");
        Ok(())
    }

    /// The tags of an image, by its digest.
    ///
    /// # Errors
    /// The API's.
    pub async fn tags(&self, repository: &str, digest: &str) -> Result<Vec<String>> {
        let describe = json!({ "repositoryName": repository, "imageIds": [{ "imageDigest": digest }] });
        let answer = self.call(&ECR, "DescribeImages", &describe).await?;
        let tags = answer["imageDetails"][0]["imageTags"].as_array().into_iter().flatten();
        Ok(tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect())
    }

    /// Every line of a log group, stream by stream.
    ///
    /// # Errors
    /// The API's.
    pub async fn log(&self, group: &str) -> Result<Vec<String>> {
        let answer = self.call(&LOGS, "FilterLogEvents", &json!({ "logGroupName": group })).await?;
        let events = answer["events"].as_array().into_iter().flatten();
        Ok(events.filter_map(|event| event["message"].as_str().map(str::to_owned)).collect())
    }

    async fn call(&self, service: &Service, action: &str, parameters: &Value) -> Result<Value> {
        self.wire.call(service, action, parameters).await
    }
}
