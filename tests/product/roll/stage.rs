//! What every test of `roll` begins with: a service `web` in the cluster `main`, its image in ECR, behind a load balancer.

use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_ecs::types::{DeploymentCircuitBreaker, DeploymentConfiguration, LoadBalancer, Service};
use local_aws::ecs::registry::{Image, Registry};
use local_aws::load::Aim;
use local_aws::world::{Created, DEPLOYER_ROLE, Pair, ROLL_POLICY, World, WorldOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The repository of the service's image.
pub const REPOSITORY: &str = "shop/web";
/// A value that must be seen nowhere.
pub const SECRET: &str = "s3cret-value";
const WAIT: Duration = Duration::from_secs(60);

/// How the service is made.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    pub desired: i32,
    pub breaker: bool,
    pub behind: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self { desired: 2, breaker: true, behind: true }
    }
}

pub struct Stage {
    pub world: World,
    pub shop: Created,
    pub registry: Registry,
    pub folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Stage {
    /// A service of two tasks behind a load balancer, with a circuit breaker that rolls back, running `v1`.
    pub async fn new() -> Self {
        Self::with(Made::default()).await
    }

    /// A service as the test wants it, running `v1`.
    pub async fn with(made: Made) -> Self {
        let stage = Self::empty().await;
        stage.push("v1").await;
        let definition = stage.register(&stage.document("v1")).await;
        stage.service("web", &definition, made).await;
        stage.world.gateway.reset_calls();
        stage
    }

    /// A cluster without a service.
    pub async fn empty() -> Self {
        let world = World::start(WorldOptions::default()).await.unwrap();
        world.set_policies(DEPLOYER_ROLE, &[ROLL_POLICY]).unwrap();
        let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(0, 0)).create().await.unwrap();
        world.ecs().create_cluster().cluster_name("main").send().await.unwrap();
        let registry = Registry::of(world.operator()).await.unwrap();
        Self { world, shop, registry, folder: TempDir::new().unwrap() }
    }

    /// Makes a service and waits until it runs.
    pub async fn service(&self, name: &str, definition: &str, made: Made) {
        self.service_of(name, definition, made, ("web", 80)).await;
    }

    /// The same, of which this container takes the traffic, at this port.
    pub async fn service_of(&self, name: &str, definition: &str, made: Made, (container, port): (&str, i32)) {
        let breaker = DeploymentCircuitBreaker::builder().enable(made.breaker).rollback(made.breaker).build();
        let configuration = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
        let create = self.world.ecs().create_service().cluster("main").service_name(name).desired_count(made.desired);
        let served = LoadBalancer::builder()
            .target_group_arn(self.shop.group("shop-code1").unwrap())
            .container_name(container)
            .container_port(port)
            .build();
        let create = if made.behind { create.load_balancers(served) } else { create };
        create.deployment_configuration(configuration).task_definition(definition).send().await.unwrap();
        self.world.ecs_runner.settled("main", name, WAIT).await.unwrap();
    }

    /// From now on no task of the service can be replaced: whatever rolls, rolls on.
    pub async fn hold(&self) {
        self.percent(100).await;
    }

    /// Tasks can be replaced again.
    pub async fn release(&self) {
        self.percent(200).await;
    }

    async fn percent(&self, most: i32) {
        let breaker = self.seen().await.deployment_configuration.and_then(|given| given.deployment_circuit_breaker);
        let configuration = DeploymentConfiguration::builder().set_deployment_circuit_breaker(breaker);
        let configuration = configuration.minimum_healthy_percent(100).maximum_percent(most).build();
        let update = self.world.ecs().update_service().cluster("main").service("web");
        update.deployment_configuration(configuration).send().await.unwrap();
    }

    /// Waits until the service has what it asks for.
    pub async fn settled(&self) {
        self.world.ecs_runner.settled("main", "web", WAIT).await.unwrap();
    }

    /// Pushes an image whose page shows its tag, and that runs no process.
    pub async fn push(&self, tag: &str) -> String {
        self.push_image(tag, Image::default()).await
    }

    /// Pushes an image that runs a shell line.
    pub async fn push_running(&self, tag: &str, line: &str) -> String {
        self.push_image(tag, Image { command: &["sh", "-c", line], ..Image::default() }).await
    }

