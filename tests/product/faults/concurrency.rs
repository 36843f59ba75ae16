//! Deliveries at once, two and ten: the rules are never split for good, they are as the newest record says, whose job
//! succeeded, and no request is forgotten: a late copy of each moves nothing.

use std::time::{Duration, Instant};

use blue_green::release::id::Digest;
use blue_green::release::record::{Phase, Verdict};
use local_aws::gateway::{At, Call, Pause};
use local_aws::jobs::JobState;
use local_aws::lambda::Lambda;
use serde_json::{Value, json};

use crate::faults::arena::{ANSWERED, Arena, Balancer};
use crate::faults::outcome::Answer;
use crate::faults::run::PATIENT;
use crate::faults::seed::rounds;

/// How often so many are at once: of ten a fifth of the rounds of two.
fn often(number: usize) -> usize {
    if number == 2 { rounds(50, 1000) } else { rounds(50, 1000).div_ceil(5) }
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

    /// A job each at once. Afterwards the rules are whole, and as the newest record says; it was made, and its job succeeded.
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
        self.is_as_recorded(&told, &calls).await;
        for told in &told {
            match told.answer {
                Answer::Succeeded => self.tally.succeeded += 1,
                _ => self.tally.failed += 1,
            }
        }
        told
    }

    /// The newest record has the last word: its flip was made, one of its jobs succeeded, and its group is live. And every
    /// job is closed, as it was answered.
    async fn is_as_recorded(&self, told: &[Told], calls: &[Call]) {
        let journal = self.arena.journal().await;
        if let Some((on, flip)) = journal.newest() {
            let context = || format!("{flip:#?} of {journal:#?} of {told:#?}\n{}", story(calls));
            assert_eq!(flip.phase, Phase::Done, "{}", context());
            assert_eq!(self.arena.live().await.as_deref(), Some(["a-code1", "a-code2"][on as usize]), "{}", context());
            let succeeded = |told: &&Told| {
                let closing = journal.closing(&Digest::of(&told.job));
                told.answer == Answer::Succeeded && closing.is_some_and(|(_, closing)| closing.flip == flip.id)
            };
            assert!(told.iter().any(|told| succeeded(&told)), "{}", context());
        }
        for told in told {
            let succeeded = journal.verdict(&Digest::of(&told.job)).map(|verdict| verdict == Verdict::Succeeded);
            assert_eq!(succeeded, Some(told.answer == Answer::Succeeded), "{told:#?} of {journal:#?}\n{}", story(calls));
        }
    }

    async fn rules(&self) -> String {
        self.arena.rule_states().await.iter().map(|rule| format!("{rule}\n")).collect()
    }

    /// A late copy of each, to a process that has not seen it: it moves nothing.
    async fn late_copies(&self, told: &[Told]) {
        for (number, told) in told.iter().enumerate() {
            let before = self.arena.rule_states().await;
            let other = &self.lambdas[(number + 1) % self.lambdas.len()];
            other.deliver(self.arena.world.jobs.event(&told.job).to_string().as_bytes()).await.unwrap();
            assert_eq!(before, self.arena.rule_states().await, "a late copy of {told:#?} moved traffic");
        }
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
        for round in 0..often(number) {
            let told = crowd.at_once(|number| parameters(round, number)).await;
            crowd.late_copies(&told).await;
        }
        println!("{} rounds of {number} at once: {:?}", often(number), crowd.tally);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_delivered_twice_or_ten_times_at_once_is_one_flip() {
    for number in [2, 10] {
        let mut crowd = Crowd::of(number).await;
        for round in 0..often(number) {
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
async fn different_flips_at_once_to_the_same_group_all_succeed() {
    for number in [2, 10] {
        let mut crowd = Crowd::of(number).await;
        for round in 0..often(number) {
            let execution = |number: usize| format!("round-{round}-{number}");
            let told = crowd.at_once(|number| json!({ "ElbName": "shop", "PromoteTo": "Code2", "Execution": execution(number) }));
            let told = told.await;
            assert!(told.iter().all(|told| told.answer == Answer::Succeeded), "round {round}: {told:#?}");
            crowd.late_copies(&told).await;
        }
        println!("{} rounds of {number} at once: {:?}", often(number), crowd.tally);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flips_at_once_that_name_no_group_keep_what_the_last_made_live() {
    play(|round, number| json!({ "ElbName": "shop", "Execution": format!("round-{round}-{number}") })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_while_its_execution_still_flips_is_the_same_flip() {
    for number in [2, 10] {
        let mut crowd = Crowd::of(number).await;
        for round in 0..often(number) {
            let told = crowd.at_once(|_| json!({ "ElbName": "shop", "Execution": format!("round-{round}") })).await;
            assert!(told.iter().all(|told| told.answer == Answer::Succeeded), "round {round}: {told:#?}");
            assert_eq!(crowd.arena.live().await.as_deref(), Some("a-code2"), "round {round}");
            crowd.late_copies(&told).await;
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
