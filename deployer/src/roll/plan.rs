//! `roll plan`: what deploy would change.

use blue_green::roll::plan::{Preview, plan, preview};

use super::args::PlanArgs;
use super::failure::RollFailure;
use super::prepare::prepare;
use crate::exit::{Exit, Failure};
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
        table.add_row([format!("{} image", image.container), image.from.clone(), image.to.clone()]);
    }
    for change in shown.changes.iter().filter(|change| change.container.is_none() || change.field != "image") {
        let what = change.container.as_ref().map_or_else(|| change.field.clone(), |name| format!("{name} {}", change.field));
        table.add_row([what, change.from.clone().unwrap_or_else(none), change.to.clone().unwrap_or_else(none)]);
    }
    if table.is_empty() { format!("{title} (new tasks, the same definition)") } else { format!("{title}\n{table}") }
}
