//! One request: what is asked, by whom, until when, and what it is done with.

use std::time::{Duration, Instant};

use blue_green::asked::parameters::{Action, Parameters};
use blue_green::aws::call::Caller;
use blue_green::aws::ecs::running::Ecs;
use blue_green::aws::elb::read::{Outline, ReadError, Reader};
use blue_green::aws::elb::write::Writer;
use blue_green::aws::failure::Class;
use blue_green::release::id::Asker;
use blue_green::release::times::PLAN_LIVES;
use blue_green::seen::topology::Topology;

/// How long to wait after each denial before the same is read again: IAM takes changes over with a delay of some seconds (IAM
/// user guide, "Changes that I make are not always immediately visible"), and a flip may be half made meanwhile.
const AFTER_DENIALS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(200), Duration::from_millis(800), Duration::from_millis(3_200)];

/// One request, with the clients of its invocation.
pub struct Request {
    /// What is asked.
    pub asked: Parameters,
    /// Who asks.
    pub asker: Asker,
    /// Reads the load balancer.
    pub reader: Reader,
    /// Reads how things are, when there is no time for anything else.
    pub late_reader: Reader,
    /// What Init found of the load balancer, where that may be relied on.
    pub known: Option<Outline>,
    /// Reads what really runs.
    pub ecs: Ecs,
    /// Writes.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Until when work is begun.
    pub deadline: Instant,
    /// How long other jobs' plans are waited for, before this one is closed as not made.
    pub wait: Duration,
}

/// What was read, and until when a plan made from it may be applied.
pub struct Reading {
    /// What was read.
    pub topology: Topology,
    /// How long it may be relied on.
    pub until: Instant,
    /// Whether the health of the targets was read with it.
    pub has_health: bool,
}

impl Request {
    /// Reads the load balancer, or rules and tags again where it was read before.
    ///
    /// # Errors
    /// As [`Reader::topology`].
    pub async fn look(&self, before: Option<&Topology>) -> Result<Reading, ReadError> {
        self.patiently(async || self.look_once(before).await).await
    }

    /// Reads the health of every group again, and their companions.
    ///
    /// # Errors
    /// An AWS failure.
    pub async fn health(&self, topology: &Topology) -> Result<Topology, ReadError> {
        let read = async || Ok(self.ecs.with_companions(self.reader.health(topology.clone()).await?).await?);
        self.patiently(read).await
    }

    /// Reads, and reads again where a permission was denied.
    async fn patiently<T>(&self, read: impl AsyncFn() -> Result<T, ReadError>) -> Result<T, ReadError> {
        for pause in AFTER_DENIALS {
            match read().await {
                Err(ReadError::Aws(failure)) if failure.class == Class::Permission && pause < self.left() => {
                    tracing::warn!(reason = %failure, "denied; looking again");
                    tokio::time::sleep(pause).await;
                }
                read => return read,
            }
        }
        read().await
    }

    async fn look_once(&self, before: Option<&Topology>) -> Result<Reading, ReadError> {
        let until = Instant::now() + PLAN_LIVES;
        let topology = match before {
            Some(before) => self.reader.again(before).await?,
            None => self.ecs.with_companions(self.first().await?).await?,
        };
        Ok(Reading { topology, until, has_health: before.is_none() })
    }

    async fn first(&self) -> Result<Topology, ReadError> {
        let topology = match self.of_known().await? {
            Some(topology) => topology,
            None => self.reader.topology(&self.asked.elb_name).await?,
        };
        // What nobody names is read from the listeners and the records together: those must not be of different times.
        if self.asked.promote_to.is_empty() || self.asked.action == Action::Check {
            return Ok(self.reader.tags_again(topology).await?);
        }
        Ok(topology)
    }

    /// By what Init found, where all of that is still there.
    async fn of_known(&self) -> Result<Option<Topology>, ReadError> {
        let Some(known) = &self.known else { return Ok(None) };
        match self.reader.topology_of(known).await {
            Ok(None) => {}
            Err(failure) if failure.class == Class::NotFound => {}
            read => return Ok(read?),
        }
        tracing::info!("listeners or groups were replaced since Init; looking by name");
        Ok(None)
    }

    /// A writer for a plan that must not be applied after `until`, nor after this invocation's deadline.
    #[must_use]
    pub fn writer(&self, until: Instant) -> Writer {
        Writer::new(self.elb.clone(), Caller::until(until.min(self.deadline)))
    }

    /// How much time is left to begin work.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
