//! Deliveries at once, two and ten: the state is never split for good, and it is the one that the last flip tells.

use std::time::{Duration, Instant};

use local_aws::gateway::{At, Call, Pause};
use local_aws::jobs::JobState;
use local_aws::lambda::Lambda;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::faults::arena::{ANSWERED, Arena, Balancer};
use crate::faults::outcome::Answer;
use crate::faults::run::PATIENT;

fn rounds() -> usize {
    if std::env::var_os("LONG").is_some() { 1000 } else { 50 }
}

/// A job that was asked for at the same time as others, and how it ended.
#[derive(Debug)]
struct Told {
    job: String,
    answer: Answer,
    /// The group that it made live, where it says so.
    made_live: Option<String>,
    /// When it looked at the rules the last time.
    looked: Option<Instant>,
}

impl Told {
    fn of(arena: &Arena, job: &str, calls: &[Call]) -> Self {
        let state = arena.world.jobs.state(job).unwrap();
        let made_live = match &state {
            JobState::Succeeded { output_variables: told, .. } if told["Changed"] == "true" => {
                Some(format!("a-{}", told["Live"].to_lowercase()))
            }
            _ => None,
        };
        let answered = |call: &&Call| call.resource.as_deref() == Some(job) && call.status == Some(200);
        let looked = calls.iter().find(answered).and_then(|answer| {
            let look = |call: &&Call| call.action == "DescribeRules" && call.caller.principal == answer.caller.principal;
            calls[..answer.number].iter().rfind(look).map(|look| look.arrived)
        });
        Self { job: job.to_owned(), answer: Answer::of_job(&state), made_live, looked }
    }
}

/// What came of many rounds.
#[derive(Debug, Default)]
struct Tally {
    succeeded: usize,
    failed: usize,
    /// Late copies of jobs that moved traffic all the same, since the job's note was lost.
    late_moves: usize,
    late_moves_of_failed: usize,
}

/// Several processes at once, each with a job.
struct Crowd {
    arena: Arena,
    lambdas: Vec<Lambda>,
    tally: Tally,
}

impl Crowd {
    async fn of(number: usize) -> Self {
        let arena = Arena::new(Balancer::OnePair).await;
        let lambda = || arena.world.lambda_with(PATIENT, [("CALL_TIMEOUT_MS", ANSWERED)]).unwrap();
        Self { lambdas: (0..number).map(|_| lambda()).collect(), arena, tally: Tally::default() }
    }

    /// Delivers the events of these jobs at once, each to a process of its own.
    async fn deliver(&self, jobs: &[String]) {
        let deliveries = self.lambdas.iter().zip(jobs).map(|(lambda, job)| {
            let event = self.arena.world.jobs.event(job).to_string();
            async move { lambda.deliver(event.as_bytes()).await.unwrap() }
        });
        futures::future::join_all(deliveries).await;
        self.arena.world.gateway.idle().await;
    }

    /// A job each at once. Afterwards the rules are whole, and as the flip says that looked at them last.
    async fn at_once(&mut self, parameters: impl Fn(usize) -> Value) -> Vec<Told> {
        self.arena.reset().await;
        let jobs = &self.arena.world.jobs;
        let jobs: Vec<String> = (0..self.lambdas.len()).map(|number| jobs.create_job(&parameters(number).to_string())).collect();
        self.deliver(&jobs).await;
        let calls = self.arena.world.gateway.calls();
        let told: Vec<Told> = jobs.iter().map(|job| Told::of(&self.arena, job, &calls)).collect();
        let live = self.arena.live().await;
        assert!(live.is_some(), "split: {told:#?}\n{}\n{}", self.rules().await, story(&calls));
        assert!(told.iter().all(|told| told.answer != Answer::Silence), "{told:#?}");
        let last = told.iter().filter(|told| told.made_live.is_some()).max_by_key(|told| told.looked);
        if let Some(last) = last {
            assert_eq!(live, last.made_live, "the last flip that was made is {last:#?} of {told:#?}\n{}", story(&calls));
        }
        for told in &told {
            match told.answer {
                Answer::Succeeded => self.tally.succeeded += 1,
                _ => self.tally.failed += 1,
            }
        }
        told
    }

    async fn rules(&self) -> String {
        self.arena.rule_states().await.iter().map(|rule| format!("{rule}\n")).collect()
    }

    /// A late copy of each, to a process that has not seen it. That of a job that failed changes nothing while its note
    /// stands. Notes get lost: tags know no compare-and-set, so of two processes that write `bluegreen:past` at the same
    /// moment one writes over the other's, and ten jobs write more notes than it holds. Then a late copy counts as a new
    /// request, as the README says; these are counted.
    async fn late_copies(&mut self, told: &[Told]) {
        for (number, told) in told.iter().enumerate() {
            let before = self.arena.rule_states().await;
            let noted = self.is_noted_as_over(&told.job).await;
            let other = &self.lambdas[(number + 1) % self.lambdas.len()];
            other.deliver(self.arena.world.jobs.event(&told.job).to_string().as_bytes()).await.unwrap();
            let after = self.arena.rule_states().await;
            assert!(self.arena.live().await.is_some(), "a late copy of {told:#?} split the rules: {after:#?}");
            if before != after {
                assert!(!noted, "a late copy of {told:#?} moved traffic, although it is noted that the job is over");
                match told.answer {
                    Answer::Succeeded => self.tally.late_moves += 1,
                    _ => self.tally.late_moves_of_failed += 1,
                }
            }
        }
    }

