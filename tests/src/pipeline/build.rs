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
    /// `build.json` as the deployer left it.
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
        let told = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()).join("\n");
        ensure!(output.status.success(), "the deployer ended with {}: {told}", output.status);
        let text = std::fs::read_to_string(&file)?;
        let images =
            serde_json::from_str(&text).with_context(|| format!("{} as the deployer left it: {text}", file.display()))?;
        execution.export("Build", [("TAG", tag.to_owned())]);
        Ok(Built { images, file: text, told: told.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect() })
    }
}
