//! The function: a cold flip by a new process, then a warm one back, again and again.

use std::time::{Duration, Instant};

use local_aws::gateway::{Call, TlsFront};
use local_aws::lambda::Lambda;
use local_aws::world::{Created, Pair, Rule, World, WorldOptions, path};
use serde_json::json;

use crate::figures::Figures;
use crate::held::Held;
use crate::process::{cpu, memory};
use crate::scenarios::{self, Scenario};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A world that flips are made in.
struct Stage {
    world: World,
    front: TlsFront,
    balancer: Created,
    pairs: usize,
}

/// One flip.
struct Flip {
    /// CPU, in milliseconds.
    cpu: f64,
    /// Resident so far, in MB.
    memory: f64,
    /// Up to the answer. What is tidied up after it keeps nobody waiting.
    calls: usize,
    connections: usize,
    /// Round trips in a row until the last live rule was written, and until the job was answered.
    trips: (usize, usize),
    /// The same in milliseconds.
    times: (f64, f64),
}

/// A process from its start on.
struct Run {
    start: f64,
    start_cpu: f64,
    cold: Flip,
    warm: Flip,
}

/// Measures the flips of one pair and of several.
pub async fn measure(figures: &mut Figures, quick: bool) {
    for pairs in if quick { vec![1, 20] } else { vec![1, 5, 20] } {
        let stage = Stage::new(pairs).await;
        for scenario in scenarios::of(pairs, quick) {
            eprintln!("  {scenario}");
            let held = scenario.held.map(Held::new);
            if matches!(held, Some(None)) {
                println!("Not measured: {scenario}: this machine does not let control groups be made");
                continue;
            }
            let repeats = if quick || pairs > 1 { 3 } else { 11 };
            let lambda = stage.function(scenario);
            stage.world.gateway.set_distance(Duration::from_millis(scenario.distance));
            let mut runs = Vec::new();
            for number in 0..repeats {
                runs.push(stage.run(&lambda, held.iter().flatten().next(), &format!("{scenario} {number}")).await);
            }
            // Before its group is removed.
            lambda.retire().await;
            report(figures, scenario, &runs);
        }
    }
}

impl Stage {
    async fn new(pairs: usize) -> Self {
        let world = World::start(WorldOptions::default()).await.unwrap();
        let spec = (0..pairs).fold(world.load_balancer("shop"), |spec, number| {
            let (name, pattern) = (format!("s{number}"), format!("/{number}/*"));
            spec.pair(Pair::new(&name)).rule(Rule::new(i32::try_from(number).unwrap() + 1, &name, [path(&pattern)]))
        });
        let balancer = spec.create().await.unwrap();
        let front = world.gateway.behind_tls().await.unwrap();
        Self { world, front, balancer, pairs }
    }

    fn function(&self, scenario: Scenario) -> Lambda {
        let endpoint = if scenario.tls { self.front.endpoint() } else { self.world.endpoint() };
        let trusted = self.front.trusted().to_str().unwrap();
        let known = if scenario.known { "shop" } else { "" };
        let settings = [("AWS_ENDPOINT_URL", endpoint.as_str()), ("SSL_CERT_FILE", trusted), ("ELB_NAME", known)];
        self.world.lambda_with(TIMEOUT, settings).unwrap()
    }

    /// A new process, a flip, and one back.
    async fn run(&self, lambda: &Lambda, held: Option<&Held>, execution: &str) -> Run {
        lambda.retire().await;
        let start = lambda.start().await.unwrap().unwrap();
        let id = lambda.process_id().unwrap();
        let start_cpu = milliseconds(cpu(id));
        // What Lambda gives to Init is not held.
        if let Some(held) = held {
            held.hold(id);
        }
        let cold = self.flip(lambda, id, 2, &format!("{execution} cold")).await;
        let warm = self.flip(lambda, id, 1, &format!("{execution} warm")).await;
        Run { start: milliseconds(start), start_cpu, cold, warm }
    }

