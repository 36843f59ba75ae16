//! Begins a release: images to digests, then a revision for every member, which is the journal. No service is changed yet.

use std::collections::{BTreeMap, HashSet};

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::roll::definition::{check, containers, name_of, same, set_tags, tags};
use blue_green::roll::image::{NewImage, Reference, put, reference_of};
use blue_green::roll::pins::{drop_stale_tags, pin, unpinned};
use blue_green::roll::release::course::Refused;
use blue_green::roll::release::journal::{DIGEST_OF, ENDED, End, Entry, Kind, member as named};
use blue_green::roll::release::parts::{Rules, complete};
use blue_green::roll::seen::{Definition, short};
use futures::future::try_join_all;
use serde_json::Value;

use super::file::{Member, Release};
use super::observe::{Observed, REVISIONS, family, is_open, observe};
use crate::failure::Failure;
use crate::output;
use crate::session::Session;
use crate::verbs::roll::failure::RollFailure;

/// How long what another release registered and did not deploy keeps this one from going on, in seconds. A release that takes longer
/// from its registrations to its first update gives up.
const CLAIM: f64 = 600.0;
/// How long a release may take from its registrations to its first update.
const PATIENCE: f64 = 300.0;
const _: () = assert!(PATIENCE < CLAIM);

/// What a member gets.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The member.
    pub observed: Observed,
    /// Its new revision, without the journal's tags.
    pub document: Value,
    /// Whether it is the same as what the member runs.
    pub same: bool,
}

/// What every member gets, with the digests that the tags have now. Nothing is written.
///
/// # Errors
/// An image that is not there, a definition that ECS would refuse, half a set of what belongs together.
pub async fn prepare(
    session: &Session,
    release: &Release,
    only: &[String],
    seen: Vec<Observed>,
) -> Result<Vec<Prepared>, Failure> {
    let digests = digests(session, &seen).await?;
    let mut prepared = Vec::new();
    for observed in seen {
        let document = document(release, &observed, &digests)?;
        // A task that did not run, or of which that is not known, is to run.
        let ran = || {
            let ran = Entry::read(&observed.base.tags).and_then(|entry| entry.ran);
            observed.member.kind != Kind::Task || ran.is_some_and(|ran| ran.code == Some(0))
        };
        let same = !release.moving && same(&document, &observed.base.registrable()) && ran();
        prepared.push(Prepared { observed, document, same });
    }
    together(&release.rules, only, &prepared, &digests)?;
    Ok(prepared)
}

/// The digest of each image in ECR, by its reference.
async fn digests(session: &Session, seen: &[Observed]) -> Result<BTreeMap<String, String>, Failure> {
    let images: HashSet<String> =
        seen.iter().flat_map(|observed| observed.member.images.values()).map(ToString::to_string).collect();
    let reader = session.services();
    let read = try_join_all(
        seen.iter()
            .flat_map(|observed| observed.member.images.values())
            .filter({
                let mut left = images;
                move |image| left.remove(&image.to_string())
            })
            .map(|image| {
                let reader = &reader;
                async move {
                    let digest = reader.digest(image).await.map_err(|failure: AwsFailure| match failure.class {
                        Class::NotFound => Failure::Usage(format!(
                            "{image} is not in ECR ({}); push every image before the release. Nothing was changed",
                            failure.message
                        )),
                        _ => Failure::Aws(failure),
                    })?;
                    Ok::<_, Failure>((image.to_string(), digest))
                }
            }),
    );
    Ok(read.await?.into_iter().filter_map(|(image, digest)| Some((image, digest?))).collect())
}

fn document(release: &Release, observed: &Observed, digests: &BTreeMap<String, String>) -> Result<Value, Failure> {
    let Member { images, .. } = &observed.member;
    let mut document = observed.base.registrable();
    drop_stale_tags(&mut document, &images.keys().cloned().collect::<Vec<_>>());
    let new: Vec<NewImage> =
        images.iter().map(|(name, image)| NewImage { container: Some(name.clone()), image: image.clone() }).collect();
    put(&mut document, &new).map_err(RollFailure::from)?;
    let mut recorded = BTreeMap::new();
    for (container, image) in unpinned(&document) {
        let Some(digest) = digests.get(&image.to_string()).filter(|_| images.contains_key(&container)) else { continue };
        if release.moving {
            recorded.insert(format!("{DIGEST_OF}{container}"), digest.clone());
        } else {
            pin(&mut document, &container, digest);
        }
    }
    let mut all = tags(&document);
    all.extend(recorded);
    if let Some(fields) = document.as_object_mut() {
        set_tags(fields, &all);
    }
    check(&document).map_err(RollFailure::from)?;
    Ok(document)
}

