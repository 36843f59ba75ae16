//! `recipes/gitlab`, in gitlab-ci-local with its shell executor; docker is the recorder that behaves.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use local_aws::installation::root;
use local_aws::ministack::tools;
use local_aws::world::{DEPLOYER_ROLE, REGION, binary};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::roll::slack::webhook;
use crate::roll::stage::{REPOSITORY, SECRET, Stage};

/// What the recipe's pages are of.
const DOCKERFILE: &str = "FROM scratch\n";
/// May push images besides: the part of the build job.
const PUSH_POLICY: &str = include_str!("../../../cloudformation/policies/push.json");

/// A repository of an application with the recipe in it, and a runner.
struct Project {
    stage: Stage,
    path: String,
    slack: String,
}

impl Project {
    async fn new(slack: &str) -> Self {
        let stage = Stage::new().await;
        stage.world.set_policies(DEPLOYER_ROLE, &[local_aws::world::ROLL_POLICY, PUSH_POLICY]).unwrap();
        let (aws, recipes) = (tools("aws").unwrap(), tools("recipes").unwrap());
        let bin = stage.file("bin");
        std::fs::create_dir(&bin).unwrap();
        let docker = root().join("tests/local-aws/src/codepipeline/docker");
        std::fs::copy(docker, bin.join("docker")).unwrap();
        std::fs::set_permissions(bin.join("docker"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let folders = [bin.as_path(), &aws, &recipes].map(|folder| folder.display().to_string());
        let path = format!("{}:{}", folders.join(":"), std::env::var("PATH").unwrap());
        Self { stage, path, slack: slack.to_owned() }
    }

    /// A clone with these lines at the end of its Dockerfile, committed.
    async fn clone(&self, name: &str, lines: &str) -> PathBuf {
        let folder = self.stage.file(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(".gitlab-ci.yml"), as_on_a_shell_runner()).unwrap();
        for (stage, tag) in [("dev", "${version}"), ("prod", "${version}")] {
            std::fs::write(folder.join(format!("task-{stage}.json")), self.stage.document(tag).to_string()).unwrap();
        }
        std::fs::write(folder.join("Dockerfile"), format!("{DOCKERFILE}{lines}")).unwrap();
        let git = format!(
            "git init -q -b main && git remote add origin git@gitlab.com:group/{name}.git && git add . && \
             git -c user.name=ada -c user.email=ada@shop.example commit -q -m {name}"
        );
        self.command("sh", &folder).args(["-c", &git]).status().await.unwrap();
        folder
    }

    fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("PATH", &self.path).env("HOME", self.stage.folder.path());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// A file of the project's variables that its owner alone reads: a command line is seen by everybody. Its path is relative to
    /// the clone, since gitlab-ci-local looks for no other, and outside of it, since docker build sends what is inside.
    fn settings(&self, folder: &Path, variables: &BTreeMap<&str, &str>) -> String {
        let name = format!("{}.variables.yml", folder.file_name().unwrap().to_str().unwrap());
        let path = self.stage.file(&name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
        // JSON is YAML.
        file.write_all(serde_json::to_string(variables).unwrap().as_bytes()).unwrap();
        format!("../{name}")
    }

    /// Runs jobs of the pipeline with the variables of the project's settings; these ones are on the command line, and no secret.
    async fn run(&self, folder: &Path, jobs: &[&str], variables: &[(&str, &str)]) -> Output {
        let deployer = binary("deployer");
        let sum = Sha256::digest(std::fs::read(&deployer).unwrap());
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let repository = self.stage.image("x");
        let repository = repository.strip_suffix(":x").unwrap();
        let url = format!("file://{}", deployer.canonicalize().unwrap().display());
        let own = [
            ("ECR_REPO", repository),
            ("ECS_CLUSTER", "main"),
            ("ECS_SERVICE", "web"),
            ("APP_URL", "https://shop.example"),
            ("DEPLOYER_URL", &url),
            ("DEPLOYER_SHA256", &sum),
            ("AWS_REGION", REGION),
            ("SLACK_WEBHOOK_URL", &self.slack),
        ];
        let env = self.stage.world.env_as(DEPLOYER_ROLE);
        let env = env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let settings = self.settings(folder, &env.chain(own).collect());
        let mut command = self.command("gitlab-ci-local", folder);
        command.args(["--force-shell-executor", "--needs"]).args(jobs).args(["--variables-file", settings.as_str()]);
        for (name, value) in variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        command.output().await.unwrap()
    }
}

/// The recipe without the service that holds the Docker daemon: a shell runner starts no services, gitlab-ci-local does.
fn as_on_a_shell_runner() -> String {
    let recipe = std::fs::read_to_string(root().join("recipes/gitlab/.gitlab-ci.yml")).unwrap();
    let service = "  services: [docker:29-dind]\n";
    assert!(recipe.contains(service), "the recipe's build has no service {service:?}");
    recipe.replace(service, "")
}

/// What was told; no value of a task or a webhook's address is in it.
#[track_caller]
fn told(output: &Output, red: bool, words: &[&str]) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(!output.status.success(), red, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
    assert!(!text.contains(SECRET) && !text.contains("s3cret-hook"), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_are_rolled_out_and_a_bad_one_changes_nothing_for_users() {
    let (address, posts) = webhook(200).await;
    let project = Project::new(&address).await;
    let load = local_aws::load::Load::start(&[project.stage.clients()]);
    let first = project.clone("first", "LABEL version=one\n").await;
    told(&project.run(&first, &["deploy-dev"], &[]).await, false, &["main/web: web:1 → web:"]);
    assert_eq!(project.stage.revision().await, "web:2");
    let second = project.clone("second", "LABEL version=two\n").await;
    told(&project.run(&second, &["deploy-dev"], &[]).await, false, &[]);
    assert_eq!(project.stage.revision().await, "web:3");
    let bad = project.clone("bad", "LABEL sick=true\n").await;
    told(&project.run(&bad, &["deploy-dev"], &[]).await, true, &["was not deployed", "web:3 runs again"]);
    let posts = posts.lock().unwrap().clone();
    assert_eq!(posts.len(), 3);
    assert!(posts[2].to_string().contains("web:3"), "{}", posts[2]);
    let seen = load.stop().await.unwrap();
    assert_eq!(seen.failed(), 0, "{:?}", seen.lost());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_goes_to_production_when_somebody_starts_the_job() {
    let (address, _) = webhook(200).await;
    let project = Project::new(&address).await;
    let folder = project.clone("tagged", "LABEL version=tagged\n").await;
    let tag = [("CI_COMMIT_TAG", "v1.0.0"), ("CI_COMMIT_BRANCH", "")];
    told(&project.run(&folder, &["deploy-prod"], &tag).await, false, &["(v1.0.0)"]);
    assert_eq!(project.stage.revision().await, "web:2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_was_never_pushed_changes_nothing() {
    let (address, _) = webhook(200).await;
    let project = Project::new(&address).await;
    let folder = project.clone("never", "").await;
    let stage = &project.stage;
    let template = ["--template", "task-dev.json", "--set", "version=never"];
    std::fs::copy(folder.join("task-dev.json"), stage.file("task-dev.json")).unwrap();
    stage.roll("deploy", &template).await.ended(2, &[REPOSITORY, "never"]);
    assert_eq!(stage.revision().await, "web:1");
}

/// The shell lines of the recipe, as its jobs run them.
#[test]
fn the_shell_lines_are_clean() {
    let text = std::fs::read_to_string(root().join("recipes/gitlab/.gitlab-ci.yml")).unwrap();
    let recipe: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for (job, keys) in [(".aws", "before_script"), ("build", "script"), (".deploy", "script"), (".deploy", "after_script")] {
        let lines: Vec<&str> = recipe[job][keys].as_sequence().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let file = folder.path().join(format!("{checked}.sh"));
        std::fs::write(&file, lines.join("\n")).unwrap();
        let checker = tools("aws").unwrap().join("shellcheck");
        let output = std::process::Command::new(checker).args(["--shell=sh", "--exclude=SC2154"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{job} {keys}: {}", String::from_utf8_lossy(&output.stdout));
        checked += 1;
    }
    assert_eq!(checked, 4);
}
