//! What is shipped fits the program: every variable in the image and in the task definitions is one that it reads.

use serde_json::Value;

use crate::harness::ends;

const DEV: &str = include_str!("../deploy/release-deployment-dashboard-dev.json");
const PROD: &str = include_str!("../deploy/release-deployment-dashboard-prod.json");
const DOCKERFILE: &str = include_str!("../Dockerfile");

fn help() -> String {
    String::from_utf8(ends(&[], &["--help"]).stdout).unwrap()
}

#[test]
fn task_definitions_start_both_roles_as_the_program_wants_them() {
    let help = help();
    for text in [DEV, PROD] {
        let definition: Value = serde_json::from_str(text).unwrap();
        let containers = definition["containerDefinitions"].as_array().unwrap();
        let names: Vec<&str> = containers.iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            ["release-deployment-dashboard", "release-deployment-dashboard-scheduler", "datadog-agent", "log_router"]
        );
        for (container, role) in containers.iter().zip(["serve", "refresh"]) {
            assert_eq!(container["command"], serde_json::json!([role]));
            assert!(container["image"].as_str().unwrap().ends_with(":${version}"));
            assert_eq!((&container["user"], &container["readonlyRootFilesystem"]), (&"65532:65532".into(), &true.into()));
            assert_eq!(container["mountPoints"][0]["containerPath"], "/data");
            let set: Vec<(&str, &str)> = container["environment"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| (e["name"].as_str().unwrap(), e["value"].as_str().unwrap()))
                .collect();
            let secrets: Vec<&str> =
                container["secrets"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
            for name in set.iter().map(|(name, _)| name).chain(&secrets) {
                assert!(help.contains(&format!("  {name} ")), "{name}");
            }
            // The program takes these settings: it fails later, at the port, and not at the settings.
            let long = "x".repeat(40);
            let mut variables: Vec<(&str, &str)> = set;
            variables.extend(secrets.iter().map(|name| (*name, long.as_str())));
            variables.push(("DATA_DIR", "/proc/none"));
            assert_eq!(ends(&variables, &[role]).status.code(), Some(1), "{role}");
        }
    }
}

#[test]
fn the_image_has_no_root_and_sets_what_is_read() {
    let help = help();
    let environment = DOCKERFILE.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    for pair in environment.split(' ') {
        let (name, _) = pair.split_once('=').unwrap();
        assert!(help.contains(&format!("  {name} ")), "{name}");
    }
    assert!(DOCKERFILE.contains("distroless/cc") && DOCKERFILE.contains(":nonroot"));
    // Fargate gives a volume the owner that the image's VOLUME has, and root without one.
    assert!(DOCKERFILE.contains("VOLUME [\"/data\"]") && DOCKERFILE.contains("DATA_DIR=/data"));
}

#[test]
fn a_health_check_without_a_dashboard_fails() {
    let port = crate::harness::free_port().to_string();
    let output = ends(&[("PORT", &port)], &["--health"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("not healthy"));
}

#[tokio::test]
async fn a_health_check_of_a_dashboard_succeeds() {
    let dashboard = crate::harness::Dashboard::start(&[], &["--demo"]).await;
    let port = dashboard.url.rsplit(':').next().unwrap().to_owned();
    assert_eq!(
        tokio::task::spawn_blocking(move || ends(&[("PORT", &port)], &["--health"]).status.code()).await.unwrap(),
        Some(0)
    );
}