/// Refuses half a set of what belongs together. A member is new where one of its images has another digest than what it runs.
fn together(rules: &Rules, only: &[String], prepared: &[Prepared], digests: &BTreeMap<String, String>) -> Result<(), Failure> {
    let is_new = |name: &str| {
        prepared.iter().find(|prepared| prepared.observed.member.name == name).and_then(|prepared| is_new(prepared, digests))
    };
    complete(rules, only, is_new).map_err(|half| RollFailure::Refused(half.to_string()).into())
}

/// Whether one of a member's images has another digest than what it runs; none where that is not known.
fn is_new(prepared: &Prepared, digests: &BTreeMap<String, String>) -> Option<bool> {
    let Observed { member, base, service, .. } = &prepared.observed;
    let ran = service.as_ref().and_then(|seen| seen.good.as_ref());
    let of = |(container, image): (&String, &Reference)| {
        let old = containers(&base.described).find(|found| name_of(found) == container).and_then(reference_of)?;
        let recorded = || base.tags.get(&format!("{DIGEST_OF}{container}")).cloned();
        let runs = old.digest.clone().or_else(|| ran?.digests.get(container).cloned()).or_else(recorded);
        match (runs, digests.get(&image.to_string())) {
            (Some(runs), Some(digest)) => Some(runs != *digest),
            // Another tag is another image; the same one may have moved.
            _ => (old.tag != image.tag).then_some(true),
        }
    };
    let all: Vec<Option<bool>> = member.images.iter().map(of).collect();
    if all.contains(&Some(true)) { Some(true) } else { all.iter().all(Option::is_some).then_some(false) }
}

/// Registers every member's revision, with the journal's tags; then nobody else may have come in between.
///
/// # Errors
/// A call that failed, or another release: then nothing was changed but revisions that nobody runs.
pub async fn register(
    session: &Session,
    release: &Release,
    (id, given_up): (&str, Option<&str>),
    prepared: Vec<Prepared>,
) -> Result<Vec<Observed>, Failure> {
    let ids = [id, given_up.unwrap_or(id)];
    let mut entries = Vec::new();
    for prepared in &prepared {
        entries.push(entry(&prepared.observed, id)?);
    }
    // In the order of the families: of two releases, the first to register in the first family goes on.
    let mut order: Vec<(usize, String)> =
        prepared.iter().map(|prepared| family(&prepared.observed.base).to_owned()).enumerate().collect();
    order.sort_by(|one, other| one.1.cmp(&other.1));
    let mut own: Vec<Option<Definition>> = prepared.iter().map(|_| None).collect();
    for (index, family) in order {
        let registered = register_one(session, &prepared[index].document, &entries[index]).await;
        let registered = match registered {
            Ok(registered) => registered,
            Err(failure) => {
                withdraw(session, own.iter().flatten()).await;
                return Err(failure);
            }
        };
        own[index] = Some(registered.clone());
        if let Some(other) = claim(session, &family, &registered, &ids).await? {
            withdraw(session, own.iter().flatten()).await;
            let message = format!(
                "release {other} began just now, and has changed nothing yet; run this one again when that one has ended"
            );
            return Err(RollFailure::Refused(message).into());
        }
    }
    let own: Vec<Definition> = own.into_iter().flatten().collect();
    let names: Vec<String> = prepared.iter().map(|prepared| prepared.observed.member.name.clone()).collect();
    let again = observe(session, release, &names, id).await?;
    if let Some(refused) = changed((&prepared, &again), &own, &ids) {
        withdraw(session, own.iter()).await;
        return Err(RollFailure::Refused(refused).into());
    }
    Ok(again)
}

fn entry(observed: &Observed, id: &str) -> Result<Entry, Failure> {
    let Observed { member, service, schedule, .. } = observed;
    let before = match (service, schedule) {
        (Some(seen), _) => seen.good.as_ref().map(|good| short(&good.arn).to_owned()),
        // A family without a revision is whatever is registered last: what it is now is written down.
        (None, Some(_)) => observed.starts.clone(),
        (None, None) => None,
    };
    let member = named(member.kind, &member.name);
    Ok(Entry { release: id.to_owned(), member, before: before.unwrap_or_default(), undo: None, ended: None, ran: None })
}

