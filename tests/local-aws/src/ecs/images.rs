//! What an image does when it runs.
//!
//! An image of the account's own ECR is what its manifest says, as an image's configuration does (OCI image specification):
//! `Entrypoint` and `Cmd` are run as a process of this machine, with `Env`; the label `version` is what its web page shows; with the label `sick` the page's health
//! check fails. An image of any other registry is a web page with its tag as version, and no process.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::registry::Image;
use super::wire::{ECR, Wire};

/// What a container runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    /// What its page shows, where it takes traffic.
    pub version: String,
    /// Whether its health check fails.
    pub sick: bool,
    /// The process, empty where the image names none; none where the image is of another registry and runs nothing.
    pub command: Option<Vec<String>>,
    /// What the process begins with, unless a definition says otherwise.
    pub entrypoint: Vec<String>,
    /// The process's variables, as `NAME=value`, unless a definition says otherwise.
    pub environment: Vec<String>,
}

impl Program {
    /// The process of a container: what its definition says goes before the image's, and an entry point of its own also before
    /// the image's command (Dockerfile reference, "ENTRYPOINT"). None where the image runs nothing.
    pub fn process(&self, entrypoint: &[String], command: &[String]) -> Option<Vec<String>> {
        let default = self.command.as_ref()?;
        let default = if entrypoint.is_empty() { default.as_slice() } else { &[] };
        let first = if entrypoint.is_empty() { &self.entrypoint } else { entrypoint };
        let rest = if command.is_empty() { default } else { command };
        Some(first.iter().chain(rest).cloned().collect())
    }
}

/// The manifest of an image for [`push`](super::registry::Registry::push): what `docker push` would send.
#[must_use]
pub(super) fn manifest(version: &str, image: &Image<'_>) -> String {
    let labels: BTreeMap<&str, &str> = [("version", version)].into_iter().chain(image.sick.then_some(("sick", "true"))).collect();
    let config = json!({ "Entrypoint": image.entrypoint, "Cmd": image.command, "Env": image.environment, "Labels": labels });
    json!({ "schemaVersion": 2, "config": config, "layers": [] }).to_string()
}

/// Pulls an image, by the digest that ECS resolved where it did.
///
/// # Errors
/// None of the image's: one that is not there is the inner error, in the words of a container runtime.
pub(super) async fn pull(wire: &Wire, image: &str, digest: Option<&str>) -> Result<Result<Program, String>> {
    let (name, pinned) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let local = format!("{}.dkr.ecr.{}.amazonaws.com/", wire.account().await?, wire.region());
    let Some(path) = name.strip_prefix(&local) else {
        // A colon before the last slash belongs to the registry's port.
        let last = name.rsplit('/').next().unwrap_or(name);
        let version = last.split_once(':').map_or("latest", |(_, tag)| tag).to_owned();
        return Ok(Ok(Program { version, ..Program::default() }));
    };
    let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
    let id = match pinned.or(digest) {
        Some(digest) => json!({ "imageDigest": digest }),
        None => json!({ "imageTag": tag }),
    };
    let answer = wire.call(&ECR, "BatchGetImage", &json!({ "repositoryName": repository, "imageIds": [id] })).await?;
    let Some(manifest) = answer["images"][0]["imageManifest"].as_str() else {
        return Ok(Err(format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {image}: not found"
        )));
    };
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    let config = &manifest["config"];
    let version = config["Labels"]["version"].as_str().unwrap_or(tag).to_owned();
    let words = |name: &str| config[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let sick = config["Labels"]["sick"] == "true";
    Ok(Ok(Program { version, sick, command: Some(words("Cmd")), entrypoint: words("Entrypoint"), environment: words("Env") }))
}
