//! Two faults in one flip: kills, lost answers and denials, drawn with a seed; every pair with LONG=1.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use tokio::sync::Mutex;

use crate::faults::arena::{Arena, Asked, Balancer};
use crate::faults::seed::{random, rounds, shuffle};

/// Kills, lost answers and denials.
const KINDS: [FaultKind; 6] = [
    FaultKind::KillBefore,
    FaultKind::KillAfter,
    FaultKind::ResetBefore,
    FaultKind::ResetAfter,
    FaultKind::CutAnswer,
    FaultKind::AccessDenied,
];
const WORLDS: usize = 4;
/// How many pairs are drawn of which both faults struck: where the first fault ends the flip, the second has no call.
const STRUCK: usize = 200;
/// The second fault may strike in the redelivery.
const CALLS: usize = 46;

#[tokio::test(flavor = "multi_thread")]
async fn two_faults_in_one_flip_end_flipped_or_not_at_all() {
    let mut pairs = Vec::new();
    for first in 1..=CALLS / 2 {
        for second in first + 1..=CALLS {
            pairs.extend(KINDS.iter().flat_map(|one| KINDS.iter().map(move |other| [(first, *one), (second, *other)])));
        }
    }
    shuffle(&mut pairs, &mut random());
    let all = pairs.len();
    let wanted = rounds(STRUCK, all);
    play(pairs, wanted).await;
}

/// IAM takes changes over with a delay: a second denial, a moment after the first, is no reason to leave rules split.
#[tokio::test(flavor = "multi_thread")]
async fn two_denials_around_the_second_look_are_waited_out() {
    const DENIED: FaultKind = FaultKind::AccessDenied;
    let seconds = |first| (first + 1..=23).map(move |second| [(first, DENIED), (second, DENIED)]);
    play((13..=20).flat_map(seconds).collect(), usize::MAX).await;
}

/// Plays pairs until so many have struck.
async fn play(pairs: Vec<[(usize, FaultKind); 2]>, wanted: usize) {
    let all = pairs.len();
    let pairs = Arc::new(Mutex::new(pairs));
    let struck = Arc::new(AtomicUsize::new(0));
    let worlds = futures::stream::iter(0..WORLDS).map(|_| Arena::new(Balancer::OnePair)).buffered(WORLDS);
    let worlds: Vec<Arena> = worlds.collect().await;
    let runs = worlds.into_iter().map(|mut arena| {
        let (pairs, struck) = (Arc::clone(&pairs), Arc::clone(&struck));
        tokio::spawn(async move {
            let mut wrong = Vec::new();
            while struck.load(Ordering::Relaxed) < wanted {
                let Some(pair) = pairs.lock().await.pop() else { break };
                let faults = pair.map(|(call, kind)| Fault { at: At::Call(call), kind, lasts: Lasts::Once });
                let ended = arena.run(Asked::Job, &faults).await;
                struck.fetch_add(usize::from(ended.hit), Ordering::Relaxed);
                wrong.extend(ended.fault().map(|what| format!("{pair:?}: {what}")));
            }
            wrong
        })
    });
    let mut wrong: Vec<String> = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        wrong.extend(run.await.unwrap());
    }
    let tried = all - pairs.lock().await.len();
    println!("both faults of {} pairs struck; {tried} of {all} were tried", struck.load(Ordering::Relaxed));
    assert!(wrong.is_empty(), "{} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
}
