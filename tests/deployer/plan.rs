//! `deployer plan`: what a flip would write, or why it would be refused.

use local_aws::world::{Pair, Rule, path};

use crate::stage::{Stage, idle_pair};

/// A table without its padding: how wide it is depends on the last digits of the time.
fn narrow(text: &str) -> String {
    let text = text.replace(['─', '═'], "");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn it_shows_the_writes_of_a_flip() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    let before = stage.world.snapshot().await.unwrap();
    let run = stage.deployer(&["plan", "--execution", "exec-1", "--promote-image", "v2"]).await;
    run.ended(0, &[]);
    insta::assert_snapshot!("plan", narrow(&stage.tidy(&run.out)));
    let run = stage.deployer(&["plan", "--execution", "exec-1", "--promote-image", "v2", "--json"]).await;
    assert_eq!(run.json()["outcome"], "flip");
    insta::assert_snapshot!("plan_json", stage.tidy(&run.out));
    assert_eq!(stage.world.snapshot().await.unwrap(), before);
}

#[tokio::test]
async fn it_shows_every_reason_to_refuse() {
    let stage = Stage::new().await;
    let run = stage.deployer(&["plan"]).await;
    run.ended(3, &[]);
    insta::assert_snapshot!("plan_refused", stage.tidy(&run.out));
    let run = stage.deployer(&["plan", "--json"]).await;
    run.ended(3, &[]);
    assert_eq!(run.json()["blocked"][0]["NoHealthyTarget"]["required"], 1);
    stage.deployer(&["plan", "--force"]).await.ended(0, &[]);

    let wrong = stage.deployer(&["plan", "--force", "--promote-image", "v7"]).await;
    wrong.ended(3, &[]);
    assert!(wrong.out.contains("but --promote-image asks for v7"), "{wrong:?}");
    stage.build_for("exec-1").await.ended(0, &[]);
    let fenced = stage.deployer(&["plan", "--force"]).await;
    fenced.ended(3, &[]);
    assert!(fenced.out.contains("is being rebuilt with image v9 by execution exec-1"), "{fenced:?}");
    assert!(fenced.out.contains("pass it with --execution") && !fenced.out.contains("UserParameters"), "{fenced:?}");
    stage.deployer(&["plan", "--force", "--execution", "exec-1"]).await.ended(0, &[]);
    let unknown = stage.deployer(&["plan", "--promote-to", "Code3"]).await;
    unknown.ended(3, &[]);
    assert!(unknown.out.contains("\"Code3\""), "{unknown:?}");
}

#[tokio::test]
async fn what_is_live_already_is_nothing_to_do() {
    let stage = Stage::new().await;
    let run = stage.deployer(&["plan", "--promote-to", "Code1"]).await;
    run.ended(0, &[]);
    assert!(
        run.out.starts_with("Code1 (target group shop-code1, image v1) is live already: a flip would change no rule."),
        "{run:?}"
    );
    let json = stage.deployer(&["plan", "--promote-to", "Code1", "--json"]).await.json();
    assert_eq!((&json["outcome"], &json["promotions"][0]["change"]), (&"nothing-to-do".into(), &"nothing".into()));
}

#[tokio::test]
async fn several_services_are_promoted_by_name() {
    let stage =
        Stage::with(|spec| spec.pair(idle_pair("shop")).pair(idle_pair("cart")).rule(Rule::new(10, "cart", [path("/cart/*")])));
    let stage = stage.await;
    let run = stage.deployer(&["plan", "--force"]).await;
    run.ended(3, &[]);
    assert!(run.out.contains("carries 2 pairs of target groups"), "{run:?}");
    let run = stage.deployer(&["plan", "--force", "--promote-to", "shop-code2,cart-code2", "--json"]).await;
    run.ended(0, &[]);
    let promotions = run.json()["promotions"].clone();
    assert_eq!((&promotions[0]["change"], &promotions[1]["change"]), (&"live".into(), &"live".into()));
    let run = stage.deployer(&["plan", "--force", "--promote-to", "shop-code2,cart-code1"]).await;
    run.ended(0, &[]);
    assert!(run.out.contains("A flip would make Code2 (target group shop-code2, image v2) live"), "{run:?}");
    assert!(run.out.contains("Code1 (target group cart-code1, image v1) is live already"), "{run:?}");
}
