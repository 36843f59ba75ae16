//! Looks at every member. Nothing is written.

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::aws::scheduler::Schedule;
use blue_green::roll::before::good;
use blue_green::roll::release::course::{self, Busy};
use blue_green::roll::release::journal::{Entry, Kind, member as named};
use blue_green::roll::release::place::{self, Look, Place};
use blue_green::roll::seen::{Definition, Record, Revision, Service, short};
use futures::future::try_join_all;

use super::file::{Member, Release};
use crate::failure::Failure;
use crate::session::Session;
use crate::verbs::roll::failure::RollFailure;

/// How many of a family's newest revisions are looked at for what a release registered.
pub const REVISIONS: usize = 10;
/// How many of the newest service deployments are looked at.
pub const RECORDS: usize = 20;
/// What a service deployment that is under way can be.
const UNDER_WAY: [&str; 5] = ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];

/// What was seen of a member.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The member.
    pub member: Member,
    /// What it runs, or what its task would run: the base of the new revision.
    pub base: Definition,
    /// The newest revisions of its family.
    pub newest: Vec<Definition>,
    /// Of a service.
    pub service: Option<ServiceSeen>,
    /// Of a schedule.
    pub schedule: Option<Schedule>,
    /// The revision that the schedule starts now.
    pub starts: Option<String>,
    /// What this release registered for it.
    pub own: Option<(Definition, Entry)>,
}

/// What was seen of a service.
#[derive(Clone, Debug)]
pub struct ServiceSeen {
    /// The service.
    pub service: Service,
    /// Its newest deployments, the newest first, each with the task definition that it brings.
    pub records: Vec<(Record, String)>,
    /// What was last successful.
    pub good: Option<Revision>,
    /// What it ran before this release, where this release has registered something for it.
    pub before: Option<Revision>,
}

/// Looks at every member that takes part.
///
/// # Errors
/// A service, a family or a schedule that is not there, or a call that failed.
pub async fn observe(session: &Session, release: &Release, names: &[String], id: &str) -> Result<Vec<Observed>, Failure> {
    let members: Vec<&Member> = release.members.iter().filter(|member| names.contains(&member.name)).collect();
    let wanted: Vec<String> =
        members.iter().filter(|member| member.kind == Kind::Service).map(|member| member.name.clone()).collect();
    let services = session.services().services(&release.cluster, &wanted).await?;
    if !services.missing.is_empty() {
        let missing = services.missing.join(", ");
        return Err(Failure::Usage(format!(
            "there is no service {missing} in cluster {} of this account and Region; check the file and AWS_REGION",
            release.cluster
        )));
    }
    let observed = members.into_iter().map(async |member| {
        let service = services.there.iter().find(|service| service.name == member.name);
        match (member.kind, service) {
            (Kind::Service, Some(service)) => of_service(session, member, service, id).await,
            _ => of_other(session, member, id).await,
        }
    });
    try_join_all(observed).await
}

async fn of_service(session: &Session, member: &Member, service: &Service, id: &str) -> Result<Observed, Failure> {
    let refused = |message: String| Failure::Roll(RollFailure::Refused(message));
    let name = &service.name;
    if service.status != "ACTIVE" || service.controller != "ECS" {
        let found = format!("service {name} is {} and deployed by {}", service.status, service.controller);
        return Err(refused(format!("{found}, expected ACTIVE and ECS")));
    }
    let reader = session.services();
    let base = reader.definition(&service.definition).await?;
    let records = records(session, service).await?;
    let only: Vec<Record> = records.iter().map(|(record, _)| record.clone()).collect();
    let good = match good(service, Some(&only)) {
        Some(good) => {
            let read = reader.revisions(good.revision.as_slice()).await?.into_iter().next();
            read.or(good.definition.map(|definition| Revision { definition, ..Revision::default() }))
        }
        None => None,
    };
    let newest = reader.newest(family(&base), REVISIONS).await?;
    let own = own(&newest, &base, member, id);
    let before = match &own {
        Some((_, entry)) if !entry.before.is_empty() => {
            // arn:…:service-revision/CLUSTER/SERVICE/NUMBER
            let arn = format!("{}/{}", service.arn.replacen(":service/", ":service-revision/", 1), entry.before);
            reader.revisions(&[arn]).await?.into_iter().next()
        }
        Some(_) | None => None,
    };
    let service = Some(ServiceSeen { service: service.clone(), records, good, before });
    Ok(Observed { member: member.clone(), base, newest, service, schedule: None, starts: None, own })
}

