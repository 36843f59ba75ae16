//! The Deploy stage: what CloudFormation would do with the stack of the application. A load balancer with a default action
//! and one rule on each port, and a service for each side; an update touches only the side whose image tag has changed.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_ecs::types::{ContainerDefinition, LoadBalancer};
use aws_sdk_elasticloadbalancingv2::types::Tag;

use super::Images;
use crate::world::{Created, Pair, Rule, World, path};

/// The load balancer's name.
pub const LOAD_BALANCER: &str = "shop";
/// The ECS cluster's name.
pub const CLUSTER: &str = "shop";
/// Tasks of each service.
pub const TASKS: i32 = 2;

/// The container that takes the traffic.
const CONTAINER: &str = "web";
/// The repository of the application's images.
const REPOSITORY: &str = "shop";
/// How long a service may take until its new tasks are healthy and the old ones gone.
const ROLLED_OUT: Duration = Duration::from_secs(120);

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

    /// The name of its service and of its target group.
    pub fn service(self) -> &'static str {
        match self {
            Self::Code1 => "shop-code1",
            Self::Code2 => "shop-code2",
        }
    }

    fn image(self, images: &Images) -> &str {
        match self {
            Self::Code1 => &images.code1,
            Self::Code2 => &images.code2,
        }
    }
}

/// A stack that was deployed.
pub struct Stack {
    created: Created,
    /// What it was deployed with last: an update acts on the difference to that (CloudFormation user guide).
    images: Images,
}

impl Stack {
    /// Makes everything: Code1 is live, Code2 is on the test port.
    pub(super) async fn create(world: &World, images: &Images) -> Result<Self> {
        let pair = Pair::new(LOAD_BALANCER).images(&images.code1, &images.code2).targets(0, 0);
        let rule = Rule::new(10, LOAD_BALANCER, [path("/api/*")]);
        let created = world.load_balancer(LOAD_BALANCER).pair(pair).rule(rule).create().await?;
        let stack = Self { created, images: images.clone() };
        world.ecs().create_cluster().cluster_name(CLUSTER).send().await?;
        // The services come last: a target group must belong to a load balancer before a service can name it.
        for side in Side::BOTH {
            stack.tag(world, side, "Service", &format!("{CLUSTER}/{}", side.service())).await?;
            stack.create_service(world, side).await?;
        }
        for side in Side::BOTH {
            world.ecs_runner.settled(CLUSTER, side.service(), ROLLED_OUT).await?;
        }
        Ok(stack)
    }

    /// Rolls out the sides whose image tag differs.
    pub(super) async fn update(&mut self, world: &World, images: &Images) -> Result<Vec<Side>> {
        let differs = |side: &Side| side.image(images) != side.image(&self.images);
        let changed: Vec<Side> = Side::BOTH.into_iter().filter(differs).collect();
        self.images = images.clone();
        for side in &changed {
            let definition = self.task_definition(world, *side).await?;
            let update = world.ecs().update_service().cluster(CLUSTER).service(side.service());
            update.task_definition(definition).send().await.context("UpdateService")?;
            world.ecs_runner.settled(CLUSTER, side.service(), ROLLED_OUT).await?;
            self.tag(world, *side, "Image", side.image(images)).await?;
        }
        Ok(changed)
    }

    /// How many targets of a side are healthy, and how many it has; those that are being taken out are none of them.
    pub fn healthy(&self, world: &World, identifier: &str) -> (usize, usize) {
        let side = Side::BOTH.into_iter().find(|side| format!("{side:?}") == identifier);
        let group = side.and_then(|side| self.created.groups.get(side.service()));
        let mut targets = group.map(|group| world.load_balancer.health(group)).unwrap_or_default();
        targets.retain(|target| target.state != "draining");
        (targets.iter().filter(|target| target.state == "healthy").count(), targets.len())
    }

    async fn create_service(&self, world: &World, side: Side) -> Result<()> {
        let served = LoadBalancer::builder()
            .target_group_arn(self.created.group(side.service())?)
            .container_name(CONTAINER)
            .container_port(80)
            .build();
        let create = world.ecs().create_service().cluster(CLUSTER).service_name(side.service()).desired_count(TASKS);
        let definition = self.task_definition(world, side).await?;
        create.load_balancers(served).task_definition(definition).send().await.context("CreateService")?;
        Ok(())
    }

    /// A revision of the side's task definition with its image.
    async fn task_definition(&self, world: &World, side: Side) -> Result<String> {
        let image = format!("{REPOSITORY}:{}", side.image(&self.images));
        let container = ContainerDefinition::builder().name(CONTAINER).image(image).build();
        let register = world.ecs().register_task_definition().family(side.service()).container_definitions(container);
        let registered = register.send().await.context("RegisterTaskDefinition")?;
        let arn = registered.task_definition().and_then(|definition| definition.task_definition_arn());
        Ok(arn.context("a task definition without ARN")?.to_owned())
    }

    async fn tag(&self, world: &World, side: Side, key: &str, value: &str) -> Result<()> {
        let tag = Tag::builder().key(key).value(value).build();
        world.elb().add_tags().resource_arns(self.created.group(side.service())?).tags(tag).send().await.context("AddTags")?;
        Ok(())
    }
}
