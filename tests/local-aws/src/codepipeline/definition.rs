//! A pipeline as its `AWS::CodePipeline::Pipeline` resource defines it. What is not known here is refused, never skipped.
//!
//! Source: CloudFormation's resource reference; CodePipeline user guide, "Pipeline structure reference".

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// A pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Definition {
    pub(super) name: String,
    pub(super) pipeline_type: String,
    pub(super) execution_mode: String,
    #[serde(rename = "RoleArn")]
    _role_arn: String,
    #[serde(rename = "ArtifactStore")]
    _artifact_store: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) variables: Vec<Variable>,
    pub(super) stages: Vec<Stage>,
    /// Not part of the template: AWS counts it.
    #[serde(default)]
    pub(super) version: String,
}

/// A variable of the pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Variable {
    pub(super) name: String,
    pub(super) default_value: Option<String>,
    #[serde(rename = "Description")]
    pub _description: Option<String>,
}

/// A stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Stage {
    pub(super) name: String,
    pub(super) actions: Vec<Action>,
}

/// An action.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Action {
    pub(super) name: String,
    #[serde(default = "one", deserialize_with = "number")]
    pub(super) run_order: u32,
    pub(super) namespace: Option<String>,
    pub(super) action_type_id: ActionType,
    #[serde(default)]
    pub(super) configuration: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) input_artifacts: Vec<Artifact>,
    #[serde(default)]
    pub(super) output_artifacts: Vec<Artifact>,
}

/// Which kind of action.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ActionType {
    pub(super) category: String,
    pub(super) owner: String,
    pub(super) provider: String,
    pub(super) version: String,
}

/// The name of an artifact.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Artifact {
    pub(super) name: String,
}

fn one() -> u32 {
    1
}

/// A number that a template may write as a text.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(|_| serde::de::Error::custom(format!("{text} is no number")))
}

/// The keys that each provider's configuration may have; the first ones are required.
const CONFIGURATIONS: &[(&str, &str, &[&str], &[&str])] = &[
    ("Source", "S3", &["S3Bucket", "S3ObjectKey"], &["PollForSourceChanges"]),
    ("Source", "CodeStarSourceConnection", &["ConnectionArn", "FullRepositoryId", "BranchName"], &["DetectChanges"]),
    ("Build", "CodeBuild", &["ProjectName"], &["EnvironmentVariables", "PrimarySource"]),
    (
        "Deploy",
        "CloudFormation",
        &["ActionMode", "StackName", "RoleArn", "TemplatePath"],
        &["Capabilities", "TemplateConfiguration", "ParameterOverrides"],
    ),
    ("Approval", "Manual", &[], &["CustomData", "ExternalEntityLink", "NotificationArn"]),
    ("Invoke", "Lambda", &["FunctionName"], &["UserParameters"]),
];

impl Definition {
    /// Reads the resource's properties.
    ///
    /// # Errors
    /// What AWS refuses when a pipeline is made, and what this player does not know.
    pub fn read(properties: &Value) -> Result<Self> {
        let definition = Self::deserialize(properties).context("a pipeline that is not known here")?;
        let Self { name, pipeline_type, execution_mode, stages, .. } = &definition;
        ensure!(pipeline_type == "V2", "{name}: pipeline type {pipeline_type} is not known here");
        ensure!(execution_mode == "SUPERSEDED", "{name}: execution mode {execution_mode} is not known here");
        ensure!(stages.len() >= 2, "{name}: a pipeline needs two stages");
        let mut made = BTreeSet::new();
        let mut namespaces = BTreeSet::new();
        for (index, stage) in stages.iter().enumerate() {
            let mut names = BTreeSet::new();
            for action in stage.in_order() {
                let Action { name, action_type_id: kind, namespace, input_artifacts, output_artifacts, .. } = action;
                ensure!(names.insert(name), "two actions of {} are named {name}", stage.name);
                ensure!(
                    (index == 0) == (kind.category == "Source"),
                    "{name}: sources stand in the first stage, and nothing else does"
                );
                for artifact in input_artifacts {
                    ensure!(made.contains(&artifact.name), "{name}: no action before it makes the artifact {}", artifact.name);
                }
                for artifact in output_artifacts {
                    ensure!(made.insert(artifact.name.clone()), "{name}: the artifact {} is made twice", artifact.name);
                }
                if let Some(namespace) = namespace {
                    ensure!(namespaces.insert(namespace.clone()), "{name}: the namespace {namespace} is taken");
                }
                action.check()?;
            }
        }
        if let Some(both) = namespaces.intersection(&made).next() {
            bail!("{name}: {both} is a namespace and an artifact");
        }
        Ok(definition)
    }

    /// A stage's place.
    ///
    /// # Errors
    /// Where there is none of this name.
    pub(super) fn stage(&self, name: &str) -> Result<usize> {
        self.stages.iter().position(|stage| stage.name == name).with_context(|| format!("{} has no stage {name}", self.name))
    }

    /// The sources.
    pub(super) fn sources(&self) -> &[Action] {
        self.stages.first().map(|stage| stage.actions.as_slice()).unwrap_or_default()
    }
}

impl Stage {
    /// The actions as they begin.
    pub fn in_order(&self) -> Vec<&Action> {
        let mut actions: Vec<&Action> = self.actions.iter().collect();
        actions.sort_by_key(|action| action.run_order);
        actions
    }
}

impl Action {
    fn check(&self) -> Result<()> {
        let ActionType { category, owner, provider, version } = &self.action_type_id;
        let known = CONFIGURATIONS.iter().find(|(c, p, ..)| c == category && p == provider);
        let Some((_, _, required, optional)) = known.filter(|_| owner == "AWS" && version == "1") else {
            bail!("{}: an action of {category}/{owner}/{provider}/{version} is not known here", self.name);
        };
        if let Some(missing) = required.iter().find(|key| !self.configuration.contains_key(**key)) {
            bail!("{}: its configuration lacks {missing}", self.name);
        }
        if let Some(unknown) =
            self.configuration.keys().find(|key| !required.contains(&key.as_str()) && !optional.contains(&key.as_str()))
        {
            bail!("{}: the configuration {unknown} is not known here", self.name);
        }
        for (key, value) in &self.configuration {
            let length = text(value).chars().count();
            ensure!((1..=1000).contains(&length), "{}: {key} has {length} characters; 1 to 1,000 are taken", self.name);
        }
        Ok(())
    }

    /// A text of the configuration, with its variables still in it.
    pub fn configured(&self, key: &str) -> Option<String> {
        self.configuration.get(key).map(text)
    }
}

/// CloudFormation makes texts of what a template writes as something else.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
