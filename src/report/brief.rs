//! What an approver reads before deciding: a difference, in a text that an approval of CodePipeline has room for.

use super::would::Would;
use super::{Sides, clip, image};
use crate::release::fence::Fence;
use crate::release::journal::Journal;
use crate::release::view::says;
use crate::seen::group::TargetGroup;
use crate::seen::topology::Topology;

/// The most characters. An approval's text has 1,000, and the pipeline adds where to look.
pub const LIMIT: usize = 900;

/// What a flip would change for whoever uses production, and what cannot be taken back afterwards.
#[must_use]
pub fn brief(topology: &Topology, would: &[Would]) -> String {
    let mut sentences: Vec<String> = would.iter().flat_map(|would| of_pair(topology, would)).collect();
    sentences.push("While this waits, up to 7 days, no newer build gets into this stage.".to_owned());
    clip(&sentences.join(" "), LIMIT)
}

fn of_pair(topology: &Topology, would: &Would) -> Vec<String> {
    let Sides { live, test } = would.sides();
    let (Some(promoted), Some(retired)) = (topology.group(&live), topology.group(&test)) else { return Vec::new() };
    let since = Journal::of_pair(topology, &would.pair).newest().filter(|(on, flip)| says(*on, flip) == would.live.other());
    let since = since.map_or_else(|| "no flip recorded since when".to_owned(), |(_, flip)| format!("live since {}", flip.time));
    let mut sentences = vec![
        format!("Production: image {} → {}.", image(retired), image(promoted)),
        format!("Now {}, {since}.", side(topology, retired)),
        format!("Then {}.", side(topology, promoted)),
    ];
    if Fence::of(promoted).is_some() {
        let (new, old) = (image(promoted), image(retired));
        sentences.push(format!(
            "{new} has replaced the version before on the test side, so a roll-back to that one is not possible any more; after this \
             approval, a roll-back makes {old} live again."
        ));
    }
    sentences
}

fn side(topology: &Topology, group: &TargetGroup) -> String {
    format!("{}: {} of {} targets healthy", topology.short(&group.arn), group.healthy(), group.targets.len())
}
