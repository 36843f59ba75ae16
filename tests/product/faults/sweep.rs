//! Every fault at every call of a flip and of a check: once, and for the rest of the invocation.

use std::sync::Arc;

use futures::StreamExt;
use local_aws::gateway::{At, Call, Fault, FaultKind, Lasts};
use tokio::sync::Mutex;

use crate::faults::arena::{Arena, Asked, Balancer};
use crate::faults::outcome::{Answer, Ended, is_write};
use crate::faults::rules::Traffic;
use crate::faults::table::Table;

/// How many worlds work side by side: most of the time a run waits for a time-out.
const WORLDS: usize = 6;

/// One run of a sweep.
#[derive(Clone, Debug)]
struct Case {
    at: At,
    kind: FaultKind,
    lasts: Lasts,
}

async fn sweep(balancer: Balancer, asked: Asked, fault_of: fn(&Ended) -> Option<String>) -> (Table, usize) {
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(balancer)).buffered(WORLDS);
    let mut worlds: Vec<Arena> = worlds.collect().await;
    let clean = worlds[0].run(asked, &[]).await;
    assert_eq!(fault_of(&clean), None, "{clean:#?}");
    let mut cases = Vec::new();
    for call in &clean.calls {
        for kind in FaultKind::ALL {
            // By its place among the calls of its action: calls that are made side by side arrive in any order, and by
            // their place among all a sweep might strike one twice and another never.
            cases.push(Case { at: At::Action(call.action.clone(), call.of_action), kind, lasts: Lasts::Once });
            // By its place among all: that call and every later one. After a kill there is no rest of the invocation.
            if !matches!(kind, FaultKind::KillBefore | FaultKind::KillAfter) {
                cases.push(Case { at: At::Call(call.number), kind, lasts: Lasts::Invocation });
            }
        }
    }
    // What only happens to tags: part of a call lands, or somebody else removes them.
    for call in clean.calls.iter().filter(|call| call.action == "AddTags") {
        let at = At::Action(call.action.clone(), call.of_action);
        // Where the records of one pair of three are gone, a late copy closes that pair anew: no rule moves, and that is right.
        let kinds = FaultKind::TAGS.into_iter().filter(|kind| balancer == Balancer::OnePair || *kind != FaultKind::TAGS[2]);
        cases.extend(kinds.map(|kind| Case { at: at.clone(), kind, lasts: Lasts::Once }));
    }
    let number = cases.len();
    let cases = Arc::new(Mutex::new(cases));
    let runs = worlds.into_iter().map(|mut arena| {
        let cases = Arc::clone(&cases);
        tokio::spawn(async move {
            let mut table = Table::default();
            let mut wrong = Vec::new();
            loop {
                let Some(case) = cases.lock().await.pop() else { return (table, wrong) };
                let fault = Fault { at: case.at.clone(), kind: case.kind, lasts: case.lasts };
                let ended = arena.run(asked, &[fault]).await;
                let struck = ended.calls.iter().find(|call| case.at.is(call));
                table.add(phase(struck, &ended.calls), case.kind, case.lasts, &ended);
                if let Some(what) = fault_of(&ended) {
                    wrong.push(format!("{case:?} at {:?}: {what}", struck.map(|call| (&call.action, &call.resource))));
                } else if !ended.hit {
                    wrong.push(format!("{case:?} never struck"));
                }
            }
        })
    });
    let runs: Vec<_> = runs.collect();
    let (mut table, mut wrong) = (Table::default(), Vec::new());
    for run in runs {
        let (part, faults) = run.await.unwrap();
        table.merge(part);
        wrong.extend(faults);
    }
    assert!(wrong.is_empty(), "{} of {number} runs ended wrong:\n{}", wrong.len(), wrong.join("\n"));
    (table, number)
}

/// Where in a flip a call stands.
fn phase(call: Option<&Call>, calls: &[Call]) -> &'static str {
    let Some(call) = call else { return "after the end" };
    let written = calls.iter().take(call.number - 1).any(|earlier| earlier.action.starts_with("Modify"));
    let port = |call: &Call| call.resource.clone().unwrap_or_default();
    match call.action.as_str() {
        action if action.starts_with("PutJob") => "answer",
        "AddTags" if !written => "record",
        "AddTags" => "closing",
        action if action.starts_with("Modify") => {
            let first = calls.iter().find(|call| call.action.starts_with("Modify")).map(port).unwrap_or_default();
            let listener = |arn: &str| arn.split('/').skip(2).take(3).map(str::to_owned).collect::<Vec<_>>();
            if listener(&first) == listener(&port(call)) { "live rules" } else { "test rules" }
        }
        _ if written => "second look",
        _ => "reading",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_call_of_a_job_ends_flipped_or_not_at_all() {
    let (table, number) = sweep(Balancer::OnePair, Asked::Job, Ended::fault).await;
    println!("{number} runs");
    table.compare_with_readme();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_call_of_a_direct_flip_ends_the_same_way() {
    sweep(Balancer::OnePair, Asked::Direct, Ended::fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_call_of_three_pairs_ends_in_all_or_none() {
    sweep(Balancer::ThreePairs, Asked::Job, Ended::fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_call_of_a_check_moves_nothing_and_answers() {
    sweep(Balancer::OnePair, Asked::Check, |ended| {
        if ended.traffic() != Traffic::Before {
            return Some(format!("traffic {:?}", ended.traffic()));
        }
        if ended.answer == Answer::Silence {
            return Some("no answer".to_owned());
        }
        if ended.calls.iter().any(|call| is_write(call) && call.action != "AddTags") {
            return Some("a rule was written".to_owned());
        }
        ended.fault_besides_traffic()
    })
    .await;
}
