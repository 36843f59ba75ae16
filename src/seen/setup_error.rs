//! Why a load balancer cannot be flipped as it stands, or not as it was asked: for the person who set it up.

use thiserror::Error;

/// A mistake in the set-up or in the parameters. Nothing was changed; CodePipeline gets a ConfigurationError.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetupError {
    /// The parameters are wrong, each mistake with its own sentence.
    #[error("the parameters are wrong: {}", .0.join("; "))]
    Parameters(Vec<String>),
    /// The job carries no action configuration.
    #[error(
        "the job has no {0}; expected data.actionConfiguration.configuration.UserParameters with a JSON object such as {{\"ElbName\":\"my-load-balancer\"}}. Set UserParameters on the Lambda action of the pipeline"
    )]
    NoParameters(String),
    /// No load balancer has this name.
    #[error("no load balancer is named {name}; check ElbName, the account and the Region ({region})")]
    NoLoadBalancer {
        /// The name that was asked for.
        name: String,
        /// The Region that was asked.
        region: String,
    },
    /// Only application load balancers have rules with weights.
    #[error("{name} is a {kind} load balancer, expected an application load balancer")]
    WrongKind {
        /// The load balancer.
        name: String,
        /// AWS's type.
        kind: String,
    },
    /// No pair of ports is there.
    #[error("load balancer {load_balancer} has none of the port pairs {wanted}: {}; expected a live listener and a test listener, such as 80 and 8080. Add the listener, or name the ports with Ports", listens(.found))]
    NoListeners {
        /// The load balancer.
        load_balancer: String,
        /// The pairs that were looked for.
        wanted: String,
        /// The ports that are there.
        found: Vec<u16>,
    },
    /// One port of a pair is there and forwards, the other is missing.
    #[error("load balancer {load_balancer} has no listener on port {missing}, the counterpart of port {port}; {}. Add the listener, or name the ports to flip with Ports", listens(.found))]
    HalfPair {
        /// The load balancer.
        load_balancer: String,
        /// The port that is there.
        port: u16,
        /// The port that is not.
        missing: u16,
        /// The ports that are there.
        found: Vec<u16>,
    },
    /// No rule forwards on both ports.
    #[error("load balancer {load_balancer} has no forward action with a twin on ports {ports}{}; expected a rule or a default action on both ports that forwards to a target group", left(.found))]
    NoForward {
        /// The load balancer.
        load_balancer: String,
        /// The pairs that were looked at.
        ports: String,
        /// What was found instead.
        found: Vec<String>,
    },
    /// A rule that forwards to a group of the flip has no counterpart.
    #[error(
        "port {port}, {rule} forwards to {group}, but {}; it would be left behind by the flip. {}", counterpart(*.other, .instead), twin_advice(*.other, .instead)
    )]
    NoTwin {
        /// The port of the rule.
        port: u16,
        /// The rule.
        rule: String,
        /// The group it forwards to.
        group: String,
        /// The port that lacks the counterpart.
        other: u16,
        /// The action types of the rule with the same conditions, where there is one that does not forward.
        instead: Option<String>,
    },
    /// A group stands opposite several others.
    #[error("{group} stands opposite several target groups, {} ({rule} is one of the rules that concern it); expected one partner for each. Give each service groups of its own on both ports", .others.join(" and "))]
    Ambiguous {
        /// The group.
        group: String,
        /// Those it stands opposite to.
        others: Vec<String>,
        /// A rule that serves it or one of them.
        rule: String,
    },
    /// A rule shares its traffic, and so does not tell its pair.
    #[error(
        "{rule} shares its traffic: {weights}; expected one group with all of it, so that it is clear which two change places. Give one group 100 and the others 0 first"
    )]
    Shared {
        /// The rule.
        rule: String,
        /// Each group's weight.
        weights: String,
    },
    /// Both ports serve one group, and nothing says which other group belongs to it.
    #[error("{} forward to the same target group, {group}, and nothing tells which other group is its partner. Put the partner into both rules with weight 0, then name the group to make live with PromoteTo", .rules.join(" and "))]
    SameGroup {
        /// The two rules.
        rules: [String; 2],
        /// The group that both serve.
        group: String,
    },
    /// The load balancer carries several services.
    #[error("load balancer {load_balancer} carries {} pairs of target groups, so PromoteTo must name the ones to make live (comma-separated): {}", .pairs.len(), .pairs.join("; "))]
    SeveralPairs {
        /// The load balancer.
        load_balancer: String,
        /// Each pair: live and test group.
        pairs: Vec<String>,
    },
    /// PromoteTo names a group that is not there.
    #[error("PromoteTo names {wanted:?}, which no target group of {load_balancer} has as Identifier, name or ARN; there are {}", .known.join(", "))]
    UnknownGroup {
        /// What was asked for.
        wanted: String,
        /// The load balancer.
        load_balancer: String,
        /// What is there.
        known: Vec<String>,
    },
    /// PromoteTo fits several groups.
    #[error("PromoteTo names {wanted:?}, which fits several target groups: {}. Use the name or the ARN", .known.join(", "))]
    AmbiguousGroup {
        /// What was asked for.
        wanted: String,
        /// The groups it fits.
        known: Vec<String>,
    },
    /// PromoteTo names both groups of a pair.
    #[error("PromoteTo names both {0} and {1}, which are each other's partner; only one of them can be live")]
    BothOfPair(String, String),
    /// A rule holds an action that this version cannot send back unharmed.
    #[error(
        "port {port}, {rule} holds an action of type {kind}, which this version cannot write back unchanged; it would be lost. Update this function first"
    )]
    UnknownAction {
        /// The port of the rule.
        port: u16,
        /// The rule.
        rule: String,
        /// AWS's action type.
        kind: String,
    },
    /// AWS would not take the action that a flip has to write.
    #[error("{rule} would have to hold {would}. Take the groups that only stand by out of it first")]
    Overfull {
        /// The rule.
        rule: String,
        /// What it would hold, and what AWS takes.
        would: String,
    },
}

fn counterpart(other: u16, instead: &Option<String>) -> String {
    match instead {
        None => format!("port {other} has no rule with the same conditions"),
        Some(kinds) => format!("its counterpart on port {other} does not forward ({kinds})"),
    }
}

fn twin_advice(other: u16, instead: &Option<String>) -> String {
    match instead {
        None => format!("Give port {other} the same rule, or take this one away"),
        Some(_) => "Let both forward, or neither, or name the ports to flip with Ports".to_owned(),
    }
}

fn listens(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    match ports.as_slice() {
        [] => "it has no listener".to_owned(),
        [only] => format!("it listens on port {only}"),
        several => format!("it listens on ports {}", several.join(", ")),
    }
}

fn left(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" (found: {})", found.join("; ")) }
}
