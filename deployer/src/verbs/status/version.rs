//! One target group: its role, its image, its health and its share of the traffic.

use std::collections::{BTreeMap, BTreeSet};

use blue_green::plan::labels::Running;
use blue_green::release::fence::Fence;
use blue_green::seen::group::{SERVICE, TargetGroup};
use blue_green::seen::survey::Survey;
use blue_green::seen::twins::PortRule;
use comfy_table::{Cell, Color, Table};
use serde::Serialize;

use crate::fence::described;
use crate::output;

/// One target group.
#[derive(Debug, Serialize)]
pub struct Version {
    pub role: Role,
    /// The ports on which it takes requests.
    pub ports: BTreeSet<u16>,
    pub identifier: Option<String>,
    /// The image tag, by its tag.
    pub image: Option<String>,
    /// The whole image, by ECS.
    pub runs: Option<String>,
    pub healthy: usize,
    pub registered: usize,
    /// Its share of each port's requests in percent; several where rules differ.
    pub traffic: BTreeMap<u16, BTreeSet<u32>>,
    pub group: String,
    pub arn: String,
    pub service: Option<String>,
    pub fence: Option<Fenced>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It takes all of the live traffic of its pair.
    Live,
    /// It takes none of it.
    Test,
    /// The live rules disagree, or share their traffic.
    Unclear,
    /// It is of no pair.
    Unpaired,
}

#[derive(Debug, Serialize)]
pub struct Fenced {
    pub execution: String,
    pub image: String,
    pub since: String,
    /// What it means now, by what ECS says runs there.
    pub means: String,
}

pub fn table(versions: &[Version]) -> Table {
    let mut table = output::table(&["port", "version", "image", "runs (ECS)", "healthy", "traffic", "target group"]);
    for version in versions {
        let colour = match version.role {
            Role::Live => Color::Green,
            Role::Test => Color::Cyan,
            Role::Unclear => Color::Red,
            Role::Unpaired => Color::Reset,
        };
        let ill = version.healthy < version.registered || version.registered == 0;
        table.add_row(vec![
            Cell::new(version.place()).fg(colour),
            Cell::new(version.identifier.as_deref().unwrap_or("-")).fg(colour),
            Cell::new(version.image.as_deref().unwrap_or("-")),
            Cell::new(version.runs.as_deref().unwrap_or("-")),
            Cell::new(format!("{} of {}", version.healthy, version.registered)).fg(if ill {
                Color::Yellow
            } else {
                Color::Reset
            }),
            Cell::new(version.shares()),
            Cell::new(&version.group),
        ]);
    }
    table
}

impl Version {
    fn place(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        let role = match self.role {
            Role::Live => "live",
            Role::Test => "test",
            Role::Unclear => "unclear",
            Role::Unpaired => "unpaired",
        };
        if ports.is_empty() { role.to_owned() } else { format!("{} {role}", ports.join(", ")) }
    }

    fn shares(&self) -> String {
        let shares = self.traffic.iter().map(|(port, shares)| {
            let shares: Vec<String> = shares.iter().map(ToString::to_string).collect();
            format!("{} % of {port}", shares.join("/"))
        });
        shares.collect::<Vec<_>>().join(", ")
    }
}

pub fn version(group: &TargetGroup, role: Role, survey: &Survey<'_>, running: &BTreeMap<String, Running>) -> Version {
    let mut traffic: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
    for side in sides(survey) {
        let weight = |of: &dyn Fn(&str) -> bool| -> u32 {
            let targets = side.forward.targets.iter().filter(|target| of(&target.group));
            targets.filter_map(|target| u32::try_from(target.weight).ok()).sum()
        };
        if side.forward.groups().any(|named| named == group.arn) {
            let share = weight(&|named| named == group.arn) * 100;
            traffic.entry(side.port).or_default().insert(share.checked_div(weight(&|_| true)).unwrap_or(0));
        }
    }
    let running = running.get(&group.arn);
    let taken = traffic.iter().filter(|(_, shares)| shares.iter().any(|share| *share > 0)).map(|(port, _)| *port);
    Version {
        role,
        ports: taken.collect(),
        identifier: group.identifier().map(str::to_owned),
        image: group.image().map(str::to_owned),
        runs: running.map(|running| running.image.clone()),
        healthy: group.healthy(),
        registered: group.registered(),
        traffic,
        group: group.name.clone(),
        arn: group.arn.clone(),
        service: running.map(|running| running.service.clone()).or_else(|| group.tag(SERVICE).map(str::to_owned)),
        fence: Fence::of(group).map(|fence| Fenced {
            means: described(&fence, running),
            execution: fence.execution,
            image: fence.image,
            since: fence.time.to_string(),
        }),
    }
}

/// Every rule that forwards, of every port.
pub fn sides<'s, 'a>(survey: &'s Survey<'a>) -> impl Iterator<Item = &'s PortRule<'a>> {
    survey.of_twins().into_iter().chain(&survey.unmatched).chain(&survey.outside)
}
