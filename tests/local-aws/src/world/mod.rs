//! A world: one AWS account of its own, with everything that plays AWS's part for it.
//!
//! Worlds share a ministack, so that they are cheap, and nothing else: a test makes its own.

mod build;
mod snapshot;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_elasticloadbalancingv2::config::{Credentials, SharedCredentialsProvider};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use uuid::Uuid;

pub use build::{Created, LoadBalancerSpec, Pair, Rule, host, path};

use crate::app::App;
use crate::ecs::Runner;
use crate::gateway::{Backends, Gateway, OPERATOR, Policy, lock, tags};
use crate::jobs::Jobs;
use crate::lambda::Lambda;
use crate::load_balancer::{LoadBalancer, PortPolicy};
use crate::ministack::{Ministack, target_folder};

/// The region of every world.
pub const REGION: &str = "eu-central-1";

/// The role of the function, and of everything that says no other.
pub const LAMBDA_ROLE: &str = "blue-green-flip";

/// The role of the deployer.
pub const DEPLOYER_ROLE: &str = "deployer";

/// A role that no policy binds: what it may do is not what a test is about.
pub const ANY_ROLE: &str = "any";

/// The policy of the function.
pub const LAMBDA_POLICY: &str = include_str!("../../../../cloudformation/policies/blue-green-flip.json");

/// The policy of the deployer.
pub const DEPLOYER_POLICY: &str = include_str!("../../../../cloudformation/policies/deployer.json");

/// The policy of `deployer roll`.
pub const ROLL_POLICY: &str = include_str!("../../../../cloudformation/policies/roll.json");

/// The policy of whoever reads releases.
pub const HISTORY_POLICY: &str = include_str!("../../../../cloudformation/policies/history.json");

/// What the function needs besides, where a rule signs in with Cognito.
pub const COGNITO_POLICY: &str = include_str!("../../../../cloudformation/policies/cognito-sign-in.json");

/// How a world begins.
pub struct WorldOptions {
    /// Which local ports serve the listeners.
    pub ports: PortPolicy,
    /// Is told what takes long.
    pub progress: Box<dyn Fn(&str) + Send>,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self { ports: PortPolicy::Free, progress: Box::new(|_| {}) }
    }
}

/// An AWS account on loopback. It ends when it is dropped.
pub struct World {
    /// The only endpoint the product sees.
    pub gateway: Gateway,
    /// CodePipeline's jobs.
    pub jobs: Jobs,
    /// Serves real HTTP by what the API holds.
    pub load_balancer: LoadBalancer,
    /// Rolls services out.
    pub ecs_runner: Runner,
    account: String,
    operator: SdkConfig,
    apps: Mutex<Vec<App>>,
    processes: AtomicUsize,
}

impl World {
    /// Starts an empty account.
    ///
    /// # Errors
    /// Where ministack cannot be installed or started, or a port cannot be bound.
    pub async fn start(options: WorldOptions) -> Result<Self> {
        let ministack = Ministack::shared(options.progress).await?;
        // Twelve digits, not beginning with 0: an account id, and different in every world.
        let account = (100_000_000_000 + Uuid::new_v4().as_u128() % 900_000_000_000).to_string();
        let upstream = config(&account, &format!("http://{}", ministack.address())).await;
        let load_balancer = LoadBalancer::start(upstream.clone(), options.ports).await?;
        let jobs = Jobs::new(&account, REGION);
        let backends = Backends {
            api: ministack.address(),
            load_balancer: load_balancer.clone(),
            ecs: Runner::start(upstream, load_balancer.clone()),
            jobs: jobs.clone(),
        };
        let ecs_runner = backends.ecs.clone();
        let gateway = Gateway::start(backends).await?;
        let operator = config(&account, &gateway.endpoint()).await;
        let world = Self {
            gateway,
            jobs,
            load_balancer,
            ecs_runner,
            account,
            operator,
            apps: Mutex::default(),
            processes: AtomicUsize::new(1),
        };
        world.set_policies(LAMBDA_ROLE, &[LAMBDA_POLICY])?;
        world.set_policies(DEPLOYER_ROLE, &[DEPLOYER_POLICY])?;
        Ok(world)
    }

