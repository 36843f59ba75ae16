//! How the rules are, in words.

use blue_green::intent::Promotion;
use blue_green::labels::is_live;
use blue_green::parameters::Parameters;
use blue_green::plan::Plan;
use blue_green::safety::pair_of;
use blue_green::topology::Topology;
use blue_green::twins::survey;

/// Each rule of the promotions with the weights that it has.
pub fn states(topology: &Topology, asked: &Parameters, promotions: &[Promotion]) -> Vec<String> {
    sides(topology, asked, promotions, |_, _| true)
}

/// The rules that do not serve what is wanted.
pub fn differences(topology: &Topology, asked: &Parameters, promotions: &[Promotion]) -> Vec<String> {
    sides(topology, asked, promotions, |serves, wanted| !serves(wanted))
}

fn sides(
    topology: &Topology,
    asked: &Parameters,
    promotions: &[Promotion],
    tell: impl Fn(&dyn Fn(&str) -> bool, &str) -> bool,
) -> Vec<String> {
    let Ok(survey) = survey(topology, &asked.ports) else { return vec!["the listeners cannot be paired any more".to_owned()] };
    let mut told = Vec::new();
    for promotion in promotions {
        let twins = pair_of(&survey, promotion).and_then(|pair| survey.pairs.get(pair)).into_iter().flatten();
        for twin in twins.map(|index| &survey.twins[*index]) {
            for (side, wanted) in [(twin.live, &promotion.promoted), (twin.test, &promotion.retired)] {
                if tell(&|group| side.forward.serves_only(group), wanted) {
                    told.push(format!("{} forwards to {}", side.describe(), topology.weights(side.forward)));
                }
            }
        }
    }
    told
}

/// Each rule, where the rules of a pair do not all say the same.
pub fn split(topology: &Topology, asked: &Parameters) -> Vec<String> {
    let Ok(survey) = survey(topology, &asked.ports) else { return Vec::new() };
    let apart = survey.pairs.keys().filter(|pair| is_live(&survey, pair, &pair.first).is_none());
    let promotions: Vec<Promotion> =
        apart.map(|pair| Promotion { promoted: pair.first.clone(), retired: pair.second.clone(), finishes: None }).collect();
    states(topology, asked, &promotions)
}

/// What was to be written, where nothing can be read any more.
pub fn planned(plan: &Plan) -> Vec<String> {
    plan.rules().map(|write| format!("{write} (not known whether it was done)")).collect()
}
