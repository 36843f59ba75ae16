//! The Build stage: the build's own step writes `build.json`, then the real deployer adds which side gets which image tag.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{CLUSTER, Execution, LOAD_BALANCER, Pipeline};

/// The image tags of both sides, as the stack gets them from `build.json` (`Fn::GetParam`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Images {
    /// The image tag of Code1.
    pub code1: String,
    /// The image tag of Code2.
    pub code2: String,
}

/// What the Build stage made.
#[derive(Clone, Debug)]
pub struct Built {
    /// What goes to which side.
    pub images: Images,
    /// `build.json` as the deployer left it, on one line.
    pub file: String,
    /// What the deployer told meanwhile, by line.
    pub told: Vec<String>,
}

impl Pipeline {
    /// Builds `tag`, and has the deployer decide which side gets it. It waits `settle` for flips under way.
    ///
    /// # Errors
    /// Where the deployer fails: what it said.
    pub async fn build(&self, execution: &mut Execution, tag: &str, settle: Duration) -> Result<Built> {
        let file = self.folder.path().join("build.json");
        std::fs::write(&file, serde_json::json!({ "tag": tag }).to_string())?;
        let output = self
            .world
            .deployer(|deployer| {
                deployer
                    .env("ELB_NAME", LOAD_BALANCER)
                    .env("EXECUTION_ID", execution.id())
                    .env("ECS_CLUSTER", CLUSTER)
                    .env("CODEBUILD_SRC_DIR_BuildOutput", self.folder.path())
                    .args(["--settle", &settle.as_secs().to_string()]);
            })
            .await?;
        // The folder is this run's own, and tells a reader nothing.
        let folder = format!("{}/", self.folder.path().display());
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace(&folder, "");
        let told = [output.stderr, output.stdout].map(text).concat();
        ensure!(output.status.success(), "the deployer ended with {}: {}", output.status, told.trim());
        let text = std::fs::read_to_string(&file)?;
        let images =
            serde_json::from_str(&text).with_context(|| format!("{} as the deployer left it: {text}", file.display()))?;
        execution.export("Build", [("TAG", tag.to_owned())]);
        let file = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Ok(Built { images, file, told: told.lines().map(str::to_owned).collect() })
    }
}
