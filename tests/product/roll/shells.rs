//! `roll exec`: a shell in a running container.

use aws_sdk_ecs::types::DesiredStatus;
use serde_json::Value;

use super::Stage;
use super::stage::Made;
use super::terminal::at_a_terminal;

/// The arrow that goes to the next item, and Enter.
const NEXT: &str = "\u{1b}[B\r";
const THIS: &str = "\r";

/// A service whose tasks allow shells.
async fn open() -> Stage {
    let stage = Stage::new().await;
    let update = stage.world.ecs().update_service().cluster("main").service("web").enable_execute_command(true);
    update.force_new_deployment(true).send().await.unwrap();
    stage.settled().await;
    stage
}

#[tokio::test]
async fn exec_says_what_it_lacks_before_anything_is_called() {
    let stage = Stage::new().await;
    stage.roll("exec", &[]).await.ended(2, &["needs a terminal", "deployer roll run"]);
    assert!(stage.world.gateway.calls().is_empty());
}

#[tokio::test]
async fn a_shell_is_opened_and_its_token_is_on_no_command_line() {
    let stage = Stage::with(Made { desired: 1, ..Made::default() }).await;
    let exec = ["exec", "--cluster", "main", "--service", "web", "--container", "web"];
    let (code, shown) = at_a_terminal(&stage, &exec, &[]).await;
    assert!(code == 3 && shown.contains("was started without shells"), "{code} {shown}");
    let update = stage.world.ecs().update_service().cluster("main").service("web").enable_execute_command(true);
    update.force_new_deployment(true).send().await.unwrap();
    stage.settled().await;
    let (code, shown) = at_a_terminal(&stage, &exec, &[]).await;
    assert_eq!(code, 0, "{shown}");
    let (arguments, session) = (stage.read("arguments"), stage.read("session"));
    let session: Value = serde_json::from_str(&session).unwrap();
    let token = session["TokenValue"].as_str().unwrap();
    assert!(!token.is_empty() && !arguments.contains(token) && !shown.contains(token), "{arguments}");
    let lines: Vec<&str> = arguments.lines().collect();
    assert_eq!(lines[..4], ["AWS_SSM_START_SESSION_RESPONSE", "eu-central-1", "StartSession", ""]);
    assert!(lines[4].starts_with("{\"Target\":\"ecs:main_") && lines[5].starts_with("https://ssm."), "{lines:?}");
}

#[tokio::test]
async fn where_there_are_several_a_person_picks_task_and_container() {
    let stage = open().await;
    let list = stage.world.ecs().list_tasks().cluster("main").desired_status(DesiredStatus::Running).send().await.unwrap();
    assert_eq!(list.task_arns().len(), 2);
    let talk = [("which task?", NEXT), ("which container?", NEXT)];
    let (code, shown) = at_a_terminal(&stage, &["exec", "--cluster", "main", "--service", "web"], &talk).await;
    assert_eq!(code, 0, "{shown}");
    let target = stage.read("arguments");
    let picked = list.task_arns().iter().find(|arn| target.contains(arn.rsplit('/').next().unwrap()));
    assert!(picked.is_some() && shown.contains("(web:1)"), "{target} {shown}");
    // The second container of the list is the sidecar: another runtime than that of the first.
    let (code, _) = at_a_terminal(
        &stage,
        &["exec", "--cluster", "main", "--service", "web"],
        &[("which task?", NEXT), ("which container?", THIS)],
    )
    .await;
    assert_eq!((code, stage.read("arguments") == target), (0, false));
}

#[tokio::test]
async fn by_family_the_tasks_of_every_service_are_found() {
    let stage = open().await;
    let id = {
        let list = stage.world.ecs().list_tasks().cluster("main").send().await.unwrap();
        list.task_arns()[0].rsplit('/').next().unwrap().to_owned()
    };
    let named = ["exec", "--cluster", "main", "--family", "web", "--task", &id, "--container", "web", "--command", "/bin/ls"];
    let (code, shown) = at_a_terminal(&stage, &named, &[]).await;
    assert!(code == 0 && stage.read("arguments").contains(&id), "{code} {shown}");
    let (code, shown) = at_a_terminal(&stage, &["exec", "--cluster", "main", "--family", "nobody"], &[]).await;
    assert!(code == 3 && shown.contains("no running task"), "{code} {shown}");
}

#[tokio::test]
async fn a_read_only_container_has_no_shell_and_that_is_said() {
    let stage = Stage::new().await;
    let mut document = stage.document("v1");
    document["containerDefinitions"][0]["readonlyRootFilesystem"] = true.into();
    let definition = stage.register(&document).await;
    let update = stage.world.ecs().update_service().cluster("main").service("web").enable_execute_command(true);
    update.task_definition(definition).desired_count(1).send().await.unwrap();
    stage.settled().await;
    let exec = ["exec", "--cluster", "main", "--service", "web", "--container", "web"];
    let (code, shown) = at_a_terminal(&stage, &exec, &[]).await;
    assert!(code == 3 && shown.contains("readonlyRootFilesystem"), "{code} {shown}");
}
