//! Why a load balancer cannot be flipped as it is, or not as it was asked: for the person who set it up.

use std::fmt;

use crate::seen::names::{Names, PARAMETERS};

/// A mistake in the set-up or in the parameters. Nothing was changed; CodePipeline gets a ConfigurationError.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupError {
    /// The parameters are wrong, each mistake with its own sentence.
    Parameters(Vec<String>),
    /// The job carries no action configuration.
    NoParameters(String),
    /// No load balancer has this name.
    NoLoadBalancer {
        /// The name that was asked for.
        name: String,
        /// The Region that was asked.
        region: String,
    },
    /// Only application load balancers have rules with weights.
    WrongKind {
        /// The load balancer.
        name: String,
        /// AWS's type.
        kind: String,
    },
    /// No pair of ports is there.
    NoListeners {
        /// The load balancer.
        load_balancer: String,
        /// The pairs that were looked for.
        wanted: String,
        /// The ports that are there.
        found: Vec<u16>,
    },
    /// One port of a pair is there and forwards, the other is missing.
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
    NoForward {
        /// The load balancer.
        load_balancer: String,
        /// The pairs that were looked at.
        ports: String,
        /// What was found instead.
        found: Vec<String>,
    },
    /// A rule that forwards to a group of the flip has no counterpart.
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
    /// A group is opposite several others.
    Ambiguous {
        /// The group.
        group: String,
        /// Those opposite it.
        others: Vec<String>,
        /// A rule that serves it or one of them.
        rule: String,
    },
    /// A rule shares its traffic, and so does not say its pair.
    Shared {
        /// The rule.
        rule: String,
        /// Each group's weight.
        weights: String,
    },
    /// Both ports serve one group, and nothing says which other group is its partner.
    SameGroup {
        /// The two rules.
        rules: [String; 2],
        /// The group that both serve.
        group: String,
    },
    /// The load balancer carries several services.
    SeveralPairs {
        /// The load balancer.
        load_balancer: String,
        /// Each pair: live and test group.
        pairs: Vec<String>,
    },
    /// PromoteTo names a group that is not there.
    UnknownGroup {
        /// What was asked for.
        wanted: String,
        /// The load balancer.
        load_balancer: String,
        /// What is there.
        known: Vec<String>,
    },
    /// PromoteTo fits several groups.
    AmbiguousGroup {
        /// What was asked for.
        wanted: String,
        /// The groups it fits.
        known: Vec<String>,
    },
    /// PromoteTo names both groups of a pair.
    BothOfPair(String, String),
    /// A rule holds an action that this version cannot send back unharmed.
    UnknownAction {
        /// The port of the rule.
        port: u16,
        /// The rule.
        rule: String,
        /// AWS's action type.
        kind: String,
    },
    /// A listener that is in none of the port pairs serves a group of the flip.
    Outside {
        /// The rule, with its port.
        rule: String,
        /// The port of the rule.
        port: u16,
        /// The group it forwards to.
        group: String,
        /// The port pairs.
        ports: String,
    },
    /// One ECS service runs behind both groups of a pair.
    OneService {
        /// `cluster/service`.
        service: String,
        /// The two groups' names.
        groups: [String; 2],
    },
    /// AWS would not take the action that a flip has to write.
    Overfull {
        /// The rule.
        rule: String,
        /// What it would hold, and what AWS takes.
        would: String,
    },
}

