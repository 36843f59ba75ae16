//! `deployer roll`: its policy lets every verb do its work, and nothing in it is superfluous.

use futures::StreamExt;
use local_aws::world::{DEPLOYER_ROLE, ROLL_POLICY};

use crate::policy::cuts::cuts;
use crate::roll::stage::{Made, Stage};

/// How many stages are played on at once.
const AT_ONCE: usize = 4;

/// Every verb, until one is not allowed something: then what it said. A shell needs a terminal: it is not among them.
async fn everything(stage: &Stage) -> Result<(), String> {
    let image = |tag: &str| stage.image(tag);
    let verbs: [(&str, Vec<String>); 11] = [
        ("plan", vec!["--image".to_owned(), image("v2")]),
        ("deploy", vec!["--image".to_owned(), image("v2")]),
        // Its tasks fail: their reasons are looked for, and it is stopped.
        ("deploy", vec!["--image".to_owned(), image("bad")]),
        ("back", vec![]),
        ("status", vec![]),
        ("pull", vec![]),
        ("doctor", vec![]),
        ("scale", vec!["--to".to_owned(), "2".to_owned()]),
        ("run", vec!["--".to_owned(), "true".to_owned()]),
        ("wait", vec![]),
        ("release", vec!["--release".to_owned(), "1".to_owned()]),
    ];
    for (verb, arguments) in verbs {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = match verb {
            "status" => stage.run(&["roll", "status", "--cluster", "main"]).await,
            "release" => stage.run(&[&["roll", "release"], &arguments[..]].concat()).await,
            _ => stage.roll(verb, &arguments).await,
        };
        let shown = format!("{}{}", run.out, run.err);
        if shown.contains("not authorized") || shown.contains("may not be read") {
            return Err(format!("{verb} ended with {}: {shown}", run.code));
        }
        let expected: &[i32] = match verb {
            "deploy" => &[0, 6],
            "wait" => &[3],
            _ => &[0],
        };
        if !expected.contains(&run.code) {
            return Err(format!("{verb} ended with {}: {shown}", run.code));
        }
    }
    Ok(())
}

async fn stage() -> Stage {
    let stage = Stage::empty().await;
    stage.push("v1").await;
    stage.push_running("v2", "sleep 600").await;
    stage.push_running("bad", "echo no; exit 3").await;
    let mut document = stage.document("v1");
    document["taskRoleArn"] = format!("arn:aws:iam::{}:role/web", stage.world.account()).into();
    let definition = stage.register(&document).await;
    stage.service("web", &definition, Made { desired: 1, breaker: false, behind: false }).await;
    // What a release needs besides: a schedule, and a task.
    document["family"] = "nightly".into();
    schedule(&stage, &stage.register(&document).await).await;
    document["family"] = "once".into();
    stage.register(&document).await;
    stage.push_running("once", "true").await;
    let (v2, once) = (stage.image("v2"), stage.image("once"));
    let text = format!(
        "cluster: main\nservices: [{{name: web, images: {{web: \"{v2}\"}}}}]\nschedules: [{{name: nightly, definition: nightly, images: {{web: \"{v2}\"}}}}]\ntasks: [{{name: once, definition: once, like: web, images: {{web: \"{once}\"}}}}]\n"
    );
    std::fs::write(stage.file("release.yml"), text).unwrap();
    stage
}

async fn schedule(stage: &Stage, definition: &str) {
    let account = stage.world.account();
    let schedule = serde_json::json!({
        "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": format!("arn:aws:ecs:eu-central-1:{account}:cluster/main"),
            "RoleArn": format!("arn:aws:iam::{account}:role/scheduler"),
            "EcsParameters": { "TaskDefinitionArn": definition },
        },
    });
    product_stage::json::rest(&stage.world, "scheduler", "POST", "/schedules/nightly", Some(&schedule)).await;
}

#[tokio::test]
async fn the_policy_of_roll_suffices() {
    assert_eq!(everything(&stage().await).await, Ok(()));
}

#[tokio::test]
async fn without_any_part_of_the_policy_of_roll_something_is_missed_and_named() {
    let tried = futures::stream::iter(cuts(ROLL_POLICY)).filter(|cut| {
        let shell = cut.actions == ["ecs:ExecuteCommand"];
        async move { !shell }
    });
    let tried = tried.map(async |cut| {
        let stage = stage().await;
        stage.world.set_policies(DEPLOYER_ROLE, &[&cut.policy]).unwrap();
        (cut, everything(&stage).await)
    });
    let tried: Vec<_> = tried.buffer_unordered(AT_ONCE).collect().await;
    assert!(tried.len() > 15, "{}", tried.len());
    let wrong = tried.into_iter().filter_map(|(cut, result)| match result {
        Ok(()) => Some(format!("{} is superfluous", cut.what)),
        Err(said) if cut.actions.iter().any(|action| said.contains(action)) => None,
        Err(said) => Some(format!("without {}: {said}", cut.what)),
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
}
