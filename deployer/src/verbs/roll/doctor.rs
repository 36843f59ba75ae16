//! `roll doctor`: what would make a roll fail or lie, each with its fix.

use blue_green::aws::failure::Class;
use blue_green::roll::definition::containers;
use blue_green::roll::doctor::{Around, Environment, Finding, Weight, examine};
use blue_green::roll::image::reference_of;
use blue_green::roll::seen::Definition;

use super::args::DoctorArgs;
use super::prepare::service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

pub async fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let (cluster, name) = args.place.names()?;
    let session = Session::open(super::CALLS).await?;
    let seen = service(&session, &cluster, &name).await?;
    let definition = session.services().definition(&seen.definition).await?;
    let mut around = Around { not_passed: not_passed(&session, &definition).await?, ..Around::default() };
    for image in containers(&definition.described).filter_map(reference_of) {
        match session.services().digest(&image).await {
            Err(failure) if failure.class == Class::NotFound => around.missing.push(image.to_string()),
            other => drop(other?),
        }
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let environment = Environment { static_keys: set("AWS_ACCESS_KEY_ID"), web_identity: set("AWS_WEB_IDENTITY_TOKEN_FILE") };
    let found = examine(&seen, &definition, &around, environment);
    show(&cluster, &name, &found, args.json)?;
    let blocks = found.iter().any(|finding| finding.weight == Weight::Blocks);
    Ok(if blocks { Exit::Refused } else { Exit::Done })
}

/// The roles of a definition that may not be passed, with who may not. Where nobody may ask that, a note says so.
async fn not_passed(session: &Session, definition: &Definition) -> Result<Vec<(String, String)>, Failure> {
    let roles = ["executionRoleArn", "taskRoleArn"].into_iter().filter_map(|role| definition.described[role].as_str());
    let roles: Vec<&str> = roles.filter(|role| !role.is_empty()).collect();
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    match session.not_passed(&roles).await {
        Ok((principal, denied)) => Ok(denied.into_iter().map(|role| (principal.clone(), role)).collect()),
        // A role with a path, whose session does not tell it, is not found; an account's root has no policies to ask about.
        Err(failure)
            if matches!(failure.class, Class::Permission | Class::NotFound)
                || failure.code.as_deref() == Some("InvalidInput") =>
        {
            output::warn(&format!("whether {} may be passed to ECS is not known: {}", roles.join(" and "), failure.what()));
            Ok(Vec::new())
        }
        Err(failure) => Err(failure.into()),
    }
}

fn show(cluster: &str, name: &str, found: &[Finding], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&found);
    }
    if found.is_empty() {
        return output::print(&format_args!("{cluster}/{name} can be rolled; nothing is wrong\n"));
    }
    let mut table = output::table(&["", "what", "fix"]);
    for finding in found {
        let weight = if finding.weight == Weight::Blocks { "blocks" } else { "hinders" };
        table.add_row([weight, &finding.what, &finding.fix]);
    }
    output::print(&format_args!("{table}\n"))
}