async fn register_one(session: &Session, document: &Value, entry: &Entry) -> Result<Definition, Failure> {
    let mut document = document.clone();
    let mut all = tags(&document);
    all.extend(entry.tags().map_err(Failure::Usage)?);
    if let Some(fields) = document.as_object_mut() {
        set_tags(fields, &all);
    }
    check(&document).map_err(RollFailure::from)?;
    let registered = session.roller().register(&document).await?;
    output::step(&format!("registered {} for {}", registered.name(), entry.member));
    Ok(Definition { tags: all, ..registered })
}

/// Another release that registered in this family before this one did, and neither deployed nor ended. The numbers of revisions
/// are ECS's: of two releases exactly one sees the other.
async fn claim(session: &Session, family: &str, own: &Definition, ids: &[&str]) -> Result<Option<String>, Failure> {
    let number = |definition: &Definition| definition.described["revision"].as_u64();
    let time = |definition: &Definition| definition.described["registeredAt"].as_f64().unwrap_or_default();
    let newest = session.services().newest(family, REVISIONS).await?;
    let other = newest.iter().filter(|other| number(other) < number(own) && time(own) - time(other) < CLAIM).find_map(|other| {
        let entry = Entry::read(&other.tags)?;
        (!ids.contains(&entry.release.as_str()) && entry.undo.is_none() && is_open(&newest, &entry)).then_some(entry.release)
    });
    Ok(other)
}

/// What changed while the revisions were registered.
fn changed((prepared, again): (&[Prepared], &[Observed]), own: &[Definition], ids: &[&str]) -> Option<String> {
    let first = own.iter().filter_map(|definition| definition.described["registeredAt"].as_f64()).fold(f64::MAX, f64::min);
    let last = own.iter().filter_map(|definition| definition.described["registeredAt"].as_f64()).fold(0.0, f64::max);
    if last - first > PATIENCE {
        return Some(format!(
            "the registrations took {:.0} s, which is too long to be sure of what is there; run it again",
            last - first
        ));
    }
    let runs = |observed: &Observed| {
        let service = observed.service.as_ref().map(|seen| seen.service.definition.clone());
        service.or_else(|| observed.schedule.as_ref()?.definition().map(str::to_owned))
    };
    prepared.iter().zip(again).find_map(|(before, now)| {
        let name = &now.member.name;
        if now.busy(ids).is_some() || runs(&before.observed) != runs(now) {
            return Some(format!("{name} was changed by somebody else just now; run this again when that has ended"));
        }
        now.own.is_none().then(|| format!("what was registered for {name} cannot be seen; run it again"))
    })
}

/// Says on revisions that nobody runs that their release ended, so that they stop no other one. A failure costs the next release a
/// few minutes.
async fn withdraw(session: &Session, own: impl Iterator<Item = &Definition>) {
    for definition in own {
        if let Err(failure) = end(session, &definition.arn, End::Undone).await {
            output::warn(&format!("{}; another release may have to wait for ten minutes", failure.what()));
        }
    }
}

/// Says on a revision how its release ended.
///
/// # Errors
/// An [`AwsFailure`].
pub async fn end(session: &Session, definition: &str, end: End) -> Result<(), AwsFailure> {
    session.roller().tag(definition, &BTreeMap::from([(ENDED.to_owned(), end.word().to_owned())])).await
}

/// Why a release is refused, as a failure.
pub fn refused(refused: &Refused) -> Failure {
    RollFailure::Refused(refused.to_string()).into()
}

/// A schedule that names a family without a revision starts what is registered last: before the services are new.
pub fn warn_of_loose_schedules(seen: &[Observed]) {
    for observed in seen.iter().filter(|observed| observed.member.kind == Kind::Schedule) {
        let names = observed.schedule.as_ref().and_then(|schedule| schedule.definition()).unwrap_or_default();
        if !short(names).contains(':') {
            output::warn(&format!(
                "schedule {} names {} without a revision: until now it started whatever was registered last. This release names a revision",
                observed.member.name,
                short(names)
            ));
        }
    }
}
