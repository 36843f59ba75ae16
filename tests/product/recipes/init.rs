//! `deployer init`: the recipe with a team's own names, written into its repository.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use local_aws::ministack::tools;
use local_aws::world::binary;
use tempfile::TempDir;

const GIVEN: [&str; 6] = ["--project", "acme/books", "--service", "books", "--account", "444455556666"];

fn init(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("deployer"));
    command.env_clear().current_dir(folder).stdin(Stdio::null()).args(["init", "gitlab"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_empty_repository_gets_the_recipe_and_the_commands() {
    let folder = TempDir::new().unwrap();
    let run = init(folder.path(), &[&GIVEN[..], &["--region", "eu-central-1"]].concat());
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    for name in ["task-dev.json", "task-prod.json"] {
        let task = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let rendered = Command::new(binary("deployer"))
            .args(["roll", "render", "--set", "version=1.2", "--template"])
            .arg(folder.path().join(name))
            .output()
            .unwrap();
        assert_eq!(rendered.status.code(), Some(0), "{rendered:?}");
        assert!(text(&rendered.stdout).contains("444455556666.dkr.ecr.eu-central-1.amazonaws.com/books:1.2"));
        assert!(!["shop-web", "111122223333", "us-east-1"].iter().any(|example| task.contains(example)), "{task}");
    }
    let schema = Command::new(tools("recipes").unwrap().join("check-jsonschema"))
        .args(["--builtin-schema", "vendor.gitlab-ci"])
        .arg(folder.path().join(".gitlab-ci.yml"))
        .output()
        .unwrap();
    assert!(schema.status.success(), "{schema:?}");
    let shown = text(&run.stdout);
    for part in [
        "Cluster=dev Repository=books",
        "'Subject=project_path:acme/books:ref_type:branch:ref:main'",
        "ProviderArn=arn:aws:iam::444455556666:oidc-provider/gitlab.com",
        "'Subject=project_path:acme/books:ref_type:tag:ref:v*'",
        "A service that is rolled",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_file_that_is_there_is_replaced_only_where_somebody_says_so() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("task-dev.json");
    std::fs::write(&file, "mine").unwrap();
    let run = init(folder.path(), &GIVEN);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
    assert!(text(&run.stderr).contains("replacing task-dev.json must be confirmed"), "{run:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert!(!folder.path().join(".gitlab-ci.yml").exists());
    assert_eq!(init(folder.path(), &[&GIVEN[..], &["--yes"]].concat()).status.code(), Some(0));
    assert!(std::fs::read_to_string(&file).unwrap().contains("dev-books"));
    // The same again changes nothing, and asks nothing.
    assert_eq!(init(folder.path(), &GIVEN).status.code(), Some(0));
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let folder = TempDir::new().unwrap();
    for (arguments, words) in [
        (&GIVEN[..4], "--account is missing"),
        (&["--project", "books"][..], "expected GROUP/PROJECT"),
        (&["--account", "12"][..], "12 digits"),
    ] {
        let run = init(folder.path(), arguments);
        assert_eq!(run.status.code(), Some(2), "{run:?}");
        assert!(text(&run.stderr).contains(words), "{words}: {run:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("task-prod.json")).unwrap();
    let run = init(folder.path(), &[&GIVEN[..], &["--yes"]].concat());
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    assert!(text(&run.stderr).contains("task-prod.json is there and cannot be read"), "{run:?}");
    assert!(!folder.path().join(".gitlab-ci.yml").exists());
}
