//! The AWS clients of one run.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use blue_green::aws::call::Caller;
use blue_green::aws::cloudformation;
use blue_green::aws::codepipeline::approvals::Approvals;
use blue_green::aws::ec2::read::{Ingress, ingress};
use blue_green::aws::ecs;
use blue_green::aws::ecs::running::Ecs;
use blue_green::aws::elb::exposure::{Exposure, exposure};
use blue_green::aws::elb::read::{ReadError, Reader};
use blue_green::aws::elb::write::Writer;
use blue_green::aws::failure::{AwsFailure, root};
use blue_green::aws::history::History;
use blue_green::aws::iam::not_passed;
use blue_green::aws::json::Json;
use blue_green::aws::scheduler::Schedules;
use blue_green::plan::behind::Behind;
use blue_green::seen::group::TargetGroup;
use blue_green::seen::topology::Topology;

use crate::failure::Failure;
use crate::output;

/// A search through so many services is over before anybody could look at a bar.
const FEW: usize = 50;

/// Clients, and how long they are given.
pub struct Session {
    config: SdkConfig,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    ecs: aws_sdk_ecs::Client,
    timeout: Duration,
}

impl Session {
    /// Clients from the environment.
    ///
    /// # Errors
    /// [`Failure::Usage`] where the environment names no Region, or a time-out that is none; [`Failure::Credentials`].
    pub async fn open(timeout: Duration) -> Result<Self, Failure> {
        let call_timeout = blue_green::aws::call_timeout(|name| std::env::var(name).ok()).map_err(Failure::Usage)?;
        let config = blue_green::aws::settings(call_timeout).await;
        if config.region().is_none_or(|region| region.as_ref().is_empty()) {
            return Err(Failure::Usage("no Region is set; set AWS_REGION, or AWS_PROFILE to a profile that has one".to_owned()));
        }
        credentials(&config).await?;
        Ok(Self {
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            ecs: aws_sdk_ecs::Client::new(&config),
            config,
            timeout,
        })
    }

    fn caller(&self, timeout: Duration) -> Caller {
        Caller::until(Instant::now() + timeout)
    }

    /// Makes calls for so long.
    #[must_use]
    pub fn caller_for(&self, timeout: Duration) -> Caller {
        self.caller(timeout)
    }

    /// Calls whose answers are kept whole.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::new(&self.config)
    }

    /// Reads services and tasks; its time begins now.
    #[must_use]
    pub fn services(&self) -> ecs::Reader {
        ecs::Reader::new(self.json(), self.caller(self.timeout))
    }

    /// Reads what was released.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(&self.config)
    }

    /// Changes services; its time begins now.
    #[must_use]
    pub fn roller(&self) -> ecs::Writer {
        ecs::Writer::new(self.json(), self.caller(self.timeout))
    }

    /// Reads and changes schedules; its time begins now.
    #[must_use]
    pub fn schedules(&self) -> Schedules {
        Schedules::new(self.json(), self.caller(self.timeout))
    }

    /// Reads load balancers; its time begins now.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader_for(self.timeout)
    }

    /// Reads load balancers for so long.
    #[must_use]
    pub fn reader_for(&self, timeout: Duration) -> Reader {
        Reader::new(&self.config, self.elb.clone(), self.caller(timeout))
    }

    /// Reads a load balancer with what a flip's guard looks at. Its time begins now.
    ///
    /// # Errors
    /// As [`Reader::topology`].
    pub async fn guarded(&self, name: &str) -> Result<Topology, ReadError> {
        let topology = self.reader().topology(name).await?;
        Ok(Ecs::new(self.ecs.clone(), self.caller(self.timeout)).with_companions(topology).await?)
    }

    /// What runs behind each of these groups; shows how far a search for it has come. Its time begins now.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn behind(&self, groups: &[&TargetGroup], cluster: Option<&str>) -> Result<Behind, AwsFailure> {
        let mut bar = None;
        let looked = |so_far: usize, all: usize| {
            if all > FEW {
                bar.get_or_insert_with(|| output::search(all)).set_position(so_far as u64);
            }
        };
        let behind = Ecs::new(self.ecs.clone(), self.caller(self.timeout)).behind(groups, cluster, looked).await;
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        behind
    }

    /// Reads stacks; its time begins now.
    #[must_use]
    pub fn stacks(&self) -> cloudformation::read::Reader {
        cloudformation::read::Reader::new(&self.config, self.caller(self.timeout))
    }

    /// The approvals of a pipeline; its time begins now.
    #[must_use]
    pub fn approvals(&self, pipeline: &str) -> Approvals {
        Approvals::new(self.json(), self.caller(self.timeout), pipeline)
    }

    /// Writes tags; its time begins now.
    #[must_use]
    pub fn writer(&self) -> Writer {
        self.writer_for(self.timeout)
    }

    /// Writes tags for so long.
    #[must_use]
    pub fn writer_for(&self, timeout: Duration) -> Writer {
        Writer::new(self.elb.clone(), self.caller(timeout))
    }

    /// Reads who can reach a load balancer.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn exposure(&self, arn: &str) -> Result<Exposure, AwsFailure> {
        exposure(&self.elb, &self.caller(self.timeout), arn).await
    }

    /// Of these roles, the ones that may not be passed to ECS's tasks; and who may not.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn not_passed(&self, roles: &[&str]) -> Result<(String, Vec<String>), AwsFailure> {
        not_passed(&self.config, &self.caller(self.timeout), roles).await
    }

    /// Reads whom security groups let in.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn ingress(&self, groups: &[String]) -> Result<Vec<Ingress>, AwsFailure> {
        ingress(&self.config, &self.caller(self.timeout), groups).await
    }
}

/// Whether there are credentials: without any, every call would be tried again until the time is over. The sources try
/// again by themselves what another try may fix.
async fn credentials(config: &SdkConfig) -> Result<(), Failure> {
    let none = || {
        let profile = std::env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty());
        let named = profile.map(|profile| format!(", and AWS_PROFILE is {profile}")).unwrap_or_default();
        Failure::Credentials(format!("nothing gives any{named}"))
    };
    let provider = config.credentials_provider().ok_or_else(none)?;
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Err(none()),
        Err(error) => Err(Failure::Credentials(root(&error))),
    }
}