async fn of_other(session: &Session, member: &Member, id: &str) -> Result<Observed, Failure> {
    let reader = session.services();
    let family = member.family.as_deref().unwrap_or_default();
    let newest = reader.newest(family, REVISIONS).await?;
    // Of a one-off task: what ran, or was registered by somebody else; not what a release registered that failed.
    let ran = |definition: &&Definition| {
        let entry = Entry::read(&definition.tags);
        member.kind != Kind::Task || entry.is_none_or(|entry| entry.ran.is_some_and(|ran| ran.code == Some(0)))
    };
    let mut base = newest.iter().find(ran).or(newest.first()).cloned().ok_or_else(|| {
        Failure::Usage(format!(
            "{} {}: there is no active task definition of the family {family}; check `definition`",
            member.kind.word(),
            member.name
        ))
    })?;
    let (mut schedule, mut starts) = (None, None);
    if member.kind == Kind::Schedule {
        let read = session.schedules().read(&member.group, &member.name).await.map_err(|failure| no_schedule(failure, member))?;
        let names = read.definition().ok_or_else(|| {
            Failure::Usage(format!("schedule {} starts no ECS task; a release points such schedules only", member.name))
        })?;
        // What the schedule starts is the base, where it is of this family.
        let named = reader.definition(short(names)).await?;
        starts = Some(named.arn.clone());
        if self::family(&named) == family {
            base = named;
        }
        schedule = Some(read);
    }
    let own = own(&newest, &base, member, id);
    Ok(Observed { member: member.clone(), base, newest, service: None, schedule, starts, own })
}

fn no_schedule(failure: AwsFailure, member: &Member) -> Failure {
    match failure.class {
        Class::NotFound => Failure::Usage(format!(
            "there is no schedule {} in the group {} ({}); check `schedules`",
            member.name, member.group, failure.message
        )),
        _ => Failure::Aws(failure),
    }
}

/// The family of a definition.
pub fn family(definition: &Definition) -> &str {
    definition.name().rsplit_once(':').map_or(definition.name(), |(family, _)| family)
}

/// The newest deployments of a service, each with its task definition. Without them a release does nothing.
///
/// # Errors
/// A call that failed.
pub async fn records(session: &Session, service: &Service) -> Result<Vec<(Record, String)>, Failure> {
    let reader = session.services();
    let mut rows = reader.recorded(service).await?;
    rows.truncate(RECORDS);
    let targets: Vec<String> = rows.iter().map(|row| row.target.clone()).collect();
    let revisions = reader.revisions(&targets).await?;
    let of = |target: &str| revisions.iter().find(|revision| revision.arn == target).map(|revision| revision.definition.clone());
    Ok(rows.into_iter().map(|row| (row.clone(), of(&row.target).unwrap_or_default())).collect())
}

/// What the release registered for a member: among the newest revisions, or what it runs.
fn own(newest: &[Definition], base: &Definition, member: &Member, id: &str) -> Option<(Definition, Entry)> {
    let is_own = |entry: &Entry| entry.release == id && entry.undo.is_none() && entry.member == named(member.kind, &member.name);
    let all = newest.iter().chain([base]);
    let read = |definition: &Definition| Entry::read(&definition.tags).map(|entry| (definition.clone(), entry));
    all.filter_map(read).find(|(_, entry)| is_own(entry))
}

impl Observed {
    /// The task definitions that are what the member ran before: that of its service revision, and copies that an undo registered.
    pub fn old(&self) -> Vec<String> {
        let Some((own, _)) = &self.own else { return Vec::new() };
        let copies = self
            .newest
            .iter()
            .filter(|definition| Entry::read(&definition.tags).is_some_and(|copy| copy.undo.as_deref() == Some(own.name())));
        let before = self.service.iter().filter_map(|seen| Some(seen.before.as_ref()?.definition.clone()));
        before.chain(copies.map(|copy| copy.arn.clone())).collect()
    }

