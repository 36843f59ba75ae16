//! An installation: the project's own stacks in an account of their own, and the pipelines that they define, played.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::codepipeline::{CodePipeline, Event, StackAsked, Stacks, Status, files, pack};
use crate::lambda::Lambda;
use crate::ministack::{target_folder, tools};
use crate::world::{World, WorldOptions, binary};

/// What the stacks are named after.
pub const NAME: &str = "shop";
/// The repository and the branch that releases come from.
pub const REPOSITORY: (&str, &str) = ("example/shop", "main");
/// The release pipeline.
pub const RELEASE: &str = "shop-release";
/// The roll-back pipeline.
pub const ROLLBACK: &str = "shop-rollback";
/// How long a release may take until somebody is asked, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// The function's time-out, as its template sets it.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(300);

/// An installation. It ends when it is dropped.
pub struct Installation {
    /// The account.
    pub world: World,
    /// Its pipelines.
    pub pipelines: CodePipeline,
    /// The function.
    pub lambda: Lambda,
    stacks: Stacks,
}

/// What an application's repository holds besides the recipe: `parameters.json`, and other files by name.
#[derive(Clone, Debug, Default)]
pub struct Push<'a> {
    /// What parameters get, instead of or besides the recipe's.
    pub parameters: &'a [(&'a str, &'a str)],
    /// Files that replace the recipe's.
    pub files: &'a [(&'a str, &'a str)],
}

impl Installation {
    /// An account with nothing in it, and its CodePipeline.
    ///
    /// # Errors
    /// Where something cannot be started.
    pub async fn empty() -> Result<Self> {
        let world = World::start(WorldOptions::default()).await?;
        // As the stack of the pipelines sets it.
        let lambda = world.lambda_with(FUNCTION_TIMEOUT, [("ELB_NAME", NAME)])?;
        let tools = tokio::task::spawn_blocking(|| tools("aws")).await??;
        let pipelines = CodePipeline::start(&world, lambda.clone(), tools)?;
        let stacks = Stacks::new(pipelines.account().clone());
        Ok(Self { world, pipelines, lambda, stacks })
    }

    /// Installs the four stacks as bin/deploy does; the connection is confirmed.
    ///
    /// # Errors
    /// A stack that fails.
    pub async fn start() -> Result<Self> {
        Self::with_pipeline(&template("pipeline")?).await
    }

    /// [`Installation::start`] with another template of the pipelines.
    ///
    /// # Errors
    /// A stack that fails.
    pub async fn with_pipeline(pipeline: &str) -> Result<Self> {
        let this = Self::empty().await?;
        this.install(pipeline).await?;
        Ok(this)
    }

    async fn install(&self, pipeline: &str) -> Result<()> {
        let own = [("Name", NAME.to_owned())];
        let bucket = self.create("bucket", &template("bucket")?, &own).await?["Bucket"].clone();
        let deployer = std::fs::read(binary("deployer")).context("build it with cargo build --release -p deployer")?;
        let digest = self.pipelines.account().sha256(&deployer);
        let key = format!("{NAME}/deployer/{digest}");
        let account = self.pipelines.account();
        account.put_object(&bucket, &key, deployer).await?;
        account.put_object(&bucket, &format!("{NAME}/rollback.zip"), pack(Path::new(""), &[])?).await?;
        account.put_object(&bucket, "function.zip", pack(Path::new(""), &[])?).await?;
        let network = self.create("network", &template("network")?, &own).await?;
        let mut given = vec![("Name", NAME.to_owned()), ("TestCidr", "192.0.2.0/24".to_owned())];
        given.extend(["VpcId", "PublicSubnets", "TaskSubnets", "AssignPublicIp"].map(|key| (key, network[key].clone())));
        self.create("load-balancer", &template("load-balancer")?, &given).await?;
        let given = [
            ("Name", NAME.to_owned()),
            ("PackagesBucket", bucket),
            ("FunctionKey", "function.zip".to_owned()),
            ("DeployerKey", key),
            ("DeployerSha256", digest),
            ("RepositoryId", REPOSITORY.0.to_owned()),
            ("Branch", REPOSITORY.1.to_owned()),
            ("RollbackKey", format!("{NAME}/rollback.zip")),
        ];
        let outputs = self.create("pipeline", pipeline, &given).await?;
        if let Some(connection) = outputs.get("Connection") {
            account.confirm_connection(connection).await?;
        }
        // Both pipelines start when they are made; the source of one is not confirmed, the other finds nothing deployed.
        self.pipelines.notice().await?;
        self.pipelines.wait(PATIENCE, "the first runs are over", CodePipeline::is_idle).await
    }

