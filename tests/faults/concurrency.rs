//! Deliveries at once: the state is never split for good.

use local_aws::lambda::Lambda;
use serde_json::{Value, json};

use crate::arena::{ANSWERED, Arena, Asked, Balancer};
use crate::outcome::Answer;
use crate::run::PATIENT;

fn rounds() -> usize {
    if std::env::var_os("LONG").is_some() { 1000 } else { 50 }
}

async fn at_once(arena: &Arena, lambdas: &[Lambda], parameters: &[Value]) -> Vec<(String, Answer)> {
    let jobs: Vec<String> = parameters.iter().map(|parameters| arena.world.jobs.create_job(&parameters.to_string())).collect();
    deliver_at_once(arena, lambdas, &jobs).await;
    jobs.into_iter().map(|job| (job.clone(), Answer::of_job(&arena.world.jobs.state(&job).unwrap()))).collect()
}

async fn deliver_at_once(arena: &Arena, lambdas: &[Lambda], jobs: &[String]) {
    let deliveries = lambdas.iter().zip(jobs).map(|(lambda, job)| {
        let event = arena.world.jobs.event(job).to_string();
        async move { lambda.deliver(event.as_bytes()).await.unwrap() }
    });
    futures::future::join_all(deliveries).await;
}

fn lambdas(arena: &Arena, number: usize) -> Vec<Lambda> {
    (0..number).map(|_| arena.world.lambda_with(PATIENT, [("CALL_TIMEOUT_MS", ANSWERED)]).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_delivered_twice_or_ten_times_at_once_is_one_flip() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    let ten = lambdas(&arena, 10);
    for round in 0..rounds() {
        arena.reset().await;
        let some = if round % 5 == 0 { &ten[..] } else { &ten[..2] };
        let job = arena.world.jobs.create_job(&arena.parameters(Asked::Job).to_string());
        deliver_at_once(&arena, some, &vec![job.clone(); some.len()]).await;
        assert_eq!(arena.live().await.as_deref(), Some("a-code2"), "round {round}");
        assert_eq!(Answer::of_job(&arena.world.jobs.state(&job).unwrap()), Answer::Succeeded, "round {round}");
        assert_eq!(arena.world.jobs.accepted(&job), 1);
        // Late copies change nothing.
        deliver_at_once(&arena, &some[..1], &[job]).await;
        assert_eq!(arena.live().await.as_deref(), Some("a-code2"), "round {round}, a late copy");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opposite_flips_at_once_leave_one_version_live_everywhere() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    let ten = lambdas(&arena, 10);
    let (mut both, mut one, mut none) = (0, 0, 0);
    for round in 0..rounds() {
        arena.reset().await;
        let some = if round % 5 == 0 { &ten[..] } else { &ten[..2] };
        let parameters: Vec<Value> = (0..some.len())
            .map(|number| {
                let promote = ["Code2", "Code1"][number % 2];
                json!({ "ElbName": "shop", "PromoteTo": promote, "Execution": format!("round-{round}-{number}") })
            })
            .collect();
        let answers = at_once(&arena, some, &parameters).await;
        let whole = arena.live().await;
        assert!(whole.is_some(), "round {round} is split: {answers:#?}\n{:#?}", arena.rules().await);
        match answers.iter().filter(|(_, answer)| *answer == Answer::Succeeded).count() {
            0 => none += 1,
            1 => one += 1,
            _ => both += 1,
        }
        assert!(answers.iter().all(|(_, answer)| *answer != Answer::Silence), "round {round}: {answers:?}");
        // Late copies of each leave it whole. They may flip it: of two flips at once, one may have lost its place in
        // the journal, since tags know no compare-and-set.
        for (job, _) in answers.iter().take(2) {
            deliver_at_once(&arena, &some[..1], std::slice::from_ref(job)).await;
            assert!(arena.live().await.is_some(), "round {round}: a late copy of {job} split the rules");
        }
    }
    println!("several succeeded in {both} rounds, one in {one}, none in {none}");
}
