//! A flip that another one overtakes: a write of the first lands when the second has written everything, and then the
//! first breaks. Production is not left split, and the second flip is the one that counts.

use std::time::Duration;

use local_aws::gateway::{At, Fault, FaultKind};
use serde_json::{Value, json};

use crate::faults::arena::{Arena, Balancer};
use crate::faults::outcome::Answer;
use crate::faults::rules::RuleState;

/// What becomes of the late write and of its caller.
const FAULTS: [Option<FaultKind>; 6] = [
    None,
    Some(FaultKind::KillAfter),
    Some(FaultKind::KillBefore),
    Some(FaultKind::ResetAfter),
    Some(FaultKind::CutAnswer),
    Some(FaultKind::AccessDenied),
];

/// When the late write lands.
#[derive(Clone, Copy, Debug)]
enum When {
    /// The second flip has answered.
    Answered,
    /// The second flip has written everything, and is about to look.
    Looking,
}

fn job(arena: &Arena, promote: &str) -> (String, Vec<u8>) {
    let parameters: Value = json!({ "ElbName": "shop", "PromoteTo": promote, "Execution": format!("to-{promote}") });
    let job = arena.world.jobs.create_job(&parameters.to_string());
    let event = arena.world.jobs.event(&job).to_string().into_bytes();
    (job, event)
}

/// Plays one; what is wrong, if anything is.
async fn play(arena: &mut Arena, late: (&str, usize), fault: Option<FaultKind>, when: When) -> Option<String> {
    arena.reset().await;
    let second = arena.world.lambda(Duration::from_secs(60)).unwrap();
    let gateway = &arena.world.gateway;
    let at = |action: &str, number| At::Action(action.to_owned(), number);
    let (first_job, first_event) = job(arena, "Code2");
    let (second_job, second_event) = job(arena, "Code1");
    let held = gateway.pause_at(at(late.0, late.1));
    if let Some(kind) = fault {
        gateway.inject(Fault::once(at(late.0, late.1), kind));
    }
    let first = arena.lambda.deliver_once("first", &first_event);
    let overtaking = async {
        held.reached().await;
        match when {
            When::Answered => {
                second.deliver(&second_event).await.unwrap();
                held.release();
            }
            When::Looking => {
                // Both listeners are read at once: twice by the first flip's and the second's first look, then by this.
                let looks = [5, 6].map(|number| gateway.pause_at(at("DescribeRules", number)));
                let landed = async {
                    for look in &looks {
                        look.reached().await;
                    }
                    let before = arena.rule_states().await;
                    held.release();
                    // Until it has taken effect, where it does.
                    while fault.is_none_or(FaultKind::takes_effect) && arena.rule_states().await == before {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    drop(looks);
                };
                let (deliveries, ()) = futures::join!(second.deliver(&second_event), landed);
                deliveries.unwrap();
            }
        }
    };
    let (delivery, ()) = futures::join!(first, overtaking);
    delivery.unwrap();
    gateway.idle().await;
    let answer = |job: &String| Answer::of_job(&arena.world.jobs.state(job).unwrap());
    if let When::Looking = when
        && (answer(&second_job) != Answer::Succeeded || arena.live().await.as_deref() != Some("a-code1"))
    {
        return Some(format!("the second did not fix it by itself: {:?}, {:#?}", answer(&second_job), arena.rule_states().await));
    }
    // Lambda delivers again what ended with an error.
    if answer(&first_job) == Answer::Silence {
        arena.lambda.deliver(&first_event).await.unwrap();
    }
    let (of_first, of_second) = (answer(&first_job), answer(&second_job));
    let rules: Vec<RuleState> = arena.rule_states().await;
    let story = format!("{of_first:?}, {of_second:?}, {rules:#?}");
    match arena.live().await.as_deref() {
        None => Some(format!("split: {story}")),
        Some("a-code1") if of_second != Answer::Succeeded => Some(format!("the second is live and did not succeed: {story}")),
        Some("a-code2") if of_first != Answer::Succeeded => Some(format!("the first is live and did not succeed: {story}")),
        Some(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_lands_after_a_later_flip_leaves_no_rules_split() {
    let mut arena = Arena::new(Balancer::OnePair).await;
    let mut wrong = Vec::new();
    for late in [("ModifyListener", 1), ("ModifyRule", 1), ("ModifyListener", 2), ("ModifyRule", 2)] {
        for fault in FAULTS {
            for when in [When::Answered, When::Looking] {
                let what = play(&mut arena, late, fault, when).await;
                wrong.extend(what.map(|what| format!("{late:?}, {fault:?}, {when:?}: {what}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} ended wrong:\n{}", wrong.len(), wrong.join("\n"));
}
