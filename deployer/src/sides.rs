//! Which group is live and which one is on test, for the one service that is built. Pure.
//!
//! Stricter than a flip: a flip may finish what is half-done, a build must not be written while that is open.

use blue_green::intent::marks;
use blue_green::journal::{FLIP, Flip};
use blue_green::ports::PortPair;
use blue_green::topology::{Serves, TargetGroup, Topology};
use blue_green::twins::{Pair, Survey, survey};

use crate::exit::Failure;
use crate::mend;
use crate::refused::Refused;

/// Which pair of groups is meant, where the load balancer carries several.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The `Service` tag of one of its groups.
    pub service: Option<String>,
    /// The name or the ARN of one of its groups.
    pub group: Option<String>,
}

/// The two sides of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides<'a> {
    /// The group that every live rule serves.
    pub live: &'a TargetGroup,
    /// The group that every test rule serves.
    pub test: &'a TargetGroup,
    /// The flip that the pair's journal names.
    pub flip: Option<Flip>,
}

impl Sides<'_> {
    /// Whether the journal's flip made the live group live.
    #[must_use]
    pub fn flip_is_done(&self) -> bool {
        self.flip.as_ref().is_some_and(|flip| flip.promotes(&self.live.arn))
    }

    /// Whether the live group was made live by this execution: then this is a retry after its own flip.
    #[must_use]
    pub fn were_flipped_by(&self, execution: &str) -> bool {
        self.flip_is_done() && self.flip.as_ref().is_some_and(|flip| flip.id.is_of(execution))
    }
}

/// Finds the sides.
///
/// # Errors
/// Where the listeners do not tell them, or the choice does not tell the pair.
pub fn sides<'a>(topology: &'a Topology, ports: &[PortPair], choice: &Choice, fenced: bool) -> Result<Sides<'a>, Failure> {
    let survey = survey(topology, ports)?;
    let pair = chosen(topology, &survey, choice)?;
    let (live, test) = serving(topology, &survey, pair)?;
    let flip = marks(topology, pair).flip.filter(|flip| flip.names(&pair.first) && flip.names(&pair.second));
    let sides = Sides { live, test, flip };
    match &sides.flip {
        Some(flip) if !sides.flip_is_done() && !fenced => Err(Refused::HalfDone {
            id: flip.id.to_string(),
            since: flip.time.to_string(),
            promoted: test.describe(),
            live: live.describe(),
            mend: mend::tag(&[&live.arn, &test.arn], FLIP, "-"),
        }
        .into()),
        _ => Ok(sides),
    }
}

fn chosen<'s>(topology: &Topology, survey: &'s Survey<'_>, choice: &Choice) -> Result<&'s Pair, Refused> {
    let pairs = || survey.pairs.keys().map(|pair| describe(topology, pair)).collect();
    let holds = |pair: &Pair, matches: &dyn Fn(&TargetGroup) -> bool| {
        [&pair.first, &pair.second].into_iter().filter_map(|arn| topology.group(arn)).any(matches)
    };
    let named = match (&choice.group, &choice.service) {
        (Some(group), _) => Some(("--group", group)),
        (None, Some(service)) => Some(("--service", service)),
        (None, None) => None,
    };
    let fitting: Vec<&Pair> = match named {
        Some(("--group", wanted)) => {
            survey.pairs.keys().filter(|pair| holds(pair, &|group| group.name == *wanted || group.arn == *wanted)).collect()
        }
        Some((_, wanted)) => {
            let tag = |group: &TargetGroup| group.tag(blue_green::topology::SERVICE) == Some(wanted);
            survey.pairs.keys().filter(|pair| holds(pair, &tag)).collect()
        }
        None => survey.pairs.keys().collect(),
    };
    match (fitting.as_slice(), named) {
        ([only], _) => Ok(only),
        ([], None) => Err(Refused::NoPair { load_balancer: topology.name.clone(), found: lonely(topology, survey) }),
        (_, None) => Err(Refused::SeveralPairs { load_balancer: topology.name.clone(), pairs: pairs() }),
        (fitting, Some((option, wanted))) => Err(Refused::NotThatPair {
            option,
            wanted: wanted.clone(),
            fitting: fitting.len(),
            load_balancer: topology.name.clone(),
            pairs: pairs(),
        }),
    }
}

/// A pair for a person: `cart-code1 and cart-code2 (service main/cart)`.
fn describe(topology: &Topology, pair: &Pair) -> String {
    let groups: Vec<&TargetGroup> = [&pair.first, &pair.second].into_iter().filter_map(|arn| topology.group(arn)).collect();
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let mut services: Vec<&str> = groups.iter().filter_map(|group| group.tag(blue_green::topology::SERVICE)).collect();
    services.dedup();
    let names = names.join(" and ");
    if services.is_empty() { names } else { format!("{names} (service {})", services.join(" and ")) }
}

fn lonely(topology: &Topology, survey: &Survey<'_>) -> Vec<String> {
    let told = survey.lonely.iter().map(|index| {
        let twin = &survey.twins[*index];
        format!("{} and port {} forward to {}", twin.live.describe(), twin.test.port, topology.weights(twin.live.forward))
    });
    told.collect()
}

/// The live and the test group of a pair, where all of its rules agree. A live rule without a twin counts too: what it
/// serves is production.
fn serving<'a>(topology: &'a Topology, survey: &Survey<'_>, pair: &Pair) -> Result<(&'a TargetGroup, &'a TargetGroup), Refused> {
    let twins = || survey.pairs[pair].iter().map(|index| &survey.twins[*index]);
    let is_live_port = |port: u16| survey.ports.iter().any(|ports| ports.live == port);
    let alone = || {
        let concerned = |group: &str| pair.holds(group);
        survey.alone.iter().filter(move |side| {
            is_live_port(side.port) && side.forward.targets.iter().any(|target| target.weight > 0 && concerned(&target.group))
        })
    };
    for (live, test) in [(&pair.first, &pair.second), (&pair.second, &pair.first)] {
        let agreed = twins().all(|twin| twin.live.forward.serves_only(live) && twin.test.forward.serves_only(test))
            && alone().all(|side| side.forward.serves() == Serves::One(live));
        if let (true, Some(live), Some(test)) = (agreed, topology.group(live), topology.group(test)) {
            return Ok((live, test));
        }
    }
    let sides = twins().flat_map(|twin| [&twin.live, &twin.test]).chain(alone());
    let rules = sides.map(|side| format!("{} forwards to {}", side.describe(), topology.weights(side.forward)));
    Err(Refused::Unclear { rules: rules.collect() })
}