    async fn create(&self, stack: &str, template: &str, given: &[(&str, String)]) -> Result<BTreeMap<String, String>> {
        let name = format!("{NAME}-{stack}");
        let parameters = given.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let asked = StackAsked { template, parameters, role: None, capabilities: vec!["CAPABILITY_IAM".to_owned()] };
        Ok(self.stacks.make("CreateStack", &name, &asked).await?.outputs)
    }

    /// Tries to create one of the stacks from another template. Returns how it is then.
    ///
    /// # Errors
    /// The API's.
    pub async fn try_to_create(&self, stack: &str, template: &str) -> Result<String> {
        let name = format!("{NAME}-{stack}");
        let answer = self.stacks.apply("CreateStack", &name, &StackAsked { template, ..StackAsked::default() }).await?;
        answer.map_err(anyhow::Error::msg)?;
        Ok(self.stacks.settled(&name).await?.status)
    }

    /// Every event of a stack, the newest first.
    ///
    /// # Errors
    /// The API's.
    pub async fn events(&self, stack: &str) -> Result<Vec<Event>> {
        self.stacks.events(stack).await
    }

    /// A stack's parameters.
    ///
    /// # Errors
    /// The API's.
    pub async fn parameters(&self, stack: &str) -> Result<BTreeMap<String, String>> {
        let stack = self.stacks.stack(stack).await?.with_context(|| format!("there is no stack {stack}"))?;
        Ok(stack.parameters)
    }

    /// A push to the repository. Returns the release's execution.
    ///
    /// # Errors
    /// Where it starts another number of executions than one.
    pub async fn push(&self, push: &Push<'_>) -> Result<String> {
        let started = self.pipelines.push(REPOSITORY.0, REPOSITORY.1, source(push)?).await?;
        match started.as_slice() {
            [(pipeline, id)] if pipeline == RELEASE => Ok(id.clone()),
            other => bail!("the push started {other:?}; expected one release"),
        }
    }

    /// Waits until a release asks for its approval. Returns the text that the approver reads.
    ///
    /// # Errors
    /// Where it ends before, or takes too long.
    pub async fn asks(&self, pipeline: &str, id: &str) -> Result<String> {
        let waits = |pipelines: &CodePipeline| {
            pipelines.approval(pipeline).is_some_and(|asked| asked.execution == id)
                || pipelines.status(pipeline, id) != Some(Status::InProgress)
        };
        self.pipelines.wait(PATIENCE, &format!("{pipeline} {id} asks"), waits).await?;
        let asked = self.pipelines.approval(pipeline).filter(|asked| asked.execution == id);
        asked.map(|asked| asked.text).with_context(|| format!("{pipeline} {id} ended before it asked: {}", self.pipelines.told()))
    }

    /// Approves what waits in a pipeline.
    ///
    /// # Errors
    /// Where nothing waits.
    pub fn approve(&self, pipeline: &str) -> Result<()> {
        self.pipelines.answer_approval(pipeline, true)
    }

    /// Rejects what waits in a pipeline.
    ///
    /// # Errors
    /// Where nothing waits.
    pub fn reject(&self, pipeline: &str) -> Result<()> {
        self.pipelines.answer_approval(pipeline, false)
    }

    /// Waits until an execution is over.
    ///
    /// # Errors
    /// Where it takes too long.
    pub async fn over(&self, pipeline: &str, id: &str) -> Result<Status> {
        let over = |pipelines: &CodePipeline| pipelines.status(pipeline, id) != Some(Status::InProgress);
        self.pipelines.wait(PATIENCE, &format!("{pipeline} {id} is over"), over).await?;
        self.pipelines.status(pipeline, id).context("the execution is gone")
    }

