//! Makes a plan's writes, waits for its deployment, and undoes it where it fails.

use std::time::{Duration, Instant};

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::roll::before::good;
use blue_green::roll::judge::Verdict;
use blue_green::roll::pins::{pin, unpinned};
use blue_green::roll::plan::{Plan, Target};
use blue_green::roll::seen::{Deployment, Record, Revision, Service, short};
use serde_json::Value;

use super::args::OnFailure;
use super::commands::{go_on, show, undo};
use super::failure::RollFailure;
use super::follow::{Ended, Follow};
use super::outcome::Outcome;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

/// The least time that an undo has, however little is left.
const UNDO: Duration = Duration::from_secs(600);

/// One roll of one service.
pub struct Roll<'a> {
    pub session: &'a Session,
    pub cluster: &'a str,
    pub service: &'a str,
    pub timeout: Duration,
    pub on_failure: OnFailure,
    /// Where a deployment that fails goes back to.
    pub before: Before,
}

/// What ran before, as far as it is known to have been good.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The last revision whose deployment was successful.
    pub good: Option<Revision>,
}

impl Before {
    /// Reads it.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn read(session: &Session, service: &Service, records: Option<&[Record]>) -> Result<Self, AwsFailure> {
        let Some(known) = good(service, records) else { return Ok(Self::default()) };
        let read = session.services().revisions(known.revision.as_slice()).await?.into_iter().next();
        let good = read.or(known.definition.map(|definition| Revision { definition, ..Revision::default() }));
        Ok(Self { good })
    }
}

