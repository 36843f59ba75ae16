//! One request: what is asked, by whom, until when, and what it is done with.

use std::time::{Duration, Instant};

use blue_green::asked::parameters::{Action, Parameters};
use blue_green::aws::call::Caller;
use blue_green::aws::ecs::running::Ecs;
use blue_green::aws::elb::read::{ReadError, Reader};
use blue_green::aws::elb::write::Writer;
use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::plan::Asker;
use blue_green::seen::topology::Topology;

use crate::failure::Failure;

/// How long a plan may be applied after its reading began. The deployer waits longer than this between its fence and
/// its second look, so that no plan made before the fence can move a rule after that look.
const PLAN_LIVES: Duration = Duration::from_secs(15);

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
    /// Reads what really runs.
    pub ecs: Ecs,
    /// Writes.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Until when work is begun.
    pub deadline: Instant,
}

/// What was read, and until when a plan made from it may be applied.
pub struct Reading {
    /// What was read.
    pub topology: Topology,
    /// How long it may be relied on.
    pub until: Instant,
}

impl Request {
    /// Reads the load balancer, and once more where a permission was denied: IAM takes changes over with a delay, and a
    /// job that was failed for a reason that has gone by the time its event comes again would flip after all.
    ///
    /// # Errors
    /// As [`Reader::topology`].
    pub async fn observe(&self, reader: &Reader) -> Result<Reading, Failure> {
        let began = Instant::now();
        match self.read(reader).await {
            Err(ReadError::Aws(failure)) if failure.class == Class::Permission => {
                tracing::warn!(reason = %failure, "denied; looking a second time");
                let began = Instant::now();
                Ok(Reading { topology: self.read(reader).await?, until: began + PLAN_LIVES })
            }
            read => Ok(Reading { topology: read?, until: began + PLAN_LIVES }),
        }
    }

    async fn read(&self, reader: &Reader) -> Result<Topology, ReadError> {
        let topology = reader.topology(&self.asked.elb_name, &self.asked.ports).await?;
        // What nobody names is read from the listeners and the journal together: those must not be of different times.
        if self.asked.promote_to.is_empty() || self.asked.action == Action::Check {
            return Ok(reader.tags_again(topology).await?);
        }
        Ok(topology)
    }

    /// Reads rules and tags again.
    ///
    /// # Errors
    /// As [`Reader::again`].
    pub async fn again(&self, reader: &Reader, topology: &Topology) -> Result<Reading, AwsFailure> {
        let began = Instant::now();
        Ok(Reading { topology: reader.again(topology).await?, until: began + PLAN_LIVES })
    }

    /// How things are at the end, or else as they were seen last: then the log says so.
    pub async fn last_look(&self, seen: &Topology) -> Topology {
        self.late_reader.again(seen).await.unwrap_or_else(|failure| {
            tracing::error!(reason = %failure, "could not look again: what is told is what was seen before");
            seen.clone()
        })
    }

    /// A writer for a plan that must not be applied after `until`, nor after this invocation's deadline.
    #[must_use]
    pub fn writer(&self, until: Instant) -> Writer {
        Writer::new(self.elb.clone(), Caller::until(until.min(self.deadline)))
    }

    /// Whether there is no time for another try.
    #[must_use]
    pub fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
}
