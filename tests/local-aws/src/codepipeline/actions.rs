//! What each kind of action does.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use super::artifacts::{self, Artifacts};
use super::buildspec::Buildspec;
use super::definition::Action;
use super::stacks::Asked;
use super::{CodePipeline, NoUpdates};
use crate::gateway::{Policy, lock};
use crate::pipeline::{Execution as Variables, now};
use crate::world::REGION;

/// Where an action runs.
pub struct At {
    pub pipeline: String,
    pub stage: usize,
    pub stage_name: String,
    pub id: String,
    pub variables: Variables,
    pub artifacts: Artifacts,
}

/// What an action ended with.
#[derive(Debug, Default)]
pub struct Done {
    pub variables: BTreeMap<String, String>,
    pub summary: String,
    pub external_id: String,
}

impl At {
    /// A text of an action's configuration, its variables filled in.
    pub fn configured(&self, action: &Action, key: &str) -> Result<Option<String>> {
        action.configured(key).map(|text| self.variables.resolve(&text)).transpose()
    }

    /// How ListActionExecutions shows an action that begins now.
    pub fn details(&self, action: &Action, id: &str) -> Value {
        let resolved = |key: &String| Some((key.clone(), self.configured(action, key).ok()??));
        let configuration: BTreeMap<String, String> = action.configuration.keys().filter_map(resolved).collect();
        let kind = &action.action_type_id;
        json!({
            "pipelineExecutionId": self.id, "actionExecutionId": id, "stageName": self.stage_name, "actionName": action.name,
            "startTime": now(), "lastUpdateTime": now(), "status": "InProgress",
            "input": {
                "actionTypeId": {
                    "category": kind.category, "owner": kind.owner, "provider": kind.provider, "version": kind.version,
                },
                "resolvedConfiguration": configuration,
            },
        })
    }

    fn required(&self, action: &Action, key: &str) -> Result<String> {
        self.configured(action, key)?.with_context(|| format!("{} has no {key}", action.name))
    }
}

impl CodePipeline {
    pub(super) fn at(&self, pipeline: &str, stage: usize, id: &str) -> Option<At> {
        let mut pipelines = lock(&self.0.pipelines);
        let state = pipelines.get_mut(pipeline)?;
        let stage_name = state.definition.stages.get(stage)?.name.clone();
        let execution = state.execution(id)?;
        let (variables, artifacts) = (execution.variables.clone(), execution.artifacts.clone());
        Some(At { pipeline: pipeline.to_owned(), stage, stage_name, id: id.to_owned(), variables, artifacts })
    }

    pub(super) async fn act(&self, at: &At, action: &Action) -> Result<Done> {
        match action.action_type_id.provider.as_str() {
            "S3" => self.take_object(at, action).await,
            "CodeStarSourceConnection" => self.take_repository(at, action).await,
            "CodeBuild" => self.build(at, action).await,
            "CloudFormation" => self.deploy(at, action).await,
            "Manual" => self.wait_for_approval(at, action).await,
            "Lambda" => self.call_function(at, action).await,
            other => bail!("{other} is not known here"),
        }
    }

    async fn take_object(&self, at: &At, action: &Action) -> Result<Done> {
        let (bucket, key) = (at.required(action, "S3Bucket")?, at.required(action, "S3ObjectKey")?);
        let object = self.0.account.object(&bucket, &key).await?;
        let object = object.with_context(|| format!("the object with key '{key}' does not exist in bucket '{bucket}'"))?;
        self.taken(at, action, object.to_vec())
    }

    async fn take_repository(&self, at: &At, action: &Action) -> Result<Done> {
        let arn = at.required(action, "ConnectionArn")?;
        let target = "com.amazonaws.codeconnections.CodeConnections_20231201.GetConnection";
        let connection = self.0.account.json("codeconnections", target, &json!({ "ConnectionArn": arn })).await?;
        let status = connection["Connection"]["ConnectionStatus"].as_str().unwrap_or_default();
        ensure!(status == "AVAILABLE", "Connection {arn} is not available: it is {status}");
        let from = (at.required(action, "FullRepositoryId")?, at.required(action, "BranchName")?);
        let zip = lock(&self.0.pushed).get(&from).cloned();
        let zip = zip.with_context(|| format!("nothing was pushed to {} of {}", from.1, from.0))?;
        self.taken(at, action, zip)
    }

    fn taken(&self, at: &At, action: &Action, zip: Vec<u8>) -> Result<Done> {
        let revision = Uuid::new_v4().simple().to_string();
        let [output] = action.output_artifacts.as_slice() else { bail!("{}: a source makes one artifact", action.name) };
        at.artifacts.put(&output.name, zip);
        if let Some(execution) = lock(&self.0.pipelines).get_mut(&at.pipeline).and_then(|p| p.execution(&at.id)) {
            execution.revision.clone_from(&revision);
        }
        Ok(Done { summary: revision, ..Done::default() })
    }

