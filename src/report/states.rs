//! How the rules are, in words, and in so few that a message of CodePipeline holds them: 20 pairs with a hundred rules a
//! listener too.

use super::MESSAGE_LIMIT;
use crate::seen::pair::Pair;
use crate::seen::survey::Survey;
use crate::seen::topology::{Serves, Topology};
use crate::seen::twins::PortRule;

/// How many rules are described with conditions and all weights; of more, only which ones send everything to whom.
const DESCRIBED: usize = 8;
/// How many characters all states together have; what else a message says needs the rest.
const ROOM: usize = MESSAGE_LIMIT * 3 / 4;

/// Each rule of these pairs with the weights that it has, those of the live ports first.
#[must_use]
pub fn states(topology: &Topology, survey: &Survey<'_>, pairs: &[&Pair]) -> Vec<String> {
    let twins = || pairs.iter().flat_map(|pair| survey.twins_of(pair));
    let rules: Vec<&PortRule<'_>> = twins().map(|twin| &twin.live).chain(twins().map(|twin| &twin.test)).collect();
    within_room(sentences(topology, &rules))
}

/// Every rule that forwards, with the weights that it has, those of the live ports first.
#[must_use]
pub fn all(topology: &Topology, survey: &Survey<'_>) -> Vec<String> {
    let live = survey.twins.iter().map(|twin| &twin.live);
    let rules: Vec<&PortRule<'_>> = live.chain(survey.twins.iter().map(|twin| &twin.test)).chain(&survey.unmatched).collect();
    within_room(sentences(topology, &rules))
}

