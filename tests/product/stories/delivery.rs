//! One delivery of a story: a process of its own, whose writes are held at the gateway until the story lets them pass.

use std::collections::VecDeque;
use std::time::Duration;

use histories::Rule;
use local_aws::gateway::{At, Fault, FaultKind, Gateway, Lasts, Pause};
use local_aws::lambda::{Invocation, Lambda};
use local_aws::world::{LAMBDA_POLICY, LAMBDA_ROLE, binary};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::faults::arena::Arena;

/// How often one looks whether something has happened.
const SOON: Duration = Duration::from_millis(1);
/// More writes of one kind than a delivery makes.
const MANY: usize = 8;
/// What a delivery has that is not to run out of time.
const PATIENT: Duration = Duration::from_secs(300);
/// What a delivery has that is: long enough for a busy machine to begin, and to answer when its time is up.
const HASTY: Duration = Duration::from_secs(20);

/// What is held, in the order in which a plan writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Tags,
    Rule(Rule),
}

/// What a delivery was seen to do, when it is over.
pub struct Over {
    /// `succeeded` or `failed`, as it answered; none where it did not.
    pub answer: Option<&'static str>,
    /// The rows that it went through.
    pub rows: Vec<String>,
}

/// A delivery at work.
pub struct Delivery {
    /// Its process's role, which no other delivery of the story has.
    role: &'static str,
    gateway: Gateway,
    lambda: Lambda,
    task: JoinHandle<Invocation>,
    held: Vec<(Gate, VecDeque<Pause>)>,
    /// Its next look, where that is held.
    looks: Vec<Pause>,
    passed: usize,
}

impl Delivery {
    /// Begins one whose writes are held, where they are.
    pub async fn begin(arena: &Arena, name: &str, event: Value, holds: bool, hasty: bool) -> Self {
        let (gateway, role) = (arena.world.gateway.clone(), &*name.to_owned().leak());
        arena.world.set_policies(role, &[LAMBDA_POLICY]).unwrap();
        let mut env = arena.world.env_as(role);
        env.extend([("CALL_TIMEOUT_MS", "60000"), ("WAIT_SECONDS", "0")].map(|(key, value)| (key.to_owned(), value.to_owned())));
        let principal = env["AWS_SESSION_TOKEN"].clone();
        let lambda = Lambda::new(&binary(LAMBDA_ROLE), env, if hasty { HASTY } else { PATIENT }).unwrap();
        gateway.on_kill(&principal, lambda.killer());
        let held = if holds { hold(arena, role).await } else { Vec::new() };
        let process = lambda.clone();
        let task = tokio::spawn(async move { process.invoke(event.to_string().as_bytes()).await.unwrap() });
        Self { role, gateway, lambda, task, held, looks: Vec::new(), passed: 0 }
    }

    /// Lets these calls of a story pass, and waits until they have taken effect. What it does next is held, its next look too.
    pub async fn pass(&mut self, gates: &[Gate]) -> Result<(), String> {
        self.looks.clear();
        for (number, gate) in gates.iter().enumerate() {
            self.reached(Some(*gate)).await?;
            if number + 1 == gates.len() {
                let look = |action| At::By { role: self.role, action: Some(action), resource: None };
                let reads = ["DescribeRules", "DescribeTags"].into_iter().flat_map(|action| [action; MANY]);
                self.looks = reads.map(|action| self.gateway.pause_at(look(action))).collect();
            }
            self.pass_one(*gate).await?;
        }
        Ok(())
    }

    /// Lets it look, where its next look is held.
    pub fn look(&mut self) {
        self.looks.clear();
    }

    async fn pass_one(&mut self, gate: Gate) -> Result<(), String> {
        for (_, pauses) in self.held.iter_mut().filter(|(held, _)| *held == gate) {
            let Some(pause) = pauses.pop_front() else { return Err(format!("{gate:?} is not held")) };
            while !pause.is_reached() {
                if self.task.is_finished() {
                    return Err(format!("it ended before {gate:?}"));
                }
                tokio::time::sleep(SOON).await;
            }
            pause.release();
            self.passed += 1;
        }
        let answered = || {
            let writes = ["AddTags", "ModifyListener", "ModifyRule"];
            let calls = self.gateway.calls();
            let own = calls.iter().filter(|call| call.caller.role == self.role && writes.contains(&call.action.as_str()));
            own.filter(|call| call.answered.is_some()).count()
        };
        while answered() < self.passed {
            tokio::time::sleep(SOON).await;
        }
        Ok(())
    }