    pub async fn push_image(&self, tag: &str, image: Image<'_>) -> String {
        self.registry.push(REPOSITORY, tag, image).await.unwrap()
    }

    /// The image reference of a tag.
    pub fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.registry.repository(REPOSITORY))
    }

    /// A task definition with the image of a tag, a sidecar, and what must not be lost or shown.
    pub fn document(&self, tag: &str) -> Value {
        json!({
            "family": "web",
            "cpu": "256",
            "memory": "512",
            "fieldOfTomorrow": { "kept": [1, "", { "deep": true }] },
            "containerDefinitions": [
                {
                    "name": "web", "image": self.image(tag), "essential": true,
                    "portMappings": [{ "containerPort": 80 }],
                    "environment": [{ "name": "KEY", "value": SECRET }, { "name": "EMPTY", "value": "" }],
                    "logConfiguration": { "logDriver": "awslogs", "options": {
                        "awslogs-group": "/ecs/web", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "web" } },
                    "settingOfTomorrow": "kept",
                },
                { "name": "agent", "image": "registry.example/agent:7", "essential": false },
            ],
            "tags": [{ "key": "team", "value": "shop" }],
        })
    }

    /// Registers a definition as it is, and says its ARN.
    pub async fn register(&self, document: &Value) -> String {
        let answer = product_stage::json::call(&self.world, "ecs", "RegisterTaskDefinition", document).await;
        answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// A revision as ECS describes it, with its tags.
    pub async fn described(&self, name: &str) -> Value {
        let asked = json!({ "taskDefinition": name, "include": ["TAGS"] });
        product_stage::json::call(&self.world, "ecs", "DescribeTaskDefinition", &asked).await
    }

    /// Runs `deployer roll VERB --cluster main --service web …`.
    pub async fn roll(&self, verb: &str, arguments: &[&str]) -> Run {
        self.run(&[&["roll", verb, "--cluster", "main", "--service", "web"], arguments].concat()).await
    }

    /// Deploys the image of a tag.
    pub async fn deploy(&self, tag: &str) -> Run {
        self.roll("deploy", &["--image", &self.image(tag)]).await
    }

    /// Runs the deployer.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&[], arguments).await
    }

    /// Runs the deployer with these variables.
    pub async fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let run = self.world.deployer(|command| {
            command.current_dir(self.folder.path()).env("CALL_TIMEOUT_MS", "5000").env("TZ", "UTC");
            command.envs(variables.iter().copied()).args(arguments);
        });
        let output = run.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) };
        // Whatever a test is about, no value of an environment is ever shown, but for what a person rendered from their own file.
        assert!(!run.out.contains(SECRET) || arguments.contains(&"render"), "{run:#?}");
        assert!(!run.err.contains(SECRET), "{run:#?}");
        run
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a file in the folder says.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// The service as ECS tells it.
    pub async fn seen(&self) -> Service {
        self.world.ecs().describe_services().cluster("main").services("web").send().await.unwrap().services()[0].clone()
    }

    /// `family:revision` that the service runs.
    pub async fn revision(&self) -> String {
        self.seen().await.task_definition().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// How many revisions of `web` are registered.
    pub async fn revisions(&self) -> usize {
        let list = self.world.ecs().list_task_definitions().family_prefix("web").send().await.unwrap();
        list.task_definition_arns().len()
    }

    /// Clients of the live port.
    pub fn clients(&self) -> Aim {
        Aim::at("live", self.world.load_balancer.address("shop", 80).unwrap())
    }

    /// How often an action was called by the deployer.
    pub fn calls(&self, action: &str) -> usize {
        self.world.gateway.calls().iter().filter(|call| call.action == action).count()
    }

    /// Waits until something is so.
    pub async fn until(&self, is_so: impl AsyncFn() -> bool) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(WAIT, waiting).await.unwrap();
    }
}

impl Run {
    /// Whether it ended with this code, and all of these words are shown.
    #[track_caller]
    pub fn ended(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        let shown = format!("{}{}", self.out, self.err);
        for word in words {
            assert!(shown.contains(word), "{word:?} is not in {self:#?}");
        }
    }
}
