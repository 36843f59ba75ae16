//! `roll pull`: the running task definition as a template.

use blue_green::roll::definition::{TAG_OF, containers_mut, set_tags, tags};
use blue_green::roll::template::{MASK, escape_all};
use serde_json::Value;

use super::args::PullArgs;
use super::prepare::service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

pub async fn run(args: &PullArgs) -> Result<Exit, Failure> {
    let session = Session::open(super::CALLS).await?;
    let name = match &args.definition {
        Some(name) => name.clone(),
        None => {
            let (cluster, name) = args.place.names()?;
            service(&session, &cluster, &name).await?.definition
        }
    };
    let mut document = session.services().definition(&name).await?.registrable();
    escape_all(&mut document);
    if !args.values {
        mask(&mut document);
    }
    // They say which tags the pinned images had: of the next revision, deploy says it anew.
    let mut all = tags(&document);
    all.retain(|key, _| !key.starts_with(TAG_OF));
    if let Some(fields) = document.as_object_mut() {
        set_tags(fields, &all);
    }
    let Some(path) = &args.output else {
        output::json(&document)?;
        return Ok(Exit::Done);
    };
    let text = serde_json::to_string_pretty(&document).map_err(|error| Failure::Output(error.into()))?;
    std::fs::write(path, format!("{text}\n")).map_err(|source| Failure::Unwritable { path: path.clone(), source })?;
    Ok(Exit::Done)
}

/// Masks the values of every environment; names stay.
fn mask(document: &mut Value) {
    for container in containers_mut(document) {
        for pair in container.get_mut("environment").and_then(Value::as_array_mut).into_iter().flatten() {
            pair["value"] = MASK.into();
        }
    }
}
