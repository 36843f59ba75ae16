//! `roll status`: what runs, what rolls, what failed last.

use blue_green::roll::definition::{TAG_OF, containers, name_of};
use blue_green::roll::image::reference_of;
use blue_green::roll::judge::reason;
use blue_green::roll::seen::{Definition, Deployment, Record, Service, short};
use futures::future::try_join_all;
use serde::Serialize;

use super::args::StatusArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// One service.
#[derive(Debug, Serialize)]
struct Row {
    service: String,
    status: String,
    /// `family:revision`.
    revision: String,
    images: Vec<String>,
    running: u32,
    desired: u32,
    deployments: Vec<Deployment>,
    /// The last deployment.
    last: Option<Record>,
    /// The last one that failed.
    last_failure: Option<Record>,
}

pub async fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    if let Some(release) = &args.release {
        return super::release::status::run(args, release).await;
    }
    let cluster = args.cluster.name()?;
    let session = Session::open(super::CALLS).await?;
    let reader = session.services();
    let names = match args.services.is_empty() {
        true => reader.service_names(&cluster).await?,
        false => args.services.clone(),
    };
    let found = reader.services(&cluster, &names).await?;
    if !found.missing.is_empty() {
        return Err(Failure::Usage(format!(
            "there is no service {} in cluster {cluster}; check --service",
            found.missing.join(", ")
        )));
    }
    let rows = try_join_all(found.there.iter().map(async |service| {
        let definition = reader.definition(&service.definition).await?;
        let records = reader.records(service).await?;
        Ok::<_, Failure>(row(service, &definition, records.as_deref().unwrap_or_default()))
    }))
    .await?;
    if args.json {
        output::json(&rows)?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        output::print(&format_args!("cluster {cluster} has no services\n"))?;
        return Ok(Exit::Done);
    }
    let mut table = output::table(&["service", "runs", "images", "tasks", "deployment", "last failure"]);
    for row in &rows {
        let none = || "-".to_owned();
        table.add_row([
            row.service.clone(),
            row.revision.clone(),
            row.images.join("\n"),
            format!("{} of {}", row.running, row.desired),
            state(row),
            row.last_failure.as_ref().map_or_else(none, |record| format!("{}: {}", record.status, reason(record))),
        ]);
    }
    output::print(&format_args!("{table}\n"))?;
    Ok(Exit::Done)
}

fn row(service: &Service, definition: &Definition, records: &[Record]) -> Row {
    let failed = |record: &&Record| ["STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"].contains(&record.status.as_str());
    Row {
        service: format!("{}/{}", service.cluster, service.name),
        status: service.status.clone(),
        revision: definition.name().to_owned(),
        images: images(definition),
        running: service.running,
        desired: service.desired,
        deployments: service.deployments.clone(),
        last: records.first().cloned(),
        last_failure: records.iter().find(failed).cloned(),
    }
}

/// Each container's image: its tag, and the first digits of its digest, as far as they are known.
fn images(definition: &Definition) -> Vec<String> {
    let told = |container| {
        let name = name_of(container);
        let image = reference_of(container)?;
        let tag = image.tag.clone().or_else(|| definition.tags.get(&format!("{TAG_OF}{name}")).cloned());
        let digest = image.digest.as_ref().map(|digest| digest.chars().take(19).collect::<String>());
        let version = [tag, digest].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Some(format!("{name} {}", if version.is_empty() { "latest" } else { &version }))
    };
    containers(&definition.described).filter_map(told).collect()
}

fn state(row: &Row) -> String {
    let told = |deployment: &Deployment| {
        format!("{} {} ({} of {})", short(&deployment.definition), deployment.rollout, deployment.running, deployment.desired)
    };
    let rolling: Vec<String> = row.deployments.iter().map(told).collect();
    let last = row.last.as_ref().map(|record| record.status.clone()).unwrap_or_default();
    if row.deployments.len() > 1 { rolling.join("\n") } else { format!("{} {last}", row.status).trim().to_owned() }
}