    async fn build(&self, at: &At, action: &Action) -> Result<Done> {
        let name = at.required(action, "ProjectName")?;
        let asked = json!({ "names": [name] });
        let projects = self.0.account.json("codebuild", "CodeBuild_20161006.BatchGetProjects", &asked).await?;
        let project = projects["projects"].get(0).with_context(|| format!("there is no build project {name}"))?;
        let source = match action.input_artifacts.as_slice() {
            [only] => at.artifacts.unpacked(&only.name)?,
            _ => bail!("{}: several inputs are not known here", action.name),
        };
        let buildspec = project["source"]["buildspec"].as_str().unwrap_or("buildspec.yml");
        let buildspec = if buildspec.contains('\n') {
            buildspec.to_owned()
        } else {
            let file = source.path().join(buildspec);
            std::fs::read_to_string(&file).with_context(|| format!("YAML_FILE_ERROR: {buildspec} does not exist"))?
        };
        let role =
            project["serviceRole"].as_str().and_then(|arn| arn.rsplit('/').next()).context("a build project without a role")?;
        self.take_role(role).await?;
        let env = self.build_environment(at, action, &name, project, source.path())?;
        let built = Buildspec::read(&buildspec)?.run(source.path(), &env).await?;
        for output in &action.output_artifacts {
            at.artifacts.put(&output.name, artifacts::pack(&built.base, &built.files)?);
        }
        Ok(Done { variables: built.exported, summary: built.log, external_id: env["CODEBUILD_BUILD_ID"].clone() })
    }

    /// Has calls with a role's name be held against the role's policies, as they are installed.
    async fn take_role(&self, role: &str) -> Result<()> {
        let documents = self.0.account.role_policies(role).await?;
        let policies =
            documents.iter().map(|document| Policy::read(document, self.0.account.id(), REGION)).collect::<Result<_>>()?;
        self.0.gateway.set_policies(role, policies);
        Ok(())
    }

