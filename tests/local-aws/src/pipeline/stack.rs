//! The Deploy stage: the project's own templates, installed by CloudFormation. The network and the load balancer are made once;
//! each side is a stack of its own, and an update touches only the side whose image tag has changed.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::future::try_join;

use super::Images;
use crate::codepipeline::{Account, StackAsked, Stacks};
use crate::installation::template;
use crate::world::World;

/// What the stacks, the load balancer and the ECS cluster are named after.
pub const NAME: &str = "shop";
/// The load balancer's name.
pub const LOAD_BALANCER: &str = NAME;
/// The ECS cluster's name.
pub const CLUSTER: &str = NAME;

/// The repository of the application's images: a registry that is not of the account, whose images are pages with their tag.
const REPOSITORY: &str = "shop";
/// Who may reach the test port (addresses for documentation, RFC 5737): the local load balancer listens on loopback only.
const TEST_CIDR: &str = "192.0.2.0/24";

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The target group tagged Code1, and its service.
    Code1,
    /// The target group tagged Code2, and its service.
    Code2,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Code1, Self::Code2];

    /// The name of its stack and of its service.
    pub fn service(self) -> &'static str {
        match self {
            Self::Code1 => "shop-Code1",
            Self::Code2 => "shop-Code2",
        }
    }

    fn image(self, images: &Images) -> &str {
        match self {
            Self::Code1 => &images.code1,
            Self::Code2 => &images.code2,
        }
    }
}

/// Stacks that were deployed.
pub struct Stack {
    stacks: Stacks,
    /// What the load balancer's stack says: the groups among it.
    outputs: BTreeMap<String, String>,
    /// What the sides were deployed with last.
    images: Images,
}

impl Stack {
    /// Makes everything: Code1 is live, Code2 is on the test port.
    pub(super) async fn create(world: &World, images: &Images) -> Result<Self> {
        let stacks = Stacks::new(Account::new(world.endpoint(), world.account().to_owned()));
        let network = make(&stacks, "network", BTreeMap::from([("Name", NAME)])).await?;
        let mut given = BTreeMap::from([("Name", NAME), ("TestCidr", TEST_CIDR)]);
        for key in ["VpcId", "PublicSubnets", "TaskSubnets", "AssignPublicIp"] {
            given.insert(key, network.get(key).with_context(|| format!("the network has no output {key}"))?);
        }
        let outputs = make(&stacks, "load-balancer", given).await?;
        let stack = Self { stacks, outputs, images: images.clone() };
        try_join(stack.deploy("CreateStack", Side::Code1), stack.deploy("CreateStack", Side::Code2)).await?;
        Ok(stack)
    }

    /// Rolls out the sides whose image tag differs.
    pub(super) async fn update(&mut self, images: &Images) -> Result<Vec<Side>> {
        let differs = |side: &Side| side.image(images) != side.image(&self.images);
        let changed: Vec<Side> = Side::BOTH.into_iter().filter(differs).collect();
        self.images = images.clone();
        for side in &changed {
            self.deploy("UpdateStack", *side).await?;
        }
        Ok(changed)
    }

    /// How many targets of a side are healthy, and how many it has; those that are being taken out are none of them.
    pub fn healthy(&self, world: &World, identifier: &str) -> (usize, usize) {
        let group = self.outputs.get(&format!("TargetGroup{identifier}"));
        let mut targets = group.map(|group| world.load_balancer.health(group)).unwrap_or_default();
        targets.retain(|target| target.state != "draining");
        (targets.iter().filter(|target| target.state == "healthy").count(), targets.len())
    }

    async fn deploy(&self, action: &str, side: Side) -> Result<()> {
        let identifier = format!("{side:?}");
        let tag = side.image(&self.images);
        let given = BTreeMap::from([("Name", NAME), ("Side", &identifier), ("Tag", tag), ("Repository", REPOSITORY)]);
        self.stacks.make(action, side.service(), &asked(&template("service")?, given)).await.map(drop)
    }
}

/// Makes one of the stacks that stay: its outputs.
async fn make(stacks: &Stacks, name: &str, given: BTreeMap<&str, &str>) -> Result<BTreeMap<String, String>> {
    Ok(stacks.make("CreateStack", &format!("{NAME}-{name}"), &asked(&template(name)?, given)).await?.outputs)
}

fn asked<'a>(template: &'a str, given: BTreeMap<&str, &str>) -> StackAsked<'a> {
    let parameters = given.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    StackAsked { template, parameters, role: None, capabilities: vec!["CAPABILITY_IAM".to_owned()] }
}
