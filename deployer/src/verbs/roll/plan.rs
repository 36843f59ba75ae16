//! `roll plan`: what deploy would change.

use blue_green::roll::changes::Change;
use blue_green::roll::plan::{Preview, plan, preview};

use super::args::PlanArgs;
use super::failure::RollFailure;
use super::prepare::prepare;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

pub async fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let (cluster, service) = args.place.names()?;
    let session = Session::open(super::CALLS).await?;
    let (asked, seen) = prepare(&session, (&cluster, &service), &args.source, args.force).await?;
    let decided = plan(&asked, &seen).map_err(RollFailure::from)?;
    let shown = preview(&decided, &asked, &seen);
    if args.json {
        output::json(&shown)?;
        return Ok(Exit::Done);
    }
    output::print(&format_args!("{}\n", table(&shown)))?;
    shown.warnings.iter().for_each(|warning| output::warn(warning));
    Ok(Exit::Done)
}

/// A plan as a table.
#[must_use]
pub fn table(shown: &Preview) -> String {
    let Preview { service, from, to, .. } = shown;
    let title = match shown.action {
        "nothing" => return format!("{service}: runs {from} already; nothing to do"),
        "follow" => return format!("{service}: {to} is being rolled out already"),
        "going-back" => return format!("{service}: {to} is being taken back"),
        _ => format!("{service}: {from} → {to}"),
    };
    let mut table = output::table(&["what", "from", "to"]);
    let none = || "-".to_owned();
    for image in shown.images.iter().filter(|image| image.from != image.to) {
        table.add_row([format!("{} image", image.container), brief(&image.from), brief(&image.to)]);
    }
    // The tag of an image is told beside the image.
    let told =
        |change: &&Change| change.field.starts_with("tag bluegreen:") || (change.container.is_some() && change.field == "image");
    for change in shown.changes.iter().filter(|change| !told(change)) {
        let what = change.container.as_ref().map_or_else(|| change.field.clone(), |name| format!("{name} {}", change.field));
        table.add_row([what, change.from.clone().unwrap_or_else(none), change.to.clone().unwrap_or_else(none)]);
    }
    if table.is_empty() { format!("{title} (new tasks, the same definition)") } else { format!("{title}\n{table}") }
}

/// An image as a person tells it: the repository without its registry, and of a digest the first digits.
fn brief(image: &str) -> String {
    let (name, tag) = image.split_once(' ').map_or((image, ""), |(name, tag)| (name, tag));
    let (repository, digest) = name.split_once('@').map_or((name, ""), |(repository, digest)| (repository, digest));
    let own = |host: &str| host.contains(".dkr.ecr");
    let repository = repository.split_once('/').filter(|(host, _)| own(host)).map_or(repository, |(_, rest)| rest);
    let digits: String = digest.chars().take(19).collect();
    [repository, &digits, tag].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn an_image_is_told_in_brief() {
        let digest = "0123456789abcdef".repeat(4);
        let image = format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web@sha256:{digest} (1.5)");
        assert_eq!(brief(&image), "shop/web sha256:0123456789ab (1.5)");
        assert_eq!(brief("registry.example:5000/agent:7"), "registry.example:5000/agent:7");
    }
}