impl Roll<'_> {
    /// Makes the plan come true. `outcome` learns what was done on the way.
    ///
    /// # Errors
    /// How it ended, where it did not end well.
    pub async fn make(&self, plan: Plan, outcome: &mut Outcome, interrupts: &mut Interrupts) -> Result<Exit, Failure> {
        let (id, going_back) = match plan {
            Plan::Nothing => {
                outcome.outcome = "nothing";
                return Ok(Exit::Done);
            }
            Plan::Follow(deployment) => (deployment.id, false),
            Plan::GoingBack(record) => (format!("ecs-svc/{}", short(&record.target)), true),
            Plan::Roll { target, force, .. } => match interrupts.unless(self.write(target, force, outcome)).await {
                Ok(Some(id)) => (id, false),
                Ok(None) => {
                    outcome.outcome = "nothing";
                    return Ok(Exit::Done);
                }
                Err(Failure::Interrupted) => return Err(self.left(None)),
                Err(failure) => return Err(failure),
            },
        };
        outcome.deployment.clone_from(&id);
        output::step(&format!("{}/{}: waiting for deployment {id}", self.cluster, self.service));
        let waited = interrupts.unless(async { Ok::<_, Failure>(self.wait(&id, going_back).await) }).await;
        match waited {
            Ok(ended) => ended,
            Err(Failure::Interrupted) => Err(self.left(Some(&id))),
            Err(failure) => Err(failure),
        }
    }

    /// Registers where needed and updates the service: the deployment that began; none where ECS started nothing.
    async fn write(&self, target: Target, force: bool, outcome: &mut Outcome) -> Result<Option<String>, Failure> {
        let writer = self.session.roller();
        let before = self.session.services().service(self.cluster, self.service).await?.deployments;
        let definition = match target {
            Target::Existing(arn) => arn,
            Target::New(document) => {
                let arn = writer.register(&document).await?.arn;
                output::step(&format!("registered {}", short(&arn)));
                arn
            }
        };
        short(&definition).clone_into(&mut outcome.to);
        let updated = writer.update(self.cluster, self.service, &definition, force).await;
        // Whether a call without an answer was made is not known: the service says it.
        let service = match updated {
            Ok(service) => service,
            Err(failure) if failure.class == Class::Transient => {
                let service = self
                    .session
                    .services()
                    .service(self.cluster, self.service)
                    .await
                    .map_err(|_| self.blind(failure.clone(), None))?;
                if service.definition != definition {
                    return Err(Failure::Aws(failure));
                }
                service
            }
            Err(failure) => return Err(Failure::Aws(failure)),
        };
        let is_new = |deployment: &&Deployment| before.iter().all(|old| old.id != deployment.id);
        let mut new = service.deployments.iter().filter(is_new);
        match new.clone().find(|deployment| deployment.definition == definition) {
            Some(own) => Ok(Some(own.id.clone())),
            None if new.next().is_none() => Ok(None),
            // Somebody else's came in between: ours has been replaced already.
            None => {
                let (by, next) = (primary(&service), show(self.cluster, self.service));
                Err(RollFailure::Superseded { service: self.name(), by, next }.into())
            }
        }
    }

    /// Waits for a deployment to its end, and undoes it where it fails.
    ///
    /// # Errors
    /// How it ended, where it did not end well.
    pub async fn wait(&self, id: &str, going_back: bool) -> Result<Exit, Failure> {
        let until = Instant::now() + self.timeout;
        let ended = self.follow(id, until).finish(going_back).await.map_err(|failure| self.blind(failure, Some(id)))?;
        let evidence = evidence(&ended);
        let name = self.name();
        match ended.verdict.clone() {
            None => Err(RollFailure::Rolling {
                service: name,
                seconds: self.timeout.as_secs(),
                go_on: go_on(self.cluster, self.service, Some(id)),
                undo: undo(self.cluster, self.service),
            }
            .into()),
            Some(Verdict::Successful) => Ok(Exit::Done),
            Some(Verdict::RolledBack { reason }) => self.rolled_back(reason, evidence).await,
            Some(Verdict::Superseded { by }) => {
                Err(RollFailure::Superseded { service: name, by, next: show(self.cluster, self.service) }.into())
            }
            Some(Verdict::Failing { failed, limit }) => {
                let reason = format!("{failed} of its tasks failed, {limit} end a deployment");
                self.undo(id, &ended, reason, evidence).await
            }
            Some(Verdict::Failed { reason }) => self.undo(id, &ended, reason, evidence).await,
            Some(Verdict::Rolling | Verdict::GoingBack { .. }) => {
                Err(Failure::System("a deployment that is under way was taken for ended; report this".to_owned()))
            }
        }
    }

    /// Undoes a deployment, and verifies that what was before runs again.
    async fn undo(&self, id: &str, ended: &Ended, reason: String, evidence: String) -> Result<Exit, Failure> {
        if self.on_failure == OnFailure::Keep {
            return Err(self.mixed(format!("{reason}. It was kept, as asked for"), evidence));
        }
        output::step(&format!("{}: {reason}; going back", self.name()));
        match self.take_back(id, ended.record.as_ref()).await {
            Ok(()) => self.rolled_back(reason, evidence).await,
            Err(why) => Err(self.mixed(format!("{reason}. Its undo failed: {why}"), evidence)),
        }
    }

    /// Takes a deployment back: by ECS's own way where it is under way, else by a deployment of what was good.
    ///
    /// # Errors
    /// Why it does not stand as before, for a person.
    pub async fn take_back(&self, id: &str, record: Option<&Record>) -> Result<(), String> {
        let until = Instant::now() + self.timeout.max(UNDO);
        let under_way = record.filter(|record| ["PENDING", "IN_PROGRESS"].contains(&record.status.as_str()));
        if let Some(record) = under_way {
            match self.session.roller().roll_back(&record.arn).await {
                Ok(_) => {
                    let ended = self.follow(id, until).finish(true).await.map_err(|failure| failure.what())?;
                    match ended.verdict {
                        Some(Verdict::RolledBack { .. }) => return Ok(()),
                        Some(Verdict::Failed { .. }) => {}
                        Some(Verdict::Successful) => return Err("it was successful in the meantime".to_owned()),
                        Some(Verdict::Superseded { by }) => return Err(format!("{by} came after it")),
                        _ => return Err("time is up, and it is still going back".to_owned()),
                    }
                }
                // Not allowed, or a kind of deployment that ECS cannot stop: the other way.
                Err(failure) => output::warn(&format!("{}; going back by a new deployment", failure.what())),
            }
        }
        let good = self.before.good.as_ref().ok_or("no deployment of this service was ever successful")?;
        let target = self.again(good).await.map_err(|failure| failure.what())?;
        let service = self.session.roller().update(self.cluster, self.service, &target, true).await.map_err(|f| f.what())?;
        let ended = self.follow(&primary(&service), until).finish(false).await.map_err(|failure| failure.what())?;
        match ended.verdict {
            Some(Verdict::Successful) => Ok(()),
            Some(verdict) => Err(format!("{} did not come up again: {verdict:?}", short(&target))),
            None => Err(format!("time is up, and {} is still coming up", short(&target))),
        }
    }

    /// A revision that makes the same tasks as a service revision did: itself, or a copy with the digests of that time, where its
    /// images are tags that may have moved, or where it cannot be deployed any more.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn again(&self, revision: &Revision) -> Result<String, AwsFailure> {
        let definition = self.session.services().definition(&revision.definition).await?;
        let mut document: Value = definition.registrable();
        let loose: Vec<_> =
            unpinned(&document).into_iter().filter_map(|(name, _)| Some((revision.digests.get(&name)?.clone(), name))).collect();
        if definition.active && loose.is_empty() {
            return Ok(definition.arn);
        }
        for (digest, container) in loose {
            pin(&mut document, &container, &digest);
        }
        let copy = self.session.roller().register(&document).await?;
        output::step(&format!("registered {}, a copy of {} with the digests of that time", copy.name(), definition.name()));
        Ok(copy.arn)
    }

    async fn rolled_back(&self, reason: String, evidence: String) -> Result<Exit, Failure> {
        // Named as it is now: this is what is verified.
        let service = self.session.services().service(self.cluster, self.service).await;
        let to = service.map_or_else(|_| "what was before".to_owned(), |service| short(&service.definition).to_owned());
        Err(RollFailure::RolledBack { service: self.name(), reason, to, evidence }.into())
    }

    /// It failed, and the state is mixed.
    pub fn mixed(&self, reason: String, evidence: String) -> Failure {
        let next = format!("to see it: {}\n  to undo:   {}", show(self.cluster, self.service), undo(self.cluster, self.service));
        RollFailure::Mixed { service: self.name(), reason, evidence, next }.into()
    }

    fn follow(&self, id: &str, until: Instant) -> Follow<'_> {
        Follow { session: self.session, cluster: self.cluster, service: self.service, id: id.to_owned(), until }
    }

    /// The roll goes on without this command.
    pub fn left(&self, id: Option<&str>) -> Failure {
        let (go_on, undo) = (go_on(self.cluster, self.service, id), undo(self.cluster, self.service));
        RollFailure::Left { service: self.name(), go_on, undo }.into()
    }

    fn blind(&self, source: AwsFailure, id: Option<&str>) -> Failure {
        let (go_on, undo) = (go_on(self.cluster, self.service, id), undo(self.cluster, self.service));
        RollFailure::Blind { service: self.name(), source, go_on, undo }.into()
    }

    /// `cluster/service`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.cluster, self.service)
    }
}

/// The id of a service's PRIMARY deployment.
#[must_use]
pub fn primary(service: &Service) -> String {
    let primary = service.deployments.iter().find(|deployment| deployment.status == "PRIMARY");
    primary.map(|primary| primary.id.clone()).unwrap_or_default()
}

/// Why tasks stopped, as lines below a message.
fn evidence(ended: &Ended) -> String {
    let reasons = ended.reasons.iter().map(|reason| {
        let tasks = if reason.tasks == 1 { "task" } else { "tasks" };
        format!("\n  {} {tasks}: {}", reason.tasks, reason.what)
    });
    let lines = ended.lines.iter().map(|line| format!("\n    | {line}"));
    reasons.chain(lines).collect()
}
