//! Test ports that the whole internet may reach. Pure.

use blue_green::aws::elb::exposure::Exposure;
use blue_green::seen::ports::PortPair;
use blue_green::seen::topology::Topology;
use serde_json::{Value, json};
use shell_words::quote;

use super::finding::Finding;
use blue_green::aws::ec2::read::Ingress;

/// Everybody, by IPv4 and by IPv6.
const WORLD: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// Whom the load balancer's security groups let in.
pub enum Doors {
    /// Their rules.
    Known(Vec<Ingress>),
    /// Nothing tells, for this reason.
    Unknown(String),
}

/// Who may reach a test port of an internet-facing load balancer; nothing to say where no rule opens one to the world.
#[must_use]
pub fn examine(topology: &Topology, ports: &[PortPair], exposure: &Exposure, doors: &Doors) -> Vec<Finding> {
    let tests = ports.iter().map(|pair| pair.test).filter(|port| topology.listeners.contains_key(port));
    let tests: Vec<u16> = tests.collect();
    if !exposure.internet_facing || tests.is_empty() {
        return Vec::new();
    }
    match doors {
        Doors::Known(rules) => {
            rules.iter().flat_map(|rule| WORLD.iter().filter_map(|world| open(topology, &tests, rules, rule, world))).collect()
        }
        Doors::Unknown(why) => vec![unknown(exposure, &tests, why)],
    }
}

/// A rule that opens a test port to the world, with the command that closes it. Where the rule opens other listeners too,
/// these are opened by a rule of their own first: production must not close with the rehearsal.
fn open(topology: &Topology, tests: &[u16], rules: &[Ingress], rule: &Ingress, world: &str) -> Option<Finding> {
    let lets_in = |rule: &Ingress, port: u16| rule.ranges.iter().any(|range| range == world) && covers(rule, port);
    let opened: Vec<String> = tests.iter().filter(|port| lets_in(rule, **port)).map(ToString::to_string).collect();
    if opened.is_empty() {
        return None;
    }
    let narrow = |other: &&Ingress| !tests.iter().any(|port| lets_in(other, *port));
    let kept = |port: &&u16| lets_in(rule, **port) && !rules.iter().filter(narrow).any(|other| lets_in(other, **port));
    let others = topology.listeners.keys().filter(|port| !tests.contains(port)).filter(kept);
    let others: Vec<Value> = others.map(|port| permission("tcp", Some((*port, *port)), world)).collect();
    let close = command("revoke", &rule.group, &[permission(&rule.protocol, rule.ports, world)]);
    let fix = if others.is_empty() { close } else { format!("{} && {close}", command("authorize", &rule.group, &others)) };
    let what = match rule.ports {
        _ if rule.protocol == "-1" => "all traffic".to_owned(),
        Some((from, to)) if from == to => format!("port {from}"),
        Some((from, to)) => format!("ports {from} to {to}"),
        None => "all ports".to_owned(),
    };
    Some(Finding::warns(
        format!(
            "the load balancer is internet-facing, and a rule of security group {} lets {world} in to {what}: the whole internet may reach \
             the rehearsal on test port {}",
            rule.group,
            opened.join(" and ")
        ),
        fix,
    ))
}

fn covers(rule: &Ingress, port: u16) -> bool {
    match rule.protocol.as_str() {
        "-1" => true,
        "tcp" | "6" => rule.ports.is_none_or(|(from, to)| (from..=to).contains(&port)),
        _ => false,
    }
}

/// A rule as EC2 takes it (EC2 API, IpPermission).
fn permission(protocol: &str, ports: Option<(u16, u16)>, range: &str) -> Value {
    let mut permission = match range.contains(':') {
        true => json!({ "IpProtocol": protocol, "Ipv6Ranges": [{ "CidrIpv6": range }] }),
        false => json!({ "IpProtocol": protocol, "IpRanges": [{ "CidrIp": range }] }),
    };
    if let Some((from, to)) = ports.filter(|_| protocol != "-1") {
        permission["FromPort"] = json!(from);
        permission["ToPort"] = json!(to);
    }
    permission
}

fn command(verb: &str, group: &str, permissions: &[Value]) -> String {
    let permissions = json!(permissions).to_string();
    format!("aws ec2 {verb}-security-group-ingress --group-id {group} --ip-permissions {}", quote(&permissions))
}

fn unknown(exposure: &Exposure, tests: &[u16], why: &str) -> Finding {
    let groups = exposure.security_groups.join(" ");
    let tests: Vec<String> = tests.iter().map(ToString::to_string).collect();
    let finding = Finding::warns(
        format!(
            "the load balancer is internet-facing, and whom its security groups let in to test port {} is not known ({why}): see that no rule \
             opens it to 0.0.0.0/0 or ::/0",
            tests.join(" and ")
        ),
        format!("aws ec2 describe-security-groups --group-ids {groups}").trim_end_matches(" --group-ids ").to_owned(),
    );
    finding.by_looking()
}