    /// How the member looks to whoever decides what to do.
    pub fn for_course(&self, id: &str) -> course::Member {
        let old = self.old();
        let (mut place, mut begun) = (None, false);
        if let Some((own, entry)) = &self.own {
            if let Some(ServiceSeen { service, records, .. }) = &self.service {
                let look = Look { service, records, own: &own.arn, before: &entry.before, old: &old, stopped: &[] };
                (place, begun) = (Some(place::service(&look)), place::is_begun(&look));
            }
            if let Some(schedule) = &self.schedule {
                let at = place::schedule(names(schedule, &entry.before), &own.arn, &entry.before);
                (begun, place) = (at == Place::New, Some(at));
            }
        }
        let entry = self.own.as_ref().map(|(_, entry)| entry.clone());
        course::Member { name: self.member.name.clone(), entry, place, begun, busy: self.busy(&[id]) }
    }

    /// What else goes on there, the releases with these ids apart.
    pub fn busy(&self, ids: &[&str]) -> Option<Busy> {
        if let Some(ServiceSeen { service, records, good, .. }) = &self.service {
            let newest = records.first();
            let rolling = newest.filter(|(record, _)| UNDER_WAY.contains(&record.status.as_str()));
            if let Some((record, definition)) = rolling {
                let what = format!("ecs-svc/{} of {} is {}", short(&record.target), short(definition), record.status);
                return Some(Busy::Rolling { what, release: self.release_of(definition) });
            }
            if let Some(primary) = service.deployments.iter().find(|d| d.status == "PRIMARY" && d.rollout == "IN_PROGRESS") {
                let what = format!("{} of {} is {}", primary.id, short(&primary.definition), primary.rollout);
                return Some(Busy::Rolling { what, release: self.release_of(&primary.definition) });
            }
            let runs = |good: &Revision| good.definition == service.definition && !good.arn.is_empty();
            if !good.as_ref().is_some_and(runs) {
                return Some(Busy::Unproven { what: short(&service.definition).to_owned() });
            }
            if let Some(open) = newest.and_then(|(_, definition)| self.open(definition, ids)) {
                return Some(Busy::Open { release: open });
            }
        }
        if self.member.kind == Kind::Task {
            return None;
        }
        self.open(&self.base.arn, ids).map(|release| Busy::Open { release })
    }

    fn entry_of(&self, arn: &str) -> Option<Entry> {
        let all = self.newest.iter().chain([&self.base]);
        all.filter(|definition| definition.arn == arn).find_map(|definition| Entry::read(&definition.tags))
    }

    fn release_of(&self, arn: &str) -> Option<String> {
        self.entry_of(arn).map(|entry| entry.release)
    }

    /// The release that registered this revision, where it has not ended.
    fn open(&self, arn: &str, ids: &[&str]) -> Option<String> {
        let entry = self.entry_of(arn)?;
        let of_copy = |undone: &String| {
            self.newest.iter().find(|definition| definition.name() == undone).and_then(|found| Entry::read(&found.tags))
        };
        // Of a copy, what it takes back knows how the release ended; one that is too old to be found has ended.
        let entry = match &entry.undo {
            Some(undone) => of_copy(undone)?,
            None => entry,
        };
        (!ids.contains(&entry.release.as_str()) && is_open(&self.newest, &entry)).then_some(entry.release)
    }
}

/// Whether the release of an entry has not ended in this family: its newest revision says so, which an earlier attempt, or a call
/// that was made twice, has left behind others.
pub fn is_open(newest: &[Definition], entry: &Entry) -> bool {
    let mut all = newest.iter().filter_map(|definition| Entry::read(&definition.tags));
    let last = all.find(|other| other.release == entry.release && other.undo.is_none());
    last.as_ref().unwrap_or(entry).ended.is_none()
}

/// What a schedule names. One that names a family without a revision was not pointed yet.
pub fn names<'a>(schedule: &'a Schedule, before: &'a str) -> &'a str {
    schedule.definition().filter(|names| short(names).contains(':')).unwrap_or(before)
}