    /// Whether the journal says that this job ended without a flip.
    async fn is_noted_as_over(&self, job: &str) -> bool {
        let digest: String = Sha256::digest(format!("{job}@over")).iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        self.arena.tags().await.iter().any(|(key, value)| key == "bluegreen:past" && value.contains(&digest))
    }
}

/// Who wrote what, and when: what one wants to know of a round that ended wrong.
fn story(calls: &[Call]) -> String {
    let since = |when: Instant| calls.first().map_or_else(Duration::default, |first| when - first.arrived).as_micros();
    let line = |call: &Call| {
        let answered = call.answered.map_or_else(|| "never".to_owned(), |when| since(when).to_string());
        let (who, what) = (&call.caller.principal, call.resource.as_deref().unwrap_or_default());
        format!("{:>8} to {answered:>8} us, {who}: {} {what}\n", since(call.arrived), call.action)
    };
    calls.iter().map(line).collect()
}

/// Rounds of two and rounds of ten, with late copies of each job.
async fn play(parameters: fn(usize, usize) -> Value) {
    for number in [2, 10] {
        let mut crowd = Crowd::of(number).await;
        for round in 0..rounds() {
            let told = crowd.at_once(|number| parameters(round, number)).await;
            crowd.late_copies(&told).await;
        }
        println!("{} rounds of {number} at once: {:?}", rounds(), crowd.tally);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_delivered_twice_or_ten_times_at_once_is_one_flip() {
    for number in [2, 10] {
        let mut crowd = Crowd::of(number).await;
        for round in 0..rounds() {
            crowd.arena.reset().await;
            let parameters = json!({ "ElbName": "shop", "Execution": format!("round-{round}") });
            let job = crowd.arena.world.jobs.create_job(&parameters.to_string());
            crowd.deliver(&vec![job.clone(); number]).await;
            let flipped = async |when: &str| {
                assert_eq!(crowd.arena.live().await.as_deref(), Some("a-code2"), "round {round} of {number}, {when}");
            };
            flipped("at once").await;
            assert_eq!(Answer::of_job(&crowd.arena.world.jobs.state(&job).unwrap()), Answer::Succeeded, "round {round}");
            assert_eq!(crowd.arena.world.jobs.accepted(&job), 1);
            crowd.deliver(&[job]).await;
            flipped("a late copy").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opposite_flips_at_once_leave_live_what_the_last_one_made_live() {
    play(|round, number| {
        let promote = ["Code2", "Code1"][number % 2];
        json!({ "ElbName": "shop", "PromoteTo": promote, "Execution": format!("round-{round}-{number}") })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flips_at_once_that_name_no_group_keep_what_the_last_made_live() {
    play(|round, number| json!({ "ElbName": "shop", "Execution": format!("round-{round}-{number}") })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_while_its_execution_still_flips_is_the_same_flip() {
    for number in [2, 10] {
        let mut crowd = Crowd::of(number).await;
        for round in 0..rounds() {
            let told = crowd.at_once(|_| json!({ "ElbName": "shop", "Execution": format!("round-{round}") })).await;
            assert!(told.iter().all(|told| told.answer == Answer::Succeeded), "round {round}: {told:#?}");
            assert_eq!(crowd.arena.live().await.as_deref(), Some("a-code2"), "round {round}");
            crowd.late_copies(&told).await;
            assert_eq!(crowd.tally.late_moves, 0, "round {round}");
        }
    }
}

/// The second flip reads when the first has written the live rules and not yet the test rules: what it finds on the test
/// port is what it wants there, and it does not write it. The first writes it afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_flip_that_reads_between_anothers_writes_splits_no_rules() {
    let mut crowd = Crowd::of(2).await;
    crowd.arena.reset().await;
    let flip = |number: usize, promote: &str| {
        let parameters = json!({ "ElbName": "shop", "PromoteTo": promote, "Execution": promote });
        let job = crowd.arena.world.jobs.create_job(&parameters.to_string());
        let (lambda, event) = (crowd.lambdas[number].clone(), crowd.arena.world.jobs.event(&job).to_string());
        tokio::spawn(async move { lambda.deliver(event.as_bytes()).await.unwrap() })
    };
    let stops = |number: usize| {
        ["ModifyListener", "ModifyRule"].map(|action| crowd.arena.world.gateway.pause_at(At::Action(action.to_owned(), number)))
    };
    let reached = async |stops: &[Pause]| {
        for stop in stops {
            stop.reached().await;
        }
    };
    let (test_rules_of_first, live_rules_of_second) = (stops(2), stops(3));
    let first = flip(0, "Code2");
    reached(&test_rules_of_first).await;
    let mut second = flip(1, "Code1");
    // The second flip may also do without these writes.
    tokio::select! {
        _ = &mut second => {}
        () = reached(&live_rules_of_second) => {}
    }
    drop(test_rules_of_first);
    first.await.unwrap();
    drop(live_rules_of_second);
    if !second.is_finished() {
        second.await.unwrap();
    }
    let story = story(&crowd.arena.world.gateway.calls());
    assert!(crowd.arena.live().await.is_some(), "split:\n{}\n{story}", crowd.rules().await);
}
