//! What build.json says of each side: its Identifier and its image tag. Pure.

use std::collections::BTreeMap;

use blue_green::asked::parameters::is_image_tag;
use blue_green::plan::labels::Running;
use blue_green::seen::group::{IDENTIFIER, IMAGE, TargetGroup};

use super::sides::Sides;
use crate::fix;
use crate::refused::Refused;

/// The Identifiers that build.json has keys for.
pub const IDENTIFIERS: [&str; 2] = ["Code1", "Code2"];

/// The two entries of build.json, and what a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Identifier and image tag of the live side.
    pub live: (&'static str, String),
    /// Identifier and image tag of the test side.
    pub test: (&'static str, String),
    /// Sentences: tags that ECS contradicts.
    pub warnings: Vec<String>,
}

/// Decides both entries.
///
/// `running` is what ECS says, by the group's ARN. `new` is the image tag that goes to the test side; without one (a
/// retry after this execution's own flip) the test side keeps what it has.
///
/// # Errors
/// Where a tag is missing and nothing else tells what belongs there, and with `strict` where ECS contradicts a tag.
pub fn codes(sides: &Sides<'_>, running: &BTreeMap<String, Running>, new: Option<&str>, strict: bool) -> Result<Codes, Refused> {
    let [live, test] = distinct(sides)?;
    let mut warnings = Vec::new();
    let live_image = kept(sides.live, "live", running.get(&sides.live.arn), strict, &mut warnings)?;
    let test_image = match new {
        Some(tag) => tag.to_owned(),
        None => kept(sides.test, "test", running.get(&sides.test.arn), strict, &mut warnings)?,
    };
    Ok(Codes { live: (live, live_image), test: (test, test_image), warnings })
}

/// The Identifiers of two groups.
///
/// # Errors
/// The ones they should have, where they are not Code1 on one and Code2 on the other; what is right stays.
pub fn identifiers(groups: [&TargetGroup; 2]) -> Result<[&'static str; 2], [&'static str; 2]> {
    let known = groups.map(|group| IDENTIFIERS.into_iter().find(|known| group.identifier() == Some(*known)));
    match known {
        [Some(one), Some(other)] if one != other => Ok([one, other]),
        [Some(one), _] => Err([one, opposite(one)]),
        [None, Some(other)] => Err([opposite(other), other]),
        [None, None] => Err(IDENTIFIERS),
    }
}

fn distinct(sides: &Sides<'_>) -> Result<[&'static str; 2], Refused> {
    let groups = [sides.live, sides.test];
    identifiers(groups).map_err(|wanted| {
        let wrong = groups.iter().zip(wanted).filter(|(group, wanted)| group.identifier() != Some(*wanted));
        Refused::Identifiers {
            groups: groups.map(|group| group.name.clone()),
            found: groups.map(|group| group.identifier().map(str::to_owned)),
            fix: wrong.map(|(group, wanted)| fix::tag(&group.arn, IDENTIFIER, wanted)).collect(),
        }
    })
}

fn opposite(identifier: &str) -> &'static str {
    if identifier == IDENTIFIERS[0] { IDENTIFIERS[1] } else { IDENTIFIERS[0] }
}

/// The image tag that a side keeps: exactly its `Image` tag; where it has none, what ECS runs.
fn kept(
    group: &TargetGroup,
    role: &'static str,
    running: Option<&Running>,
    strict: bool,
    warnings: &mut Vec<String>,
) -> Result<String, Refused> {
    let tagged = group.image().filter(|tag| is_image_tag(tag));
    let runs = running.and_then(|running| running.tag.as_deref()).filter(|tag| is_image_tag(tag));
    let set = |tag: &str| fix::tag(&group.arn, IMAGE, tag);
    match (tagged, runs) {
        (Some(tagged), runs) => {
            if let Some(running) = running.filter(|_| runs != Some(tagged)) {
                let difference = format!(
                    "{} ({role}) says Image = {tagged}, but its service {} runs {}",
                    group.name, running.service, running.image
                );
                let fix = set(runs.unwrap_or("IMAGE_TAG"));
                if strict {
                    return Err(Refused::Differs { difference, fix });
                }
                warnings.push(format!(
                    "{difference}. build.json gets {tagged}, as the tag says: this release would deploy that. Correct the tag: `{fix}`"
                ));
            }
            Ok(tagged.to_owned())
        }
        (None, Some(runs)) => {
            warnings.push(format!(
                "{} ({role}) has no usable Image tag; taking {runs}, which ECS runs. Set it: `{}`",
                group.name,
                set(runs)
            ));
            Ok(runs.to_owned())
        }
        (None, None) => Err(Refused::ImageUnknown {
            group: group.name.clone(),
            role,
            found: group.image().map(str::to_owned),
            ecs: running.map_or_else(
                || "no ECS service names the target group".to_owned(),
                |running| format!("its service {} runs {}, which has no tag", running.service, running.image),
            ),
            fix: set("IMAGE_TAG"),
        }),
    }
}