impl SetupError {
    /// What was found, what was expected and what to do next, with the settings called by these names.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one sentence for each kind, and nothing else")]
    pub fn words(&self, names: &Names) -> String {
        let Names { elb_name, promote_to, ports: setting, .. } = names;
        match self {
            Self::Parameters(mistakes) => format!("the parameters are wrong: {}", mistakes.join("; ")),
            Self::NoParameters(missing) => format!(
                "the job has no {missing}; expected data.actionConfiguration.configuration.UserParameters with a JSON object such as \
                 {{\"ElbName\":\"my-load-balancer\"}}. Set UserParameters on the Lambda action of the pipeline"
            ),
            Self::NoLoadBalancer { name, region } => {
                format!("no load balancer is named {name}; check {elb_name}, the account and the Region ({region})")
            }
            Self::WrongKind { name, kind } => {
                format!("{name} is a {kind} load balancer, expected an application load balancer; name one with {elb_name}")
            }
            Self::NoListeners { load_balancer, wanted, found } => format!(
                "load balancer {load_balancer} has none of the port pairs {wanted}: {}; expected a live listener and a test \
                 listener, such as 80 and 8080. Add the listener, or name the ports with {setting}",
                listens(found)
            ),
            Self::HalfPair { load_balancer, port, missing, found } => format!(
                "load balancer {load_balancer} has no listener on port {missing}, the counterpart of port {port}; {}. Add the \
                 listener, or name the ports to flip with {setting}",
                listens(found)
            ),
            Self::NoForward { load_balancer, ports, found } => format!(
                "load balancer {load_balancer} has no forward action with a twin on ports {ports}{}; expected a rule or a default \
                 action on both ports that forwards to a target group. Rules are twins where their conditions are the same: give the \
                 rule on the test port those of the live one",
                in_brackets(found)
            ),
            Self::NoTwin { port, rule, group, other, instead } => {
                let (found, advice) = match instead {
                    None => (
                        format!("port {other} has no rule with the same conditions"),
                        format!("Give port {other} the same rule, or delete this one"),
                    ),
                    Some(kinds) => (
                        format!("its counterpart on port {other} does not forward ({kinds})"),
                        format!("Let both forward, or neither, or name the ports to flip with {setting}"),
                    ),
                };
                format!("port {port}, {rule} forwards to {group}, but {found}; the flip could not move it. {advice}")
            }
            Self::Ambiguous { group, others, rule } => format!(
                "{group} is opposite several target groups, {} ({rule} is one of the rules that concern it); expected one partner \
                 for each. Give each service groups of its own on both ports",
                others.join(" and ")
            ),
            Self::Shared { rule, weights } => format!(
                "{rule} shares its traffic: {weights}; expected one group with all of it, so that it is clear which two change \
                 places. Give one group 100 and the others 0 first"
            ),
            Self::SameGroup { rules, group } => format!(
                "{} forward to the same target group, {group}, and no rule or tag names its partner. Put the partner into both \
                 rules with weight 0, then name the group to make live with {promote_to}",
                rules.join(" and ")
            ),
            Self::SeveralPairs { load_balancer, pairs } => format!(
                "load balancer {load_balancer} carries {} pairs of target groups, so {promote_to} must name the ones to make live \
                 (comma-separated): {}",
                pairs.len(),
                pairs.join("; ")
            ),
            Self::UnknownGroup { wanted, load_balancer, known } => format!(
                "{promote_to} names {wanted:?}, which no target group of {load_balancer} has as Identifier, name or ARN; there are {}",
                known.join(", ")
            ),
            Self::AmbiguousGroup { wanted, known } => format!(
                "{promote_to} names {wanted:?}, which fits several target groups: {}. Use the name or the ARN",
                known.join(", ")
            ),
            Self::BothOfPair(one, other) => {
                format!("{promote_to} names both {one} and {other}, which are each other's partner; only one of them can be live")
            }
            Self::UnknownAction { port, rule, kind } => format!(
                "port {port}, {rule} holds an action of type {kind}, which this version cannot write back unchanged; it would be \
                 lost. Update this function first"
            ),
            Self::Outside { rule, port, group, ports } => format!(
                "{rule} forwards to {group}, but port {port} is in none of the port pairs {ports}: a flip would leave it behind, and a \
                 build would replace what it serves. Take it in with {setting}, such as {ports},{port}:TEST with the port that rehearses \
                 it (which may be one of those), or let it forward to a group of its own"
            ),
            Self::OneService { service, groups } => format!(
                "service {service} registers its tasks into both {} (as ECS's own blue/green does); expected a service for each, since \
                 one service cannot run two versions as long as they are needed. Give one of the groups a service of its own",
                groups.join(" and ")
            ),
            Self::Overfull { rule, would } => {
                format!("{rule} would have to hold {would}. Remove every group but the two of the pair from it first")
            }
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&PARAMETERS))
    }
}

impl std::error::Error for SetupError {}

fn listens(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    match ports.as_slice() {
        [] => "it has no listener".to_owned(),
        [only] => format!("it listens on port {only}"),
        several => format!("it listens on ports {}", several.join(", ")),
    }
}

fn in_brackets(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" (found: {})", found.join("; ")) }
}
