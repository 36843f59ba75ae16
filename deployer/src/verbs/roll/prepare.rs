//! What is asked for and what is there. Nothing is written.

use std::collections::BTreeMap;
use std::path::Path;

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::roll::definition::{check, registrable, tags};
use blue_green::roll::image::{NewImage, Reference, put};
use blue_green::roll::pins::{drop_stale_tags, pin, unpinned};
use blue_green::roll::plan::{Asked, Seen};
use blue_green::roll::seen::{Definition, Service};
use blue_green::roll::template::render;
use futures::future::try_join_all;
use serde_json::Value;

use super::args::Source;
use super::failure::RollFailure;
use crate::failure::Failure;
use crate::session::Session;

/// Renders a template.
///
/// # Errors
/// A file that cannot be read or rendered.
pub fn rendered(path: &Path, values: &[(String, String)]) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!("{} cannot be read ({error}); name a template with --template", path.display()))
    })?;
    let values: BTreeMap<String, String> = values.iter().cloned().collect();
    let document = render(&text, &values)
        .map_err(|source| Failure::Roll(RollFailure::Template { file: path.display().to_string(), source }))?;
    // A definition that was described, not pulled, has what ECS adds.
    let tags = tags(&document);
    Ok(registrable(&document, &tags))
}

/// A service that is there; one that is not is a mistake in the command line.
///
/// # Errors
/// A usage error, or the call's.
pub async fn service(session: &Session, cluster: &str, name: &str) -> Result<Service, Failure> {
    session.services().service(cluster, name).await.map_err(|failure| match failure.class {
        Class::NotFound => Failure::Usage(format!(
            "there is no service {name} in cluster {cluster} of this account and Region ({}); check --cluster, --service and AWS_REGION",
            failure.message
        )),
        _ => Failure::Aws(failure),
    })
}

/// What is there, and what is asked for.
///
/// # Errors
/// Bad input, or a call that failed.
pub async fn prepare(
    session: &Session,
    (cluster, name): (&str, &str),
    source: &Source,
    force: bool,
) -> Result<(Asked, Seen), Failure> {
    let service = service(session, cluster, name).await?;
    let reader = session.services();
    let running = reader.definition(&service.definition).await?;
    let mut document = document(session, source, &running).await?;
    put(&mut document, &source.image).map_err(RollFailure::from)?;
    check(&document).map_err(RollFailure::from)?;
    if !source.no_pin {
        pin_all(session, &mut document, &source.image).await?;
    }
    check(&document).map_err(RollFailure::from)?;
    let family = document["family"].as_str().unwrap_or_default().to_owned();
    let latest = reader.latest(&family).await?;
    let records = reader.records(&service).await?;
    Ok((Asked { document, force }, Seen { service, running, latest, records }))
}

/// The task definition that is asked for, its images not pinned yet.
async fn document(session: &Session, source: &Source, running: &Definition) -> Result<Value, Failure> {
    if let Some(path) = source.template() {
        let mut document = rendered(path, &source.set)?;
        if let (Some(family), Some(fields)) = (source.family(), document.as_object_mut()) {
            fields.insert("family".to_owned(), family.into());
        }
        // Tags of the running revision that the template does not name would be lost: a policy may demand them.
        let mut all = running.tags.clone();
        all.retain(|key, _| !key.starts_with("bluegreen:"));
        all.extend(tags(&document));
        if let Some(fields) = document.as_object_mut() {
            blue_green::roll::definition::set_tags(fields, &all);
        }
        return Ok(document);
    }
    if !source.set.is_empty() {
        return Err(Failure::Usage("--set fills in a template, and none is named; pass --template, or use --image".to_owned()));
    }
    let base = match source.family() {
        Some(family) if running.described["family"] != family => session.services().latest(family).await?.ok_or_else(|| {
            Failure::Usage(format!("there is no active task definition of the family {family}; check --family"))
        })?,
        _ => running.clone(),
    };
    let mut document = base.registrable();
    let changed: Vec<String> = blue_green::roll::definition::containers(&document)
        .filter(|container| {
            let name = blue_green::roll::definition::name_of(container);
            source.image.iter().any(|new| match &new.container {
                Some(container) => container == name,
                None => {
                    blue_green::roll::image::reference_of(container).is_some_and(|old| old.repository == new.image.repository)
                }
            })
        })
        .map(|container| blue_green::roll::definition::name_of(container).to_owned())
        .collect();
    drop_stale_tags(&mut document, &changed);
    Ok(document)
}

/// Pins every image in ECR to the digest that its tag has now; also looks whether pinned new ones are there.
async fn pin_all(session: &Session, document: &mut Value, new: &[NewImage]) -> Result<(), Failure> {
    let images = unpinned(document);
    let digests = try_join_all(images.iter().map(async |(container, image)| {
        let digest = digest(session, image).await?;
        Ok::<_, Failure>((container.clone(), digest))
    }));
    for (container, digest) in digests.await? {
        if let Some(digest) = digest {
            pin(document, &container, &digest);
        }
    }
    let pinned = new.iter().filter(|new| new.image.digest.is_some());
    try_join_all(pinned.map(|new| digest(session, &new.image))).await?;
    Ok(())
}

async fn digest(session: &Session, image: &Reference) -> Result<Option<String>, Failure> {
    session.services().digest(image).await.map_err(|failure: AwsFailure| match failure.class {
        Class::NotFound => Failure::Usage(format!(
            "{image} is not in ECR ({}); push it first, or check its name and tag. Nothing was changed",
            failure.message
        )),
        _ => Failure::Aws(failure),
    })
}