    /// Waits until it is about to write: what these gates hold, or anything where none is named.
    pub async fn reached(&self, gate: Option<Gate>) -> Result<(), String> {
        let held = || self.held.iter().filter(|(held, _)| gate.is_none_or(|gate| *held == gate));
        while !held().any(|(_, pauses)| pauses.front().is_some_and(Pause::is_reached)) {
            if self.task.is_finished() {
                return Err("it ended before it wrote".to_owned());
            }
            tokio::time::sleep(SOON).await;
        }
        Ok(())
    }

    /// Lets it work to its end.
    pub async fn end(self) -> Over {
        drop((self.held, self.looks));
        over(&self.gateway, self.role, &self.task.await.unwrap())
    }

    /// Waits until it ends by itself; what it holds never takes effect.
    pub async fn end_held(mut self) -> Over {
        self.looks.clear();
        let invocation = (&mut self.task).await.unwrap();
        lose(&self.gateway, self.role);
        over(&self.gateway, self.role, &invocation)
    }

    /// Kills it; what it is about to write never takes effect.
    pub async fn kill(self) -> Over {
        lose(&self.gateway, self.role);
        self.end().await
    }

    /// Kills it; what it is about to write is still on its way.
    pub async fn kill_calling(mut self) -> (Self, Over) {
        self.lambda.kill();
        let invocation = (&mut self.task).await.unwrap();
        let over = over(&self.gateway, self.role, &invocation);
        self.task = tokio::spawn(std::future::pending());
        (self, over)
    }

    /// The late write of a dead one lands; what else it was about to write never does.
    pub async fn land(mut self, gate: Gate) -> Result<(), String> {
        self.pass_one(gate).await?;
        lose(&self.gateway, self.role);
        self.task.abort();
        Ok(())
    }
}

/// Holds every write of a role.
async fn hold(arena: &Arena, role: &'static str) -> Vec<(Gate, VecDeque<Pause>)> {
    let gateway = &arena.world.gateway;
    let many = |action, resource: Option<String>| {
        (0..MANY).map(|_| gateway.pause_at(At::By { role, action: Some(action), resource: resource.clone() })).collect()
    };
    let mut held = vec![(Gate::Tags, many("AddTags", None))];
    for rule in arena.rules().await {
        let (gate, listener) = (Gate::Rule(called(arena, &rule)), arena.listener_of(&rule).to_owned());
        held.push(match rule.is_default() {
            Some(true) => (gate, many("ModifyListener", Some(listener))),
            _ => (gate, many("ModifyRule", rule.rule_arn().map(str::to_owned))),
        });
    }
    held
}

/// Which rule of a story this is: the default action and rule 10 of the live port; both of the test port are one.
pub fn called(arena: &Arena, rule: &aws_sdk_elasticloadbalancingv2::types::Rule) -> Rule {
    match (arena.listener_of(rule) == arena.balancer.listeners[&80], rule.is_default()) {
        (true, Some(true)) => Rule::L1,
        (true, _) => Rule::L2,
        (false, _) => Rule::T,
    }
}

/// From now on no call of this role takes effect, and none is answered.
fn lose(gateway: &Gateway, role: &'static str) {
    let all = At::By { role, action: None, resource: None };
    gateway.inject(Fault { at: all, kind: FaultKind::KillBefore, lasts: Lasts::ForGood });
}

fn over(gateway: &Gateway, role: &str, invocation: &Invocation) -> Over {
    let calls = gateway.calls();
    let answer = calls.iter().rfind(|call| call.caller.role == role && call.action.starts_with("PutJob"));
    let answer = answer.map(|call| if call.action == "PutJobSuccessResult" { "succeeded" } else { "failed" });
    let decided = |line: &String| -> Option<String> {
        let line: Value = serde_json::from_str(line).ok()?;
        let decision = line["decision"].as_str()?;
        Some(decision.strip_prefix('R').unwrap_or(decision).to_owned())
    };
    Over { answer, rows: invocation.logs.iter().filter_map(decided).collect() }
}
