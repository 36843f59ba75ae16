//! Why the deployer stops although it was asked properly: data with its numbers, and how to go on.

use thiserror::Error;

use crate::verbs::build::stacks::refusal::StackRefusal;

/// Why nothing was written. Exit code 3.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Nothing tells which two groups belong together.
    #[error(
        "load balancer {load_balancer} has no pair of target groups: {}; expected rules on the live and on the test port that forward to two different groups. `deployer doctor` tells how to fix it", .found.join("; ")
    )]
    NoPair {
        /// The load balancer.
        load_balancer: String,
        /// Each twin with the one group that it serves.
        found: Vec<String>,
    },
    /// The load balancer carries several services, and nothing says which one is built.
    #[error(
        "load balancer {load_balancer} carries {} pairs of target groups: {}. Say which one is built with --service CLUSTER/SERVICE or --group NAME", .pairs.len(), .pairs.join("; ")
    )]
    SeveralPairs {
        /// The load balancer.
        load_balancer: String,
        /// Each pair for a person.
        pairs: Vec<String>,
    },
    /// No pair, or more than one, is the one that was named.
    #[error("{option} {wanted} fits {fitting} pairs of target groups of {load_balancer}, expected one; there are {}", .pairs.join("; "))]
    NotThatPair {
        /// `--group` or `--service`.
        option: &'static str,
        /// What was named.
        wanted: String,
        /// How many pairs it fits.
        fitting: usize,
        /// The load balancer.
        load_balancer: String,
        /// Each pair for a person.
        pairs: Vec<String>,
    },
    /// `--strict`, and what is named is not there.
    #[error(
        "no load balancer is named {load_balancer} in {region}, which would make this the first deployment; refused because of --strict. \
         Check the name, the account and the Region; where it is the first deployment, pass --first"
    )]
    NotFirst {
        /// The name.
        load_balancer: String,
        /// The Region.
        region: String,
    },
    /// `--first`, and there is something already.
    #[error(
        "--first says that this is the first deployment, but load balancer {load_balancer} carries {}. Name this service with --service or \
         --group where none of those is its pair; otherwise leave --first out", .pairs.join("; ")
    )]
    NotTheFirst {
        /// The load balancer.
        load_balancer: String,
        /// The pairs that are there.
        pairs: Vec<String>,
    },
    /// The listeners do not tell which group is live.
    #[error(
        "the rules do not tell which version is live: {}; expected one group with all of the live traffic and the other one on test. \
         A flip may be under way or half-done, or somebody shifts traffic by weight: finish that first (`deployer status` shows it)", .rules.join("; ")
    )]
    Unclear {
        /// Each rule with its weights.
        rules: Vec<String>,
    },
    /// A flip is in progress; without a fence its next delivery would promote what is being built.
    #[error(
        "flip {id} to {promoted} is in progress since {since}, and {live} is live: its next delivery would promote the group that is \
         about to be rebuilt. Pass --execution, so that a fence keeps it off; or, where nobody goes on with it, close it with \
         `deployer close-flip --elb {load_balancer}`"
    )]
    FlipInProgress {
        /// The flip.
        id: String,
        /// Since when.
        since: String,
        /// The group it makes live.
        promoted: String,
        /// The group that is live.
        live: String,
        /// The load balancer.
        load_balancer: String,
    },
    /// There is no flip to close.
    #[error("no flip of {load_balancer} is in progress{}; nothing was written. `deployer status` shows the flips", earlier(.last))]
    NoOpenFlip {
        /// The load balancer.
        load_balancer: String,
        /// The last flip of each pair, with its state.
        last: Vec<String>,
    },
    /// Between the look and the confirmation a flip went on.
    #[error("{what} while this was asked; nothing was written. Look again with `deployer status`")]
    OtherFlip {
        /// What changed.
        what: String,
    },
    /// The Identifier tags do not tell the two sides apart.
    #[error(
        "the Identifier tags of target groups {} are {} (live) and {} (test); expected Code1 on one and Code2 on the other. \
         Set them: `{}`", .groups.join(" and "), tag(&.found[0]), tag(&.found[1]), .fix.join("` and `")
    )]
    Identifiers {
        /// The live and the test group's names.
        groups: [String; 2],
        /// Their tags.
        found: [Option<String>; 2],
        /// The commands that fix it.
        fix: Vec<String>,
    },
    /// Neither a tag nor ECS tells which image a side runs.
    #[error(
        "the image of {group} ({role}) is known from nowhere: its Image tag is {}, and {ecs}. Writing a wrong one would redeploy it. \
         Set the tag to what runs there: `{fix}`", tag(.found)
    )]
    ImageUnknown {
        /// The group.
        group: String,
        /// `live` or `test`.
        role: &'static str,
        /// Its tag, where it has one that no registry takes.
        found: Option<String>,
        /// What ECS says.
        ecs: String,
        /// The command that fixes it.
        fix: String,
    },
    /// ECS does not say which of several versions serves behind a group.
    #[error(
        "what {group} ({role}) runs is not certain: {}; expected one service with tasks behind it, and a deployment that is completed. \
         Wait for the deployment, take the service away that is not to serve, or set the tag to what is right: `{fix}`", .several.join("; ")
    )]
    RunsUnclear {
        /// The group.
        group: String,
        /// `live` or `test`.
        role: &'static str,
        /// Each version with its service.
        several: Vec<String>,
        /// The command that settles it.
        fix: String,
    },
    /// `--strict`, and the live group's tag is not what ECS runs.
    #[error("{difference}; refused because of --strict. Correct the tag: `{fix}`")]
    Differs {
        /// What the tag says and what ECS says.
        difference: String,
        /// The command that fixes it.
        fix: String,
    },
    /// Between the look and the confirmation somebody changed a fence.
    #[error(
        "the fence around {group} is not the one that was shown any more: its tag bluegreen:build is {now:?} now. Nothing was taken off; \
         look again with `deployer unfence`"
    )]
    OtherFence {
        /// The group.
        group: String,
        /// What its tag says now.
        now: String,
    },
    /// Nobody is asked anything.
    #[error(
        "no approval waits in {pipeline}; expected one. Nothing was answered: the release has not come to it yet, or somebody has \
         answered it. Look at it: `aws codepipeline get-pipeline-state --name {pipeline}`"
    )]
    NoApproval {
        /// The pipeline.
        pipeline: String,
    },
    /// A side that is a stack, or its new template.
    #[error(transparent)]
    Stack(#[from] StackRefusal),
    /// Between the two looks something moved.
    #[error(
        "{what} while the deployer waited: a flip or another build came between. build.json was left as it was; run it \
         again when that is over"
    )]
    Moved {
        /// What moved, from what to what.
        what: String,
    },
}

fn earlier(last: &[String]) -> String {
    if last.is_empty() { String::new() } else { format!(" (last: {})", last.join(", ")) }
}

fn tag(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "missing".to_owned(), |value| format!("{value:?}"))
}
