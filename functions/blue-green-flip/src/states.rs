//! How the rules are, in words, and in so few that a message of CodePipeline holds them: 20 pairs with a hundred rules a
//! listener too.

use blue_green::asked::parameters::Parameters;
use blue_green::plan::Plan;
use blue_green::plan::labels::is_live;
use blue_green::release::guard::pair_of;
use blue_green::release::intent::Promotion;
use blue_green::report::MESSAGE_LIMIT;
use blue_green::seen::topology::{Serves, Topology};
use blue_green::seen::twins::{Side, survey};

/// How many states are told with conditions and all weights; of more, only which rules send everything to whom.
const TOLD_WHOLE: usize = 8;
/// How many characters all states together have; what else a message tells needs the rest.
const ROOM: usize = MESSAGE_LIMIT * 3 / 4;

/// Each rule of the promotions with the weights that it has, those of the live ports first.
pub fn states(topology: &Topology, asked: &Parameters, promotions: &[Promotion]) -> Vec<String> {
    sides(topology, asked, promotions, |_, _| true)
}

/// The rules that do not serve what is wanted.
pub fn differences(topology: &Topology, asked: &Parameters, promotions: &[Promotion]) -> Vec<String> {
    sides(topology, asked, promotions, |side, wanted| !side.forward.serves_only(wanted))
}

fn sides(
    topology: &Topology,
    asked: &Parameters,
    promotions: &[Promotion],
    tell: impl Fn(&Side<'_>, &str) -> bool,
) -> Vec<String> {
    let Ok(survey) = survey(topology, &asked.ports) else { return vec!["the listeners cannot be paired any more".to_owned()] };
    let (mut live, mut test, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for promotion in promotions {
        let Some(pair) = pair_of(&survey, promotion) else {
            let (promoted, retired) = (topology.short(&promotion.promoted), topology.short(&promotion.retired));
            gone.push(format!("no rule tells any more that {promoted} and {retired} are a pair"));
            continue;
        };
        for twin in survey.twins_of(pair) {
            live.extend(Some(twin.live).filter(|side| tell(side, &promotion.promoted)));
            test.extend(Some(twin.test).filter(|side| tell(side, &promotion.retired)));
        }
    }
    live.extend(test);
    gone.extend(sentences(topology, &live));
    within_room(gone)
}

/// A sentence for all rules of a port that forward alike.
fn sentences(topology: &Topology, sides: &[Side<'_>]) -> Vec<String> {
    let mut alike: Vec<Vec<&Side<'_>>> = Vec::new();
    for side in sides {
        let same = |others: &&mut Vec<&Side<'_>>| others[0].port == side.port && others[0].forward == side.forward;
        match alike.iter_mut().find(same) {
            Some(others) => others.push(side),
            None => alike.push(vec![side]),
        }
    }
    let whole = alike.len() <= TOLD_WHOLE;
    alike.iter().map(|sides| sentence(topology, sides, whole)).collect()
}

fn sentence(topology: &Topology, sides: &[&Side<'_>], whole: bool) -> String {
    let Side { port, forward, .. } = sides[0];
    let to = match forward.serves() {
        Serves::One(group) if !whole && !forward.stickiness.on => topology.short(group).to_owned(),
        _ => topology.weights(forward),
    };
    if let ([side], true) = (sides, whole) {
        return format!("{} forwards to {to}", side.describe());
    }
    let numbers: Vec<&str> =
        sides.iter().map(|side| side.rule.priority.as_str()).filter(|priority| *priority != "default").collect();
    let rules = match numbers.as_slice() {
        [] => None,
        [only] => Some(format!("rule {only}")),
        several => Some(format!("rules {}", several.join(", "))),
    };
    let default = (numbers.len() < sides.len()).then(|| "default action".to_owned());
    let called: Vec<String> = default.into_iter().chain(rules).collect();
    let verb = if sides.len() == 1 { "forwards" } else { "forward" };
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

/// Each rule, where the rules of a pair do not all say the same.
pub fn split(topology: &Topology, asked: &Parameters) -> Vec<String> {
    let Ok(survey) = survey(topology, &asked.ports) else { return Vec::new() };
    let apart = survey.pairs.keys().filter(|pair| is_live(&survey, pair, &pair.first).is_none());
    let promotions: Vec<Promotion> = apart.map(|pair| Promotion::of(pair, &pair.first)).collect();
    states(topology, asked, &promotions)
}

/// What was to be written, where nothing can be read any more.
pub fn planned(plan: &Plan) -> Vec<String> {
    within_room(plan.rules().map(|write| format!("{write} (not known whether it was done)")).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use blue_green::seen::topology::{
        Action, ActionKind, Condition, Forward, Listener, Rule, RuleId, Stickiness, TargetGroup, Weighted,
    };

    use super::*;

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
            Rule { id, priority, conditions, actions: vec![Action { order: None, kind: ActionKind::Forward(forward) }] }
        };
        Listener { arn: port.to_string(), port, rules: (0..rules).map(rule).collect() }
    }

    fn told(pairs: usize, rules: usize, moved: usize) -> Vec<String> {
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
        };
        let promotion = |pair| Promotion { promoted: group(pair, "b"), retired: group(pair, "a"), finishes: None };
        let Ok(asked) = Parameters::parse(r#"{"ElbName":"shop"}"#) else { return Vec::new() };
        states(&topology, &asked, &(0..pairs).map(promotion).collect::<Vec<_>>())
    }

    #[test]
    fn rules_that_forward_alike_are_told_together() {
        let (a, b) = ("a-group-with-a-rather-long-0-a", "a-group-with-a-rather-long-0-b");
        assert_eq!(
            told(1, 4, 2),
            [
                format!("port 80, rules 10000, 10001 forward to {a} 0, {b} 100"),
                format!("port 80, default action and rule 10002 forward to {a} 100, {b} 0"),
                format!("port 8080, default action and rules 10000, 10001, 10002 forward to {a} 0, {b} 100"),
            ]
        );
    }

    #[test]
    fn twenty_pairs_with_a_hundred_rules_a_listener_fit_a_message_the_live_port_whole() {
        for moved in [0, 20, 50, 100] {
            let states = told(20, 100, moved);
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
