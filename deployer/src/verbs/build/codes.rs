//! What build.json says of each side: its Identifier and its image tag. Pure.

use blue_green::asked::build_file::IDENTIFIERS;
use blue_green::asked::parameters::is_image_tag;
use blue_green::plan::behind::Behind;
use blue_green::plan::labels::Running;
use blue_green::seen::group::{IDENTIFIER, IMAGE, TargetGroup};

use super::sides::Sides;
use super::stacks::Stacks;
use super::stacks::refusal::StackRefusal;
use crate::fix;
use crate::refused::Refused;

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
/// `behind` is what ECS says. `new` is the image tag that goes to the test side; without one (a
/// retry after this execution's own flip) the test side keeps what it has. Where the sides are stacks, a stack's `Tag` is what
/// its side has.
///
/// # Errors
/// Where a tag is missing and nothing else tells what belongs there, and with `strict` where ECS contradicts a tag.
pub fn codes(
    sides: &Sides<'_>,
    behind: &Behind,
    stacks: Option<&Stacks>,
    new: Option<&str>,
    strict: bool,
) -> Result<Codes, Refused> {
    let [live, test] = distinct(sides)?;
    let mut warnings = Vec::new();
    let mut keep = |group: &TargetGroup, side, role| match stacks {
        Some(stacks) => deployed(group, stacks.tag(side)?, behind.running.get(&group.arn), strict, &mut warnings),
        None => match behind.unclear.get(&group.arn) {
            Some(several) => unclear(group, role, several, strict, &mut warnings),
            None => current(group, role, behind.running.get(&group.arn), strict, &mut warnings),
        },
    };
    let live_image = keep(sides.live, live, "live")?;
    let test_image = match new {
        Some(tag) => tag.to_owned(),
        None => keep(sides.test, test, "test")?,
    };
    if new == Some(live_image.as_str()) {
        warnings.push(format!(
            "the new image tag, {live_image}, is what production has: nothing tells the two images apart, and a roll-back cannot bring \
             the one before back. Give each build a tag of its own"
        ));
    }
    Ok(Codes { live: (live, live_image), test: (test, test_image), warnings })
}

/// The image tag of a side that is a stack: the stack's. The group's `Image` tag and ECS, where it is certain, confirm it.
fn deployed(
    group: &TargetGroup,
    tag: &str,
    running: Option<&Running>,
    strict: bool,
    warnings: &mut Vec<String>,
) -> Result<String, Refused> {
    let label = group.image().filter(|image| *image != tag).map(|image| {
        let other = format!("the Image tag of {} says {image}", group.name);
        (other, format!("Where the stack is right, set the tag: `{}`", fix::tag(&group.arn, IMAGE, tag)))
    });
    let certain = running.filter(|running| running.settled.is_some() && running.tag.as_deref() != Some(tag));
    let runs = certain.map(|running| {
        let other = format!("its service {} runs {}", running.service, running.image);
        (other, "Somebody changed the service past its stack: bring the two in line".to_owned())
    });
    for (other, fix) in [label, runs].into_iter().flatten() {
        let differs = StackRefusal::Differs { side: group.short().to_owned(), tag: tag.to_owned(), other, fix };
        if strict {
            return Err(differs.into());
        }
        warnings.push(differs.to_string());
    }
    Ok(tag.to_owned())
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

/// The Identifiers of the live and the test side.
///
/// # Errors
/// Where they are not Code1 on one and Code2 on the other, with the commands that set them.
pub fn distinct(sides: &Sides<'_>) -> Result<[&'static str; 2], Refused> {
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

/// The image tag that a side keeps where ECS does not say which of several versions serves: its `Image` tag's, or none.
fn unclear(
    group: &TargetGroup,
    role: &'static str,
    several: &[String],
    strict: bool,
    warnings: &mut Vec<String>,
) -> Result<String, Refused> {
    let unclear = Refused::RunsUnclear {
        group: group.name.clone(),
        role,
        several: several.to_vec(),
        fix: fix::tag(&group.arn, IMAGE, "IMAGE_TAG"),
    };
    match group.image().filter(|tag| is_image_tag(tag) && !strict) {
        Some(tagged) => {
            warnings.push(format!("{unclear}. build.json gets {tagged}, as the Image tag says"));
            Ok(tagged.to_owned())
        }
        None => Err(unclear),
    }
}

/// The image tag that a side keeps: exactly its `Image` tag; where it has none, what ECS runs.
fn current(
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
