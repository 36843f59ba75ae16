//! Which group is live and which one is on test, for the one service that is built. Pure.
//!
//! Stricter than a flip: a flip may finish what is half-done, a build must not be written while that is open.

use blue_green::release::journal::Journal;
use blue_green::release::record::Flip;
use blue_green::seen::group::{SERVICE, TargetGroup};
use blue_green::seen::pair::Pair;
use blue_green::seen::ports::PortPair;
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::side::Side;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::Topology;
use blue_green::seen::twins::{PortRule, Twin};

use crate::failure::Failure;
use crate::refused::Refused;

/// Which pair of groups is meant, where the load balancer carries several.
#[derive(Clone, Debug)]
pub enum Choice {
    /// The only one.
    Only,
    /// The one with this `Service` tag on one of its groups.
    Service(String),
    /// The one with a group of this name or ARN.
    Group(String),
}

impl Choice {
    fn fits(&self, group: &TargetGroup) -> bool {
        match self {
            Self::Only => true,
            Self::Service(wanted) => group.tag(SERVICE) == Some(wanted),
            Self::Group(wanted) => group.name == *wanted || group.arn == *wanted,
        }
    }
}

/// The two sides of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides<'a> {
    /// The group that every live rule serves.
    pub live: &'a TargetGroup,
    /// The group that every test rule serves.
    pub test: &'a TargetGroup,
    /// Which of the pair is live.
    pub live_side: Side,
    /// The flip of the pair, and the group that it promotes.
    pub flip: Option<(Side, Flip)>,
    /// Whether the pair has records that cannot be read.
    pub unreadable: bool,
    journal: Journal,
}

impl Sides<'_> {
    /// The two groups as a pair.
    #[must_use]
    pub fn pair(&self) -> Pair {
        Pair::new(&self.live.arn, &self.test.arn)
    }

    /// Whether the live group was made live by this execution: then this is a retry after its own flip.
    #[must_use]
    pub fn were_flipped_by(&self, execution: &str) -> bool {
        self.journal.made_by(execution, self.live_side)
    }
}

/// Finds the sides.
///
/// # Errors
/// Where the listeners do not say them, or the choice does not say the pair.
pub fn sides<'a>(topology: &'a Topology, ports: &[PortPair], choice: &Choice, fenced: bool) -> Result<Sides<'a>, Failure> {
    let survey = survey(topology, ports)?;
    let pair = chosen(topology, &survey, choice)?;
    if let Some(outside) = [&pair.first, &pair.second].into_iter().find_map(|group| survey.outside(topology, group)) {
        return Err(outside.into());
    }
    let (live, test) = serving(topology, &survey, pair)?;
    let journal = Journal::of_pair(topology, pair);
    let (flip, unreadable) = (journal.newest(), !journal.unreadable().is_empty());
    let live_side = if pair.first == live.arn { Side::First } else { Side::Second };
    match flip.as_ref().filter(|(on, flip)| flip.in_progress() && *on != live_side && !fenced) {
        Some((_, flip)) => Err(Refused::FlipInProgress {
            id: flip.id.to_string(),
            since: flip.time.to_string(),
            promoted: test.describe(),
            live: live.describe(),
            load_balancer: topology.name.clone(),
        }
        .into()),
        None => Ok(Sides { live, test, live_side, flip, unreadable, journal }),
    }
}

/// Whether the service that is built is not there yet, as `--first` says.
///
/// # Errors
/// The pairs that are there, where one of them is the service's or nothing says that none is.
pub fn is_new(topology: &Topology, ports: &[PortPair], choice: &Choice) -> Result<(), Failure> {
    let survey = match survey(topology, ports) {
        Err(SetupError::NoListeners { .. } | SetupError::NoForward { .. }) => return Ok(()),
        survey => survey?,
    };
    let is_there = |pair: &Pair| groups(topology, pair).any(|group| choice.fits(group));
    if survey.pairs.keys().any(is_there) {
        let pairs = survey.pairs.keys().map(|pair| describe(topology, pair)).collect();
        return Err(Refused::NotTheFirst { load_balancer: topology.name.clone(), pairs }.into());
    }
    Ok(())
}

