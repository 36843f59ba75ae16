//! One member of a release on its way: how it is looked at, and how it goes back.

use std::collections::BTreeMap;
use std::time::Instant;

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::roll::definition::{set_tags, tags};
use blue_green::roll::pins::{pin, unpinned};
use blue_green::roll::release::journal::Entry;
use blue_green::roll::release::place::{self, Look, Place};
use blue_green::roll::seen::{Record, Service, Task, short};

use super::observe::{Observed, ServiceSeen, names, records};
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// A member on its way.
pub struct Member {
    /// What was seen of it, with its own revision.
    pub observed: Observed,
    /// The ARN of its own revision.
    pub own: String,
    /// What its tags say.
    pub entry: Entry,
    /// Task definitions that are what it ran before.
    pub old: Vec<String>,
    /// Where it is.
    pub place: Place,
    /// Its stopped tasks, by their ARNs.
    pub stopped: BTreeMap<String, Task>,
    /// How often it was asked to go back.
    pub asked_back: u32,
    /// The last write, and where the member was then: it is not there twice for the same reason.
    pub wrote: Option<(Instant, Place)>,
}

impl Member {
    /// Of what was seen, with its own revision; none where nothing was registered for it.
    #[must_use]
    pub fn new(observed: &Observed) -> Option<Self> {
        let (own, entry) = observed.own.clone()?;
        Some(Self {
            old: observed.old(),
            observed: observed.clone(),
            own: own.arn,
            entry,
            place: Place::Old,
            stopped: BTreeMap::new(),
            asked_back: 0,
            wrote: None,
        })
    }

    /// Whether it is as before, and nothing was written.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.place == Place::Old && self.wrote.is_none()
    }
}

/// Where a member is, in a few words.
pub fn describe(member: &Member) -> String {
    let name = &member.observed.member.name;
    let counts = member.observed.service.as_ref().map(|seen| {
        let own = seen.service.deployments.iter().find(|deployment| deployment.definition == member.own);
        format!(" {} of {}", own.map_or(0, |own| own.running), seen.service.desired)
    });
    match &member.place {
        Place::Rolling => format!("{name}{}", counts.unwrap_or_default()),
        place => format!("{name} {}", word(place)),
    }
}

/// A place in a word.
pub fn word(place: &Place) -> &'static str {
    match place {
        Place::Old => "as before",
        Place::Rolling => "rolling",
        Place::New => "new",
        Place::Failing { .. } => "failing",
        Place::Failed { .. } => "failed",
        Place::Undoing { .. } => "going back",
        Place::Undone { .. } => "back",
        Place::Stuck { .. } => "stuck",
        Place::Foreign { .. } => "changed by somebody else",
    }
}

/// Looks at a service.
///
/// # Errors
/// A call that failed.
pub async fn look_at_service(session: &Session, member: &mut Member, service: &Service) -> Result<(), Failure> {
    let reader = session.services();
    let mut rows = records(session, service).await?;
    // The list knows no reasons.
    let own = rows.iter().position(|(_, definition)| *definition == member.own);
    if let Some(row) = own.and_then(|index| rows.get_mut(index))
        && let Some(described) =
            reader.described(std::slice::from_ref(&row.0.arn)).await?.and_then(|found| found.into_iter().next())
    {
        row.0 = Record { target: row.0.target.clone(), ..described };
    }
    let arns = reader.task_arns(service, "STOPPED").await?;
    let new: Vec<String> =
        arns.into_iter().filter(|arn| member.stopped.get(arn).is_none_or(|task| task.status != "STOPPED")).collect();
    member.stopped.extend(reader.tasks(&service.cluster, &new).await?.into_iter().map(|task| (task.arn.clone(), task)));
    let stopped: Vec<Task> = member.stopped.values().cloned().collect();
    let Member { own, entry, old, .. } = member;
    member.place = place::service(&Look { service, records: &rows, own, before: &entry.before, old, stopped: &stopped });
    if let Some(ServiceSeen { service: kept, records, .. }) = &mut member.observed.service {
        (*kept, *records) = (service.clone(), rows);
    }
    Ok(())
}