    fn build_environment(
        &self,
        at: &At,
        action: &Action,
        name: &str,
        project: &Value,
        source: &std::path::Path,
    ) -> Result<BTreeMap<String, String>> {
        let number = {
            let mut builds = lock(&self.0.builds);
            let number = builds.entry(name.to_owned()).or_default();
            *number += 1;
            *number
        };
        let revision = {
            let mut pipelines = lock(&self.0.pipelines);
            let execution = pipelines.get_mut(&at.pipeline).and_then(|pipeline| pipeline.execution(&at.id));
            execution.map(|execution| execution.revision.clone()).unwrap_or_default()
        };
        let home = self.0.home.path().display().to_string();
        let own = std::env::var("PATH").unwrap_or_default();
        let id = format!("{name}:{}", Uuid::new_v4());
        let role = project["serviceRole"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
        let mut env: BTreeMap<String, String> = lock(&self.0.build_env).clone().into_iter().collect();
        env.extend(
            [
                ("PATH", format!("{home}:{}:{own}", self.0.build_path.display())),
                ("HOME", home.clone()),
                ("AWS_SESSION_TOKEN", format!("{role}/{number}")),
                ("CODEBUILD_SRC_DIR", source.display().to_string()),
                ("CODEBUILD_BUILD_NUMBER", number.to_string()),
                ("CODEBUILD_BUILD_ARN", format!("arn:aws:codebuild:{REGION}:{}:build/{id}", self.0.account.id())),
                ("CODEBUILD_BUILD_ID", id),
                ("CODEBUILD_INITIATOR", format!("codepipeline/{}", at.pipeline)),
                ("CODEBUILD_RESOLVED_SOURCE_VERSION", revision),
                ("CODEBUILD_BUILD_SUCCEEDING", "1".to_owned()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        env.extend(variables(&project["environment"]["environmentVariables"])?);
        if let Some(text) = at.configured(action, "EnvironmentVariables")? {
            let given: Value = serde_json::from_str(&text).with_context(|| format!("EnvironmentVariables is no JSON: {text}"))?;
            env.extend(variables(&given)?);
        }
        Ok(env)
    }

    async fn deploy(&self, at: &At, action: &Action) -> Result<Done> {
        let mode = at.required(action, "ActionMode")?;
        ensure!(mode == "CREATE_UPDATE", "the action mode {mode} is not known here");
        let name = at.required(action, "StackName")?;
        let given = |artifact: &str| action.input_artifacts.iter().any(|input| input.name == artifact);
        let file = |place: &str| {
            let (artifact, path) = place.split_once("::").with_context(|| format!("{place} is no artifact::file"))?;
            ensure!(given(artifact), "{artifact} is no input of {}", action.name);
            at.artifacts.file(artifact, path)
        };
        let template = file(&at.required(action, "TemplatePath")?)?;
        let mut parameters = match at.configured(action, "TemplateConfiguration")? {
            Some(place) => configuration(&file(&place)?)?,
            None => BTreeMap::new(),
        };
        if let Some(text) = at.configured(action, "ParameterOverrides")? {
            ensure!(text.len() <= 1024, "ParameterOverrides has {} bytes; 1,024 are taken", text.len());
            parameters.extend(overrides(&text, &file)?);
        }
        let capabilities = at.configured(action, "Capabilities")?;
        let capabilities = capabilities.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
        let asked = Asked { template: &template, parameters, role: Some(at.required(action, "RoleArn")?), capabilities };
        self.update(&name, &asked).await
    }

    async fn update(&self, name: &str, asked: &Asked<'_>) -> Result<Done> {
        let stacks = &self.0.stacks;
        let answer = match stacks.stack(name).await? {
            None => stacks.apply("CreateStack", name, asked).await?,
            Some(stack) if stack.status == "ROLLBACK_COMPLETE" => {
                bail!("Stack:{name} is in ROLLBACK_COMPLETE state and can not be updated.")
            }
            Some(_) => stacks.apply("UpdateStack", name, asked).await?,
        };
        match answer {
            Ok(()) => {}
            Err(message) if message.contains("No updates are to be performed") => {
                return match *lock(&self.0.no_updates) {
                    NoUpdates::Succeed => Ok(Done { summary: message, ..Done::default() }),
                    NoUpdates::Fail => bail!(message),
                };
            }
            Err(message) => bail!(message),
        }
        let stack = stacks.settled(name).await?;
        match stack.status.as_str() {
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" => Ok(Done::default()),
            status => bail!("stack {name} ended as {status}: {}", stacks.reasons(name).await?.join("; ")),
        }
    }

    async fn wait_for_approval(&self, at: &At, action: &Action) -> Result<Done> {
        let token = Uuid::new_v4().to_string();
        let text = at.configured(action, "CustomData")?.unwrap_or_default();
        let link = at.configured(action, "ExternalEntityLink")?;
        let mut changed = self.0.changed.subscribe();
        let waits = |state: &mut super::ActionState| {
            (state.token, state.summary, state.link) = (Some(token.clone()), text.clone(), link.clone());
        };
        self.note(&at.pipeline, at.stage, &action.name, waits, None);
        loop {
            // Approved or rejected: the token is gone, and the status says which.
            let answered = {
                let pipelines = lock(&self.0.pipelines);
                let state = pipelines.get(&at.pipeline).and_then(|p| p.stages.get(at.stage)?.actions.get(&action.name));
                state.filter(|state| state.token.as_ref() != Some(&token)).map(|state| (state.status, state.summary.clone()))
            };
            match answered {
                Some((super::Status::Failed, summary)) => bail!("rejected: {summary}"),
                Some((_, summary)) => return Ok(Done { summary, ..Done::default() }),
                None => changed.changed().await.context("the pipeline ended")?,
            }
        }
    }
}

/// The `output` of an action that is over, as ListActionExecutions shows it.
pub fn details_of(done: &Result<Done>) -> Value {
    match done {
        Ok(done) => json!({
            "outputVariables": done.variables,
            "executionResult": { "externalExecutionId": done.external_id, "externalExecutionSummary": done.summary },
        }),
        Err(error) => json!({
            "executionResult": { "errorDetails": { "code": "JobFailed", "message": format!("{error:#}") } },
        }),
    }
}

/// Plaintext variables of a build: a list of name and value.
fn variables(list: &Value) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for variable in list.as_array().into_iter().flatten() {
        let kind = variable["type"].as_str().unwrap_or("PLAINTEXT");
        ensure!(kind == "PLAINTEXT", "a build variable of type {kind} is not known here");
        let (name, value) = (variable["name"].as_str(), variable["value"].as_str());
        let (Some(name), Some(value)) = (name, value) else { bail!("{variable} is no build variable") };
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

/// A template configuration file's parameters.
fn configuration(text: &str) -> Result<BTreeMap<String, String>> {
    let file: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(text).context("the template configuration")?;
    if let Some(other) = file.keys().find(|key| *key != "Parameters") {
        bail!("{other} in a template configuration is not known here");
    }
    Ok(file.into_values().next().unwrap_or_default())
}

/// ParameterOverrides: texts, and `{"Fn::GetParam": [artifact, file, key]}`.
fn overrides(text: &str, file: &impl Fn(&str) -> Result<String>) -> Result<BTreeMap<String, String>> {
    let values: BTreeMap<String, Value> =
        serde_json::from_str(text).with_context(|| format!("ParameterOverrides is no JSON: {text}"))?;
    let value = |(name, value): (String, Value)| {
        let found = match (&value, &value["Fn::GetParam"]) {
            (Value::String(text), _) => text.clone(),
            (_, Value::Array(place)) => {
                let place: Vec<&str> = place.iter().filter_map(Value::as_str).collect();
                let [artifact, path, key] = place.as_slice() else { bail!("{value} is no Fn::GetParam") };
                let content: Value = serde_json::from_str(&file(&format!("{artifact}::{path}"))?)?;
                content[*key].as_str().with_context(|| format!("{path} has no {key}"))?.to_owned()
            }
            _ => bail!("{value} in ParameterOverrides is not known here"),
        };
        Ok((name, found))
    };
    values.into_iter().map(value).collect()
}