    /// Pushes, approves, and waits until the release is over, which must have succeeded.
    ///
    /// # Errors
    /// Where it has not.
    pub async fn release(&self, push: &Push<'_>) -> Result<String> {
        let id = self.push(push).await?;
        self.asks(RELEASE, &id).await?;
        self.approve(RELEASE)?;
        self.succeeded(RELEASE, &id).await?;
        Ok(id)
    }

    /// Runs the roll-back pipeline, approves, and waits until it has succeeded.
    ///
    /// # Errors
    /// Where it has not.
    pub async fn roll_back(&self) -> Result<String> {
        let id = self.pipelines.start_execution(ROLLBACK, &BTreeMap::new())?;
        self.asks(ROLLBACK, &id).await?;
        self.approve(ROLLBACK)?;
        self.succeeded(ROLLBACK, &id).await?;
        Ok(id)
    }

    /// Waits until an execution is over, and has succeeded.
    ///
    /// # Errors
    /// Where it has not.
    pub async fn succeeded(&self, pipeline: &str, id: &str) -> Result<()> {
        match self.over(pipeline, id).await? {
            Status::Succeeded => Ok(()),
            status => bail!("{pipeline} {id} ended as {status:?}: {}", self.pipelines.told()),
        }
    }

    /// Lets time pass for what was flipped: every record of a flip becomes so many minutes older.
    ///
    /// # Errors
    /// The API's.
    pub async fn age_flips(&self, minutes: i64) -> Result<()> {
        let elb = self.world.elb();
        for group in elb.describe_target_groups().send().await?.target_groups() {
            let arn = group.target_group_arn().context("a target group without ARN")?;
            let described = elb.describe_tags().resource_arns(arn).send().await?;
            for tag in described.tag_descriptions().iter().flat_map(|d| d.tags()) {
                let (key, value) = (tag.key().unwrap_or_default(), tag.value().unwrap_or_default());
                let Some((rest, time)) = value.rsplit_once(' ').filter(|_| key.starts_with("bluegreen:flip")) else { continue };
                let time: jiff::Timestamp = time.parse().with_context(|| format!("the time of {key} = {value}"))?;
                let older = time - jiff::SignedDuration::from_mins(minutes);
                let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder().key(key).value(format!("{rest} {older}")).build();
                elb.add_tags().resource_arns(arn).tags(tag).send().await?;
            }
        }
        Ok(())
    }

    /// The environment of a script that a person runs, with the AWS command line in its PATH.
    ///
    /// # Errors
    /// Where the tools cannot be installed.
    pub fn script_env(&self) -> Result<BTreeMap<String, String>> {
        let mut env: BTreeMap<String, String> = self.world.env_as("person").into_iter().collect();
        let own = std::env::var("PATH").unwrap_or_default();
        env.insert("PATH".to_owned(), format!("{}:{own}", tools("aws")?.display()));
        env.insert("HOME".to_owned(), std::env::var("HOME").unwrap_or_default());
        env.insert("CARGO_TARGET_DIR".to_owned(), target_folder().canonicalize()?.display().to_string());
        Ok(env)
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A template of the installation.
///
/// # Errors
/// Where it cannot be read.
pub fn template(name: &str) -> Result<String> {
    let path = root().join(format!("cloudformation/{name}.yaml"));
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The recipe as a repository holds it, with what a push changes; a zip file.
///
/// # Errors
/// Where the recipe cannot be read.
pub fn source(push: &Push<'_>) -> Result<Vec<u8>> {
    let recipe = root().join("recipes/codepipeline");
    let folder = tempfile::tempdir()?;
    for entry in std::fs::read_dir(&recipe)? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    for (name, content) in push.files {
        std::fs::write(folder.path().join(name), content)?;
    }
    let path = folder.path().join("parameters.json");
    let mut parameters: BTreeMap<String, String> = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    parameters.extend(push.parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    std::fs::write(&path, serde_json::to_string(&parameters)?)?;
    let files = files(folder.path())?;
    pack(folder.path(), &files)
}