    /// One flip, to the groups of one side.
    async fn flip(&self, lambda: &Lambda, id: i32, side: usize, execution: &str) -> Flip {
        let gateway = &self.world.gateway;
        let groups: Vec<String> = (0..self.pairs).map(|number| format!("s{number}-code{side}")).collect();
        let execution = execution.replace([',', ' '], "-");
        let asked = json!({ "ElbName": "shop", "PromoteTo": groups.join(","), "Execution": execution }).to_string();
        let job = self.world.jobs.create_job(&asked);
        let event = self.world.jobs.event(&job).to_string();
        gateway.reset_calls();
        let (opened, used, began) = (gateway.connections(), cpu(id), Instant::now());
        let ended = lambda.deliver_once(&job, event.as_bytes()).await.unwrap();
        let used = cpu(id) - used;
        let mut calls = gateway.calls();
        let answer = calls.iter().position(|call| call.action == "PutJobSuccessResult");
        calls.truncate(1 + answer.unwrap_or_else(|| panic!("{ended:#?}")));
        let answer = &calls[calls.len() - 1];
        let live = calls.iter().filter(|call| self.is_live(call)).max_by_key(|call| call.answered).unwrap();
        let time = |call: &Call| milliseconds(call.answered.unwrap() - began);
        let mut connections: Vec<usize> = calls.iter().map(|call| call.connection).collect();
        connections.sort_unstable();
        connections.dedup();
        Flip {
            cpu: milliseconds(used),
            memory: memory(id),
            calls: calls.len(),
            connections: connections.iter().filter(|number| **number > opened).count(),
            trips: (live.depth, answer.depth),
            times: (time(live), time(answer)),
        }
    }

    /// Whether a call writes a rule of the live port.
    fn is_live(&self, call: &Call) -> bool {
        let mut rules = self.balancer.rules.iter().filter(|((port, _), _)| *port == 80).map(|(_, arn)| arn);
        let listener = &self.balancer.listeners[&80];
        call.action.starts_with("Modify")
            && call.resource.as_ref().is_some_and(|arn| arn == listener || rules.any(|rule| rule == arn))
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn report(figures: &mut Figures, scenario: Scenario, runs: &[Run]) {
    let plain = scenario.pairs == 1 && scenario.held.is_none();
    let here = |named: bool, goal: f64| (plain && named).then_some(goal);
    let mut row = |what: &str, unit, value: &dyn Fn(&Run) -> f64, goal| {
        figures.measured(&format!("{scenario}: {what}"), unit, runs.iter().map(value), goal);
    };
    let near = plain && scenario.distance == 0;
    if near {
        row("process start to ready", "ms", &|run| run.start, None);
        row("CPU until ready", "ms", &|run| run.start_cpu, None);
        row("CPU of the cold flip", "ms", &|run| run.cold.cpu, None);
        row("CPU of both", "ms", &|run| run.start_cpu + run.cold.cpu, Some(if scenario.tls { 60.0 } else { 10.0 }));
        row("CPU of a warm flip", "ms", &|run| run.warm.cpu, None);
        row("memory, cold", "MB", &|run| run.cold.memory, None);
        row("memory, warm", "MB", &|run| run.warm.memory, None);
    }
    row("live after", "ms", &|run| run.cold.times.0, None);
    row("answered after", "ms", &|run| run.cold.times.1, None);
    row("answered after, warm", "ms", &|run| run.warm.times.1, None);
    if scenario.distance > 0 {
        let trip = scenario.distance as f64;
        let goal = |goal| here(!scenario.known && !scenario.tls, goal);
        row("live after, in round-trip times", "", &|run| run.cold.times.0 / trip, goal(9.0));
        row("answered after, in round-trip times", "", &|run| run.cold.times.1 / trip, goal(13.0));
    }
    if !scenario.tls && scenario.held.is_none() && scenario.distance > 0 {
        let (live, answered, calls) = if scenario.known { (3.0, 7.0, 16.0) } else { (5.0, 9.0, 21.0) };
        let goal = |goal| (scenario.pairs == 1).then_some(goal);
        // A busy machine can make a call that goes beside others look as if it went after them: the least is what it is.
        let mut least = |what: &str, value: &dyn Fn(&Run) -> usize, goal| {
            let value = runs.iter().map(value).min().unwrap_or_default();
            figures.exact(&format!("{scenario}: {what}"), "", value as f64, goal);
        };
        least("round trips until live", &|run| run.cold.trips.0, goal(live));
        least("round trips until answered", &|run| run.cold.trips.1, goal(answered));
        least("calls", &|run| run.cold.calls, goal(calls));
        least("calls, warm", &|run| run.warm.calls, None);
        least("new connections, cold", &|run| run.cold.connections, None);
        least("new connections, warm", &|run| run.warm.connections, None);
    }
}
