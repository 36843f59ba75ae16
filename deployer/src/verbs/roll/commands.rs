//! Command lines that a person copies.

use shell_words::quote;

/// Waits for a deployment.
#[must_use]
pub fn go_on(cluster: &str, service: &str, deployment: Option<&str>) -> String {
    let named = deployment.map(|id| format!(" --deployment {}", quote(id))).unwrap_or_default();
    format!("deployer roll wait --cluster {} --service {}{named}", quote(cluster), quote(service))
}

/// Takes a service back.
#[must_use]
pub fn undo(cluster: &str, service: &str) -> String {
    format!("deployer roll back --cluster {} --service {}", quote(cluster), quote(service))
}

/// Shows a service.
#[must_use]
pub fn show(cluster: &str, service: &str) -> String {
    format!("deployer roll status --cluster {} --service {}", quote(cluster), quote(service))
}

/// Shows a schedule. Its target is changed as a whole, so no command line that fits a message points it elsewhere.
#[must_use]
pub fn show_schedule(group: &str, name: &str) -> String {
    format!("aws scheduler get-schedule --group-name {} --name {}", quote(group), quote(name))
}
