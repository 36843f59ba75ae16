//! What every test of the deployer begins with.

use std::path::PathBuf;
use std::process::Stdio;

use aws_sdk_ecs::types::{ContainerDefinition, LoadBalancer};
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, Tag, TargetGroupTuple};
use local_aws::world::{Created, LoadBalancerSpec, Pair, World, WorldOptions};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

/// What a build.json says before the deployer comes: other keys, in an order that is not the alphabet's.
pub const BUILT: &str = "{\"tag\":\"v9\",\"commit\":\"a1b2\",\"number\":1.50}";

/// The time of the flips that tests write themselves.
const FIXED: &str = "2026-01-02T03:04:05Z";

/// A world with one load balancer `shop`, and a folder with a build.json.
pub struct Stage {
    pub world: World,
    pub shop: Created,
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Stage {
    /// One pair, `shop-code1` live with v1, `shop-code2` on test with v2, without targets.
    pub async fn new() -> Self {
        Self::with(|spec| spec.pair(idle_pair("shop"))).await
    }

    /// A load balancer as the test wants it.
    pub async fn with(spec: impl for<'a> FnOnce(LoadBalancerSpec<'a>) -> LoadBalancerSpec<'a>) -> Self {
        let world = World::start(WorldOptions::default()).await.unwrap();
        let shop = spec(world.load_balancer("shop")).create().await.unwrap();
        let stage = Self { world, shop, folder: TempDir::new().unwrap() };
        stage.write(BUILT);
        stage
    }

    /// Writes build.json.
    pub fn write(&self, content: &str) {
        std::fs::write(self.file(), content).unwrap();
    }

    /// What build.json says now.
    pub fn read(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// build.json.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("build.json")
    }

    /// What is in the folder: nothing may be left beside the file.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// One of build.json's keys.
    pub fn code(&self, key: &str) -> String {
        let file: Value = serde_json::from_str(&self.read()).unwrap();
        file[key].as_str().unwrap().to_owned()
    }

    /// Runs the deployer in the folder, with `ELB_NAME=shop`, short calls and no wait.
    pub async fn deployer(&self, arguments: &[&str]) -> Run {
        self.deployer_with(&[("ELB_NAME", "shop")], arguments).await
    }

    /// Runs the deployer in the folder with a person's credentials, which may do everything.
    pub async fn as_person(&self, arguments: &[&str]) -> Run {
        self.deployer_with(&[("ELB_NAME", "shop"), ("AWS_SESSION_TOKEN", local_aws::gateway::OPERATOR)], arguments).await
    }

    /// Runs the deployer in the folder with these variables.
    pub async fn deployer_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let run = self.world.deployer(|command| {
            command.current_dir(self.folder.path()).env("CALL_TIMEOUT_MS", "1500").env("TZ", "UTC");
            command.envs(variables.iter().copied()).args(arguments);
        });
        let output = run.await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs the deployer at a terminal on which somebody types, and says what the terminal shows.
    pub async fn at_a_terminal(&self, arguments: &[&str], typed: &str) -> (i32, String) {
        const TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
        let mut command = tokio::process::Command::new("python3");
        command.args(["-c", TERMINAL]).arg(local_aws::world::binary("deployer")).args(arguments);
        command.env_clear().envs(self.world.env_as("deployer")).env("ELB_NAME", "shop").env("TERM", "xterm");
        command.env("PATH", std::env::var_os("PATH").unwrap());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(typed.as_bytes()).await.unwrap();
        let ended = child.wait_with_output().await.unwrap();
        drop(keyboard);
        (ended.status.code().unwrap(), String::from_utf8(ended.stdout).unwrap())
    }

    /// Runs the build step's job for an execution, without its wait.
    pub async fn build_for(&self, execution: &str) -> Run {
        self.deployer(&["--execution", execution, "--settle", "0"]).await
    }

    /// The ARN of a group.
    pub fn arn(&self, group: &str) -> &str {
        self.shop.group(group).unwrap()
    }