/// A sentence for all rules of a port that forward alike.
fn sentences(topology: &Topology, rules: &[&PortRule<'_>]) -> Vec<String> {
    let mut alike: Vec<Vec<&PortRule<'_>>> = Vec::new();
    for rule in rules {
        let same = |others: &&mut Vec<&PortRule<'_>>| others[0].port == rule.port && others[0].forward == rule.forward;
        match alike.iter_mut().find(same) {
            Some(others) => others.push(rule),
            None => alike.push(vec![rule]),
        }
    }
    let few = alike.len() <= DESCRIBED;
    alike.iter().map(|rules| sentence(topology, rules, few)).collect()
}

fn sentence(topology: &Topology, rules: &[&PortRule<'_>], few: bool) -> String {
    let PortRule { port, forward, .. } = rules[0];
    let to = match forward.serves() {
        Serves::One(group) if !few && !forward.stickiness.on => topology.short(group).to_owned(),
        _ => topology.weights(forward),
    };
    if let ([rule], true) = (rules, few) {
        return format!("{} forwards to {to}", rule.describe());
    }
    let numbers: Vec<&str> =
        rules.iter().map(|rule| rule.rule.priority.as_str()).filter(|priority| *priority != "default").collect();
    let numbered = match numbers.as_slice() {
        [] => None,
        [only] => Some(format!("rule {only}")),
        several => Some(format!("rules {}", several.join(", "))),
    };
    let default = (numbers.len() < rules.len()).then(|| "default action".to_owned());
    let called: Vec<String> = default.into_iter().chain(numbered).collect();
    let verb = if rules.len() == 1 { "forwards" } else { "forward" };
    format!("port {port}, {} {verb} to {to}", called.join(" and "))
}

/// As many as there is room for, and how many more there are.
fn within_room(mut sentences: Vec<String>) -> Vec<String> {
    let mut length = 0;
    let fit = sentences.iter().take_while(|sentence| {
        length += sentence.chars().count() + "; ".len();
        length <= ROOM
    });
    let (fit, all) = (fit.count(), sentences.len());
    sentences.truncate(fit);
    sentences.extend((fit < all).then(|| format!("and {} more, which have no room here", all - fit)));
    sentences
}

/// Each rule of the pairs whose rules do not all say the same.
#[must_use]
pub fn split(topology: &Topology, survey: &Survey<'_>) -> Vec<String> {
    let whole = |pair: &Pair| survey.serves(pair, &pair.first) || survey.serves(pair, &pair.second);
    let pairs: Vec<&Pair> = survey.pairs.keys().filter(|pair| !whole(pair)).collect();
    states(topology, survey, &pairs)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::seen::group::TargetGroup;
    use crate::seen::topology::{Action, ActionKind, Condition, Forward, Listener, Rule, RuleId, Stickiness, Weighted};

    use super::*;
    use crate::seen::ports;
    use crate::seen::survey::survey;

    fn group(pair: usize, side: &str) -> String {
        format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/a-group-with-a-rather-long-{pair}-{side}/1")
    }

    /// A listener whose rules forward to the pairs in turn; the first `moved` ones, to the other group.
    fn listener(port: u16, pairs: usize, rules: usize, moved: usize) -> Listener {
        let rule = |number: usize| {
            let (a, b) = (group(number % pairs, "a"), group(number % pairs, "b"));
            let weight = |all: bool| if all { 100 } else { 0 };
            let to_a = (port == 80) == (number >= moved);
            let targets = vec![Weighted { group: a, weight: weight(to_a) }, Weighted { group: b, weight: weight(!to_a) }];
            let forward = Forward { targets, stickiness: Stickiness::default() };
            let priority = if number + 1 == rules { "default".to_owned() } else { (10_000 + number).to_string() };
            let id = RuleId::Rule(format!("{port}/{number}"));
            let values = BTreeSet::from([format!("/{}/{number}/*", "x".repeat(100))]);
            let path = Condition { field: "path-pattern".to_owned(), name: None, values };
            let conditions = if priority == "default" { BTreeSet::new() } else { BTreeSet::from([path]) };
            let actions = vec![Action { order: None, kind: ActionKind::Forward(forward) }];
            Rule { id, priority, conditions, actions, transforms: false }
        };
        Listener { arn: port.to_string(), port, rules: (0..rules).map(rule).collect() }
    }

    fn described(pairs: usize, rules: usize, moved: usize) -> Vec<String> {
        let arns = || (0..pairs).flat_map(|pair| ["a", "b"].map(|side| group(pair, side)));
        let named = |arn: String| {
            let name = arn.split('/').nth(1).unwrap_or_default().to_owned();
            let empty = TargetGroup {
                arn: arn.clone(),
                name,
                tags: BTreeMap::new(),
                targets: Vec::new(),
                sticky: false,
                health_checks: true,
            };
            (arn, empty)
        };
        let topology = Topology {
            name: "shop".to_owned(),
            arn: "shop".to_owned(),
            listeners: [listener(80, pairs, rules, moved), listener(8080, pairs, rules, 0)].map(|l| (l.port, l)).into(),
            groups: arns().map(named).collect(),
            companions: BTreeMap::new(),
        };
        let Ok(survey) = survey(&topology, &ports::DEFAULT) else { return Vec::new() };
        let pairs: Vec<&Pair> = survey.pairs.keys().collect();
        states(&topology, &survey, &pairs)
    }

    #[test]
    fn rules_that_forward_alike_are_told_together() {
        let (a, b) = ("a-group-with-a-rather-long-0-a", "a-group-with-a-rather-long-0-b");
        assert_eq!(
            described(1, 4, 2),
            [
                format!("port 80, rules 10000, 10001 forward to {a} 0, {b} 100"),
                format!("port 80, default action and rule 10002 forward to {a} 100, {b} 0"),
                format!("port 8080, default action and rules 10000, 10001, 10002 forward to {a} 0, {b} 100"),
            ]
        );
    }

    #[test]
    fn twenty_pairs_with_a_hundred_rules_fit_a_message() {
        for moved in [0, 20, 50, 100] {
            let states = described(20, 100, moved);
            let message = states.join("; ");
            assert!(message.chars().count() <= ROOM + 50, "{moved}: {}", message.len());
            for number in 0..99 {
                assert!(
                    states.iter().any(|state| state.starts_with("port 80,") && state.contains(&(10_000 + number).to_string()))
                );
            }
        }
    }
}
