//! What every test of the function begins with.

use std::collections::BTreeMap;
use std::time::Duration;

use local_aws::jobs::JobState;
use local_aws::lambda::{Invocation, Lambda};
use local_aws::world::{Created, LoadBalancerSpec, World, WorldOptions};
use serde_json::{Value, json};

/// The function's time-out: only a failure takes so long.
const LONG: Duration = Duration::from_secs(300);

/// A world with one load balancer and the function.
pub struct Stage {
    pub world: World,
    pub lambda: Lambda,
    pub balancer: Created,
}

impl Stage {
    /// A load balancer `shop` with one pair, whose default actions forward to it.
    pub async fn new() -> Self {
        Self::with(|spec| spec).await
    }

    /// A load balancer `shop` as the test wants it.
    pub async fn with(spec: impl for<'a> FnOnce(LoadBalancerSpec<'a>) -> LoadBalancerSpec<'a>) -> Self {
        let world = World::start(WorldOptions::default()).await.unwrap();
        let balancer = spec(world.load_balancer("shop")).create().await.unwrap();
        let lambda = world.lambda_with(LONG, [("CALL_TIMEOUT_MS", "30000"), ("WAIT_SECONDS", "0")]).unwrap();
        Self { world, lambda, balancer }
    }

    /// Runs a job with these parameters to its end.
    pub async fn job(&self, parameters: Value) -> Ended {
        self.job_with_text(&parameters.to_string()).await
    }

    /// Runs a job with UserParameters that may be anything.
    pub async fn job_with_text(&self, parameters: &str) -> Ended {
        let id = self.world.jobs.create_job(parameters);
        self.deliver(&id).await
    }

    /// Delivers a job's event until the function takes it.
    pub async fn deliver(&self, id: &str) -> Ended {
        let event = self.world.jobs.event(id).to_string();
        let deliveries = self.lambda.deliver(event.as_bytes()).await.unwrap();
        let state = self.world.jobs.state(id).unwrap();
        Ended { id: id.to_owned(), state, deliveries }
    }

    /// The version that a listener's port answers with.
    pub async fn version(&self, port: u16) -> String {
        let address = self.world.load_balancer.address("shop", port).unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request =
            hyper::Request::get("/version").header("host", "shop").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        answer.headers()["x-version"].to_str().unwrap().to_owned()
    }

    /// The versions of the live and of the test port.
    pub async fn versions(&self) -> (String, String) {
        (self.version(80).await, self.version(8080).await)
    }

    /// Whether a group carries records of flips.
    pub async fn has_records(&self, group: &str) -> bool {
        let arn = self.balancer.group(group).unwrap();
        let answer = self.world.elb().describe_tags().resource_arns(arn).send().await.unwrap();
        answer.tag_descriptions()[0].tags().iter().any(|tag| tag.key().is_some_and(|key| key.starts_with("bluegreen:flip.")))
    }

    /// One tag of a group.
    pub async fn tag(&self, group: &str, key: &str) -> Option<String> {
        let arn = self.balancer.group(group).unwrap();
        let answer = self.world.elb().describe_tags().resource_arns(arn).send().await.unwrap();
        let tags = answer.tag_descriptions()[0].tags();
        tags.iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value()).map(str::to_owned)
    }

    /// Puts one tag on a group.
    pub async fn set_tag(&self, group: &str, key: &str, value: &str) {
        let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder().key(key).value(value).build();
        let arn = self.balancer.group(group).unwrap();
        self.world.elb().add_tags().resource_arns(arn).tags(tag).send().await.unwrap();
    }

    /// Makes the default action of a listener forward with these weights.
    pub async fn set_default(&self, port: i32, weights: &[(&str, i32)]) {
        use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple};
        let groups = weights.iter().map(|(group, weight)| {
            TargetGroupTuple::builder().target_group_arn(self.balancer.group(group).unwrap()).weight(*weight).build()
        });
        let forward = ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).build();
        let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
        let listener = &self.balancer.listeners[&port];
        self.world.elb().modify_listener().listener_arn(listener).default_actions(action).send().await.unwrap();
    }
}

/// How a job ended.
#[derive(Debug)]
pub struct Ended {
    pub id: String,
    pub state: JobState,
    pub deliveries: Vec<Invocation>,
}

impl Ended {
    /// The summary and the output variables of a job that succeeded.
    pub fn succeeded(&self) -> (String, BTreeMap<String, String>) {
        match &self.state {
            JobState::Succeeded { summary, output_variables, .. } => (summary.clone().unwrap(), output_variables.clone()),
            other => panic!("expected success, found {other:?}\n{:#?}", self.deliveries),
        }
    }

    /// The failure type and message of a job that failed.
    pub fn failed(&self) -> (&str, &str) {
        match &self.state {
            JobState::Failed { r#type, message, .. } => (r#type, message),
            other => panic!("expected a failure, found {other:?}\n{:#?}", self.deliveries),
        }
    }
}

/// Parameters for the load balancer `shop`, with more.
pub fn shop(more: Value) -> Value {
    let mut parameters = json!({ "ElbName": "shop" });
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parameters
}

/// A snapshot without the records, which every flip writes.
pub fn rules_only(snapshot: &str) -> String {
    let mut lines = snapshot.lines();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        if line.contains("<Key>bluegreen:") {
            // Its value, which takes two lines where it is empty.
            lines.by_ref().find(|line| line.contains("</Value>"));
        } else {
            kept.push(line);
        }
    }
    kept.join("\n").replace("      <member>\n      </member>\n", "")
}