    /// Gives a role these policy documents, instead of those it had.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn set_policies(&self, role: &str, documents: &[&str]) -> Result<()> {
        let policies = documents.iter().map(|document| Policy::read(document, &self.account, REGION)).collect::<Result<_>>()?;
        self.gateway.set_policies(role, policies);
        Ok(())
    }

    /// The account id.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// What a product process gets as `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        self.gateway.endpoint()
    }

    /// The environment variables of a product process with the function's role.
    pub fn env(&self) -> HashMap<String, String> {
        self.env_as(LAMBDA_ROLE)
    }

    /// The environment variables of a product process with a role. Each call is another session: [`Gateway::on_kill`]
    /// tells them apart by the principal, which is the value of `AWS_SESSION_TOKEN`.
    pub fn env_as(&self, role: &str) -> HashMap<String, String> {
        let session = self.processes.fetch_add(1, Ordering::Relaxed);
        self.env_of(&format!("{role}/{session}"))
    }

    fn env_of(&self, principal: &str) -> HashMap<String, String> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", &self.account),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_SESSION_TOKEN", principal),
            // No machine's metadata service is asked, no file of the person who runs this is read.
            // Traffic follows the API at once here, so that no side has to be held.
            ("DATA_PLANE_SECONDS", "0"),
            // No plan lives long here: a job that fails need not wait 20 seconds for others to end.
            ("WAIT_SECONDS", "1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The operator's SDK settings: calls go through the gateway, so that traffic follows them, but are not counted,
    /// delayed, broken, throttled or cut into pages.
    pub fn operator(&self) -> &SdkConfig {
        &self.operator
    }

    /// SDK settings that are treated like the product's calls, but for policies.
    pub async fn as_product(&self) -> SdkConfig {
        self.as_role(ANY_ROLE).await
    }

    /// SDK settings of a role, for calls from a test.
    pub async fn as_role(&self, role: &str) -> SdkConfig {
        let mut config = config(&self.account, &self.endpoint()).await.into_builder();
        config.set_credentials_provider(Some(credentials(&self.account, &format!("{role}/test"))));
        config.build()
    }

    /// The operator's client for load balancers.
    pub fn elb(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        aws_sdk_elasticloadbalancingv2::Client::new(&self.operator)
    }

    /// The operator's client for ECS.
    pub fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&self.operator)
    }

    /// A new environment of the real function, in this account. Faults that kill reach it.
    ///
    /// # Errors
    /// Where the binary was not built.
    pub fn lambda(&self, timeout: Duration) -> Result<Lambda> {
        self.lambda_with(timeout, [])
    }

    /// [`World::lambda`], with further environment variables.
    ///
    /// # Errors
    /// Where the binary was not built.
    pub fn lambda_with<const N: usize>(&self, timeout: Duration, extra: [(&str, &str); N]) -> Result<Lambda> {
        let mut env = self.env();
        let principal = env["AWS_SESSION_TOKEN"].clone();
        env.extend(extra.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let lambda = Lambda::new(&binary(LAMBDA_ROLE), env, timeout)?;
        self.gateway.on_kill(&principal, lambda.killer());
        let gateway = self.gateway.clone();
        lambda.after_each(move || gateway.invocation_ended());
        Ok(lambda)
    }

    /// Runs the deployer to its end, in this account. `configure` sets arguments, folder and further variables; faults
    /// that kill reach it.
    ///
    /// # Errors
    /// Where the binary was not built.
    pub async fn deployer(&self, configure: impl FnOnce(&mut Command)) -> Result<Output> {
        let env = self.env_as(DEPLOYER_ROLE);
        let principal = env["AWS_SESSION_TOKEN"].clone();
        let program = binary(DEPLOYER_ROLE);
        let mut command = Command::new(&program);
        command.env_clear().envs(env).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C at a terminal reaches a whole group: whoever runs this ends it, and is not told of a failure first.
        command.process_group(0);
        configure(&mut command);
        let process = command
            .spawn()
            .with_context(|| format!("failed to start {}: build it with cargo build --release -p deployer", program.display()))?;
        if let Some(id) = process.id().and_then(|id| i32::try_from(id).ok()) {
            self.gateway.on_kill(&principal, move || {
                // It may have ended by itself just now.
                let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
            });
        }
        let output = process.wait_with_output().await?;
        self.gateway.invocation_ended();
        Ok(output)
    }

    /// Describes a load balancer that [`LoadBalancerSpec::create`] then makes through the API.
    pub fn load_balancer<'a>(&'a self, name: &str) -> LoadBalancerSpec<'a> {
        LoadBalancerSpec::new(self, name)
    }

    /// Everything the API says of load balancers, as text: listeners, rules with every action and condition, tags.
    /// Two snapshots are equal where nothing has changed.
    ///
    /// # Errors
    /// The API's.
    pub async fn snapshot(&self) -> Result<String> {
        snapshot::take(self).await
    }

    /// Removes all tags whose keys begin so from these groups, as tools do that do not know them. [`FaultKind::TagsWiped`] does
    /// it at a call of the test's choice.
    ///
    /// [`FaultKind::TagsWiped`]: crate::gateway::FaultKind::TagsWiped
    ///
    /// # Errors
    /// The API's.
    pub async fn wipe_tags(&self, groups: &[&str], prefix: &str) -> Result<()> {
        tags::wipe(&self.elb(), groups, prefix).await
    }

    fn keep(&self, app: App) {
        lock(&self.apps).push(app);
    }
}

/// Environment variable: a folder with a function and a deployer that are tested instead of those that were just built.
pub const PROGRAMS: &str = "PROGRAMS";

/// A binary of the product, whether it is built or not.
pub fn binary(name: &str) -> PathBuf {
    let packaged = ["blue-green-flip", "deployer"].contains(&name).then(|| std::env::var_os(PROGRAMS)).flatten();
    packaged.map_or_else(|| target_folder().join("release"), PathBuf::from).join(name)
}

async fn config(account: &str, endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(credentials(account, OPERATOR))
        .load()
        .await
}

fn credentials(account: &str, principal: &str) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(account, "local", Some(principal.to_owned()), None, "local"))
}