fn chosen<'s>(topology: &Topology, survey: &'s Survey<'_>, choice: &Choice) -> Result<&'s Pair, Refused> {
    let fits = |pair: &&Pair| groups(topology, pair).any(|group| choice.fits(group));
    let fitting: Vec<&Pair> = survey.pairs.keys().filter(fits).collect();
    if let [only] = fitting.as_slice() {
        return Ok(only);
    }
    let load_balancer = topology.name.clone();
    let pairs = survey.pairs.keys().map(|pair| describe(topology, pair)).collect();
    let (option, wanted) = match choice {
        Choice::Only if fitting.is_empty() => return Err(Refused::NoPair { load_balancer, found: unpaired(topology, survey) }),
        Choice::Only => return Err(Refused::SeveralPairs { load_balancer, pairs }),
        Choice::Service(wanted) => ("--service", wanted.clone()),
        Choice::Group(wanted) => ("--group", wanted.clone()),
    };
    Err(Refused::NotThatPair { option, wanted, fitting: fitting.len(), load_balancer, pairs })
}

fn groups<'a>(topology: &'a Topology, pair: &Pair) -> impl Iterator<Item = &'a TargetGroup> {
    [&pair.first, &pair.second].map(|arn| topology.group(arn)).into_iter().flatten()
}

/// A pair for a person: `cart-code1 and cart-code2 (service main/cart)`.
fn describe(topology: &Topology, pair: &Pair) -> String {
    let names: Vec<&str> = groups(topology, pair).map(|group| group.name.as_str()).collect();
    let mut services: Vec<&str> = groups(topology, pair).filter_map(|group| group.tag(SERVICE)).collect();
    services.dedup();
    let names = names.join(" and ");
    if services.is_empty() { names } else { format!("{names} (service {})", services.join(" and ")) }
}

/// What is there instead of a pair.
fn unpaired(topology: &Topology, survey: &Survey<'_>) -> Vec<String> {
    let unpaired = survey.unpaired.iter().map(|index| {
        let twin = &survey.twins[*index];
        format!("{} and port {} forward to {}", twin.live.describe(), twin.test.port, topology.weights(twin.live.forward))
    });
    unpaired.chain(survey.ambiguous.iter().map(|(_, setup_error)| setup_error.to_string())).collect()
}

/// The live and the test group of a pair, where all rules agree. Every live rule that sends traffic to one of the two
/// counts, also one without a twin or of another pair: what it serves is production.
fn serving<'a>(topology: &'a Topology, survey: &Survey<'_>, pair: &Pair) -> Result<(&'a TargetGroup, &'a TargetGroup), Refused> {
    let twins: Vec<&Twin<'_>> = survey.twins_of(pair).collect();
    let on_live_port = |side: &&PortRule<'_>| survey.ports.iter().any(|ports| ports.live == side.port);
    let sends = |side: &&PortRule<'_>| side.forward.targets.iter().any(|target| target.weight > 0 && pair.holds(&target.group));
    let every = survey.twins.iter().map(|twin| &twin.live).chain(survey.unmatched.iter().filter(on_live_port));
    let production: Vec<&PortRule<'_>> = every.filter(sends).collect();
    for (live, test) in [(&pair.first, &pair.second), (&pair.second, &pair.first)] {
        let agreed = twins.iter().all(|twin| twin.live.forward.serves_only(live) && twin.test.forward.serves_only(test))
            && production.iter().all(|side| side.forward.serves_only(live));
        if let (true, Some(live), Some(test)) = (agreed, topology.group(live), topology.group(test)) {
            return Ok((live, test));
        }
    }
    let mut sides: Vec<&PortRule<'_>> = twins.into_iter().flat_map(|twin| [&twin.live, &twin.test]).collect();
    let others: Vec<&PortRule<'_>> = production.into_iter().filter(|side| !sides.contains(side)).collect();
    sides.extend(others);
    let rules = sides.into_iter().map(|side| format!("{} forwards to {}", side.describe(), topology.weights(side.forward)));
    Err(Refused::Unclear { rules: rules.collect() })
}
