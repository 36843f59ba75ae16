//! Every fault that stays for good, at every call after the first write of a rule: the job is failed and its message
//! tells each rule's state, or everything took effect; and what the message says comes true.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use local_aws::gateway::{At, Call, Fault, FaultKind, Lasts};
use tokio::sync::Mutex;

use crate::faults::arena::{Arena, Asked, Balancer};
use crate::faults::outcome::{Answer, Ended, is_write};
use crate::faults::rules::{RuleState, Traffic, traffic};
use crate::faults::run::{PATIENT, is_waited_out};

/// Most of the time a run waits for the function's time to end.
const WORLDS: usize = 12;
/// What a function has at first that waits a fault out, reads the rules once more and answers, in each delivery.
const HASTY: Duration = Duration::from_secs(6);

/// A fault that begins with the n-th call of an action, and breaks that action from then on.
#[derive(Clone, Debug)]
struct Case {
    action: String,
    number: usize,
    kind: FaultKind,
}

impl Case {
    async fn run(&self, arena: &mut Arena) -> Ended {
        let at = At::Action(self.action.clone(), self.number);
        let fault = Fault { at, kind: self.kind, lasts: Lasts::ForGood };
        let limit = if is_waited_out(&fault) { HASTY } else { PATIENT };
        arena.run_within(Asked::Job, &[fault], limit, Ended::is_cut_short).await
    }

    fn is_read(&self) -> bool {
        self.action.starts_with("Describe")
    }
}

/// The calls after the first write of a rule, but for the answer: without that nothing can be told.
fn cases(calls: &[Call]) -> Vec<Case> {
    let after = calls.iter().skip_while(|call| !call.action.starts_with("Modify")).skip(1);
    let after: Vec<&Call> = after.filter(|call| !call.action.starts_with("PutJob")).collect();
    let kinds = FaultKind::ALL.into_iter().filter(|kind| !matches!(kind, FaultKind::KillBefore | FaultKind::KillAfter));
    let case = |(call, kind): (&&Call, FaultKind)| Case { action: call.action.clone(), number: call.of_action, kind };
    kinds.flat_map(|kind| after.iter().map(move |call| (call, kind))).map(case).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_broken_halfway_fails_with_each_rule_and_a_true_fix() {
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let mut worlds: Vec<Arena> = worlds.collect().await;
    let cases = cases(&worlds[0].run(Asked::Job, &[]).await.calls);
    let number = cases.len();
    let cases = Arc::new(Mutex::new(cases));
    let runs = worlds.into_iter().map(|mut arena| {
        let cases = Arc::clone(&cases);
        tokio::spawn(async move {
            let (mut wrong, mut failed) = (Vec::new(), 0);
            loop {
                let Some(case) = cases.lock().await.pop() else { return (wrong, failed) };
                let ended = case.run(&mut arena).await;
                failed += usize::from(matches!(ended.answer, Answer::Failed(..)));
                wrong.extend(fault_of(&case, &ended).map(|what| format!("{case:?}: {what}")));
            }
        })
    });
    let (mut wrong, mut failed): (Vec<String>, usize) = Default::default();
    for run in runs.collect::<Vec<_>>() {
        let (faults, jobs) = run.await.unwrap();
        wrong.extend(faults);
        failed += jobs;
    }
    println!("{number} faults that stay: {failed} jobs failed, the others were made");
    assert!(wrong.is_empty(), "{} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn fault_of(case: &Case, ended: &Ended) -> Option<String> {
    if !ended.hit || ended.accepted != 1 {
        return Some(format!("struck: {}; results accepted: {}", ended.hit, ended.accepted));
    }
    let (r#type, message) = match &ended.answer {
        Answer::Failed(r#type, message) => (r#type, message),
        // Every write was acknowledged, or took effect without an answer: then the flip was made.
        Answer::Succeeded if case.is_read() || case.kind.takes_effect() => return ended.fault(),
        // So it was where only labels could not be written: they decide nothing, and whoever comes next writes them.
        Answer::Succeeded if case.action == "AddTags" => return fault_of_rules(ended, Traffic::Flipped),
        answer => return Some(format!("{answer:?}, {:?}", ended.traffic())),
    };
    let expected = if case.kind == FaultKind::AccessDenied { "PermissionError" } else { "SystemUnavailable" };
    if r#type != expected {
        return Some(format!("{type}, expected {expected}: {message}"));
    }
    // Where nothing could be read, how the rules are is not known.
    let missing = told(&ended.rules).into_iter().find(|state| !message.contains(state));
    if let Some(missing) = missing.filter(|_| !message.contains("could not be read again")) {
        return Some(format!("{missing:?} is not in {message:?}"));
    }
    // What was undone stays so; what is in progress is finished, or undone, by whoever comes next.
    let promised: &[Traffic] = match message {
        _ if message.contains("The flip was undone") => &[Traffic::Before],
        _ if message.contains("Press Retry: it finishes the flip, or undoes it") => &[Traffic::Before, Traffic::Flipped],
        _ => return Some(format!("nothing is said of what comes next: {message:?}")),
    };
    let became = ended.further.iter().map(|further| traffic(&further.rules)).find(|became| !promised.contains(became));
    let became = became.map(|became| format!("{became:?} after a further delivery, but said was {message:?}"));
    became.or(ended.fault_of_requests())
}

/// What is wrong with where the traffic is after further deliveries, or with how it was served meanwhile.
fn fault_of_rules(ended: &Ended, promised: Traffic) -> Option<String> {
    let became = ended.further.iter().map(|further| traffic(&further.rules)).find(|became| *became != promised);
    became.map(|became| format!("{became:?} after a further delivery")).or(ended.fault_of_requests())
}

/// Each rule's state in the words of a message.
fn told(rules: &[RuleState]) -> Vec<String> {
    let weights = |rule: &RuleState| format!("Code1 {}, Code2 {}", rule.weights[0].1, rule.weights[1].1);
    let mut told = Vec::new();
    for port in [80, 8080] {
        let rules: Vec<&RuleState> = rules.iter().filter(|rule| rule.port == port).collect();
        if rules.iter().all(|rule| rule.weights == rules[0].weights) {
            told.push(format!("port {port}, default action and rule 10 forward to {}", weights(rules[0])));
            continue;
        }
        told.extend(rules.iter().map(|rule| match rule.priority.as_str() {
            "default" => format!("port {port}, default action forwards to {}", weights(rule)),
            _ => format!("port {port}, rule 10 (path-pattern /api/*) forwards to {}", weights(rule)),
        }));
    }
    told
}

#[tokio::test]
async fn a_job_that_codepipeline_does_not_know_counts_as_answered() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    arena.reset().await;
    let job = arena.world.jobs.create_job(&arena.parameters(Asked::Job).to_string());
    let event = arena.world.jobs.event(&job).to_string().replace(&job, "00000000-0000-4000-8000-000000000000");
    for writes in [true, false] {
        arena.world.gateway.reset_calls();
        let deliveries = arena.lambda.deliver(event.as_bytes()).await.unwrap();
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        let calls = arena.world.gateway.calls();
        let answer = calls.last().unwrap();
        assert_eq!((answer.action.as_str(), answer.status), ("PutJobSuccessResult", Some(400)), "{calls:#?}");
        assert_eq!(calls.iter().any(is_write), writes, "{calls:#?}");
        assert_eq!(arena.live().await.as_deref(), Some("a-code2"));
    }
}