    /// One tag of a group.
    pub async fn tag(&self, group: &str, key: &str) -> Option<String> {
        let answer = self.world.elb().describe_tags().resource_arns(self.arn(group)).send().await.unwrap();
        let tags = answer.tag_descriptions()[0].tags();
        tags.iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value()).map(str::to_owned)
    }

    /// Puts one tag on a group.
    pub async fn set_tag(&self, group: &str, key: &str, value: &str) {
        let tag = Tag::builder().key(key).value(value).build();
        self.world.elb().add_tags().resource_arns(self.arn(group)).tags(tag).send().await.unwrap();
    }

    /// Takes one tag off a group.
    pub async fn remove_tag(&self, group: &str, key: &str) {
        self.world.elb().remove_tags().resource_arns(self.arn(group)).tag_keys(key).send().await.unwrap();
    }

    /// Puts the record of a flip on the group that it promotes: its first generation, by the job `job-1`.
    pub async fn record(&self, id: &str, phase: &str, promoted: &str, retired: &str) {
        let tail = self.arn(retired).split_once(":targetgroup/").unwrap().1.to_owned();
        let key = format!("bluegreen:flip.{}.1", digest(id));
        self.set_tag(promoted, &key, &format!("v1 {id} {} {phase} {tail} {FIXED}", digest("job-1"))).await;
    }

    /// Makes the default action of a listener forward with these weights.
    pub async fn set_default(&self, port: i32, weights: &[(&str, i32)]) {
        let groups = weights
            .iter()
            .map(|(group, weight)| TargetGroupTuple::builder().target_group_arn(self.arn(group)).weight(*weight).build());
        let forward = ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).build();
        let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
        self.set_default_action(port, action).await;
    }

    /// Replaces the default action of a listener.
    pub async fn set_default_action(&self, port: i32, action: Action) {
        let listener = &self.shop.listeners[&port];
        self.world.elb().modify_listener().listener_arn(listener).default_actions(action).send().await.unwrap();
    }

    /// Flips both default actions of `shop`, as a flip of this id would.
    pub async fn flip(&self, id: &str) {
        self.record(id, "done", "shop-code2", "shop-code1").await;
        self.set_default(80, &[("shop-code2", 100), ("shop-code1", 0)]).await;
        self.set_default(8080, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    }

    /// An output without what differs from run to run: ARNs, ids, times.
    pub fn tidy(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let groups = self.shop.groups.iter().map(|(name, arn)| (arn.as_str(), format!("{name}-arn")));
        let listeners = self.shop.listeners.iter().map(|(port, arn)| (arn.as_str(), format!("listener-{port}-arn")));
        let rules = self.shop.rules.iter().map(|((port, priority), arn)| (arn.as_str(), format!("rule-{port}-{priority}-arn")));
        let balancer = [(self.shop.arn.as_str(), "shop-arn".to_owned())];
        // A listener's ARN begins no rule's, but the load balancer's name is part of both.
        for (arn, name) in groups.chain(rules).chain(listeners).chain(balancer) {
            text = text.replace(arn, &name);
            if let Some((_, tail)) = arn.split_once(":targetgroup/") {
                text = text.replace(tail, &format!("{name}/hash"));
            }
        }
        untimed(&text)
    }

    /// Makes a service without tasks that serves a group with an image.
    pub async fn service(&self, cluster: &str, name: &str, group: &str, image: &str) {
        let ecs = self.world.ecs();
        ecs.create_cluster().cluster_name(cluster).send().await.unwrap();
        // The first container is not the one that serves: it must not be taken.
        let containers = [("side", "proxy:latest"), ("web", image)]
            .map(|(name, image)| ContainerDefinition::builder().name(name).image(image).build());
        let made = ecs.register_task_definition().family(name).set_container_definitions(Some(containers.to_vec())).send();
        let made = made.await.unwrap();
        let definition = made.task_definition().unwrap().task_definition_arn().unwrap();
        let served = LoadBalancer::builder().target_group_arn(self.arn(group)).container_name("web").container_port(80).build();
        let create = ecs.create_service().cluster(cluster).service_name(name).desired_count(0);
        create.load_balancers(served).task_definition(definition).send().await.unwrap();
    }
}

impl Run {
    /// Whether it ended with this code, and all of these words are on standard error.
    #[track_caller]
    pub fn ended(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:#?}");
        }
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// The digits that stand for an id in a tag key.
pub fn digest(id: &str) -> String {
    Sha256::digest(id).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A text with `TIME` for every time but the one that tests write themselves.
fn untimed(text: &str) -> String {
    let shape = "0000-00-00T00:00:00";
    let like = |piece: &str| piece.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).eq(shape.chars());
    let mut told = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let time = rest.get(..shape.len()).filter(|piece| like(piece) && *piece != &FIXED[..shape.len()]);
        let end = time.and_then(|_| rest.find('Z')).map(|end| end + 1);
        told.push_str(if end.is_some() { "TIME" } else { &rest[..next.len_utf8()] });
        rest = &rest[end.unwrap_or(next.len_utf8())..];
    }
    told
}

/// A pair that nobody serves: enough where only the API matters.
pub fn idle_pair(name: &str) -> Pair {
    Pair::new(name).targets(0, 0)
}
