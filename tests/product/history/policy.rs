//! The read-only policy lets every source be read, and nothing in it is superfluous.

use local_aws::world::{DEPLOYER_ROLE, HISTORY_POLICY};

use super::stage::{history, released_and_taken_back};
use crate::policy::cuts::cuts;

const PLACES: [&str; 6] = ["--pipeline", "shop", "--elb", "shop", "--service", "shop/shop-Code1"];

#[tokio::test]
async fn without_any_part_of_the_policy_reading_fails_and_names_the_action() {
    let pipeline = released_and_taken_back().await;
    let world = &pipeline.world;
    let (code, _, error) = history(world, &PLACES).await;
    assert_eq!((code, error.as_str()), (0, ""), "the policy suffices");
    assert!(!HISTORY_POLICY.contains("Modify") && !HISTORY_POLICY.contains("Put") && !HISTORY_POLICY.contains("AddTags"));
    let mut wrong = Vec::new();
    for cut in cuts(HISTORY_POLICY) {
        world.set_policies(DEPLOYER_ROLE, &[&cut.policy]).unwrap();
        match history(world, &PLACES).await {
            (0, ..) => wrong.push(format!("{} is superfluous", cut.what)),
            (4, _, error) if cut.actions.iter().any(|action| error.contains(action)) => {}
            (code, _, error) => wrong.push(format!("without {}: {code} {error}", cut.what)),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