/// Looks at a schedule.
///
/// # Errors
/// A call that failed.
pub async fn look_at_schedule(session: &Session, member: &mut Member) -> Result<(), Failure> {
    let named = &member.observed.member;
    let read = session.schedules().read(&named.group, &named.name).await?;
    member.place = place::schedule(names(&read, &member.entry.before), &member.own, &member.entry.before);
    member.observed.schedule = Some(read);
    Ok(())
}

/// Takes one member back: ECS's own way where its deployment is under way, else a deployment of what ran before, with its digests.
///
/// # Errors
/// An [`AwsFailure`].
pub async fn undo(session: &Session, cluster: &str, member: &mut Member) -> Result<String, AwsFailure> {
    let name = member.observed.member.name.clone();
    if let Some(schedule) = &member.observed.schedule {
        let before = recorded(member)?;
        session.schedules().point(schedule, before).await?;
        return Ok(short(before).to_owned());
    }
    let Some(seen) = &member.observed.service else { return Ok(String::new()) };
    let own = seen.records.iter().find(|(_, definition)| *definition == member.own).map(|(record, _)| record);
    let under_way = own.filter(|record| ["PENDING", "IN_PROGRESS"].contains(&record.status.as_str()));
    if let Some(record) = under_way.filter(|_| member.asked_back == 0) {
        match session.roller().roll_back(&record.arn).await {
            Ok(_) => return Ok("what ran before, by ECS".to_owned()),
            Err(failure) if failure.class == Class::Transient => return Err(failure),
            Err(failure) => output::warn(&format!("{}; going back by a new deployment", failure.what())),
        }
    }
    let target = match member.old.get(1) {
        Some(copy) => copy.clone(),
        None => again(session, member).await?,
    };
    session.roller().update(cluster, &name, &target, true).await?;
    Ok(short(&target).to_owned())
}

/// What the journal says that a member ran before. Where somebody removed the tag, nobody knows, and nothing is written.
fn recorded(member: &Member) -> Result<&str, AwsFailure> {
    let lacks = "tag bluegreen:before, which says what ran before this release";
    let before = Some(member.entry.before.as_str()).filter(|before| !before.is_empty());
    before.ok_or_else(|| AwsFailure::incomplete("ecs:DescribeTaskDefinition", short(&member.own), lacks))
}

/// A revision that makes the same tasks as the member ran before: that one, or a copy with the digests of that time.
async fn again(session: &Session, member: &mut Member) -> Result<String, AwsFailure> {
    recorded(member)?;
    let before = member.observed.service.as_ref().and_then(|seen| seen.before.clone());
    let before = before.ok_or_else(|| {
        let lacks = "service revision of before this release";
        AwsFailure::incomplete("ecs:DescribeServiceRevisions", &member.observed.member.name, lacks)
    })?;
    let definition = session.services().definition(&before.definition).await?;
    let mut document = definition.registrable();
    let loose: Vec<(String, String)> =
        unpinned(&document).into_iter().filter_map(|(name, _)| Some((before.digests.get(&name)?.clone(), name))).collect();
    if definition.active && loose.is_empty() {
        return Ok(definition.arn);
    }
    for (digest, container) in loose {
        pin(&mut document, &container, &digest);
    }
    let entry = Entry { undo: Some(short(&member.own).to_owned()), ended: None, ran: None, ..member.entry.clone() };
    let mut all = tags(&document);
    // They were good when they were written on the revision that this one takes back.
    all.extend(entry.tags().unwrap_or_default());
    if let Some(fields) = document.as_object_mut() {
        set_tags(fields, &all);
    }
    let copy = session.roller().register(&document).await?;
    output::step(&format!("registered {}, a copy of {} with the digests of that time", copy.name(), definition.name()));
    member.old.push(copy.arn.clone());
    Ok(copy.arn)
}
