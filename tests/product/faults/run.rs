//! One flip that is broken: delivered again as Lambda does, then twice more, while clients ask every rule of port 80.
//!
//! Nothing here may end otherwise on a busy machine. A function has all the time it could need, but for the deliveries
//! in which a lasting fault is waited out; where such a delivery's time was too short for what comes before and after
//! that, the run shows nothing and is made again with twice the time.

use std::time::{Duration, Instant};

use local_aws::gateway::{At, Fault, FaultKind, Gateway, Lasts};
use local_aws::lambda::{DELIVERIES, Invocation, Lambda, Outcome};

use crate::faults::arena::{Arena, Asked};
use crate::faults::clients::Clients;
use crate::faults::outcome::{Answer, Ended, Further};

/// What a function has that waits for nothing.
pub const PATIENT: Duration = Duration::from_secs(60);
/// What a function has at first that waits a fault out to the end of its time.
const HASTY: Duration = Duration::from_secs(2);

impl Arena {
    /// Puts everything back, asks once with these faults, lets Lambda deliver again as it does, and sends two
    /// duplicates at the end: one to the same process, one to a fresh one.
    pub async fn run(&mut self, asked: Asked, faults: &[Fault]) -> Ended {
        let limit = if faults.iter().any(is_waited_out) { HASTY } else { PATIENT };
        self.run_within(asked, faults, limit, Ended::is_cut_short).await
    }

    /// [`Arena::run`] with a function that has this time at first, and twice as much wherever it was too short.
    pub async fn run_within(
        &mut self,
        asked: Asked,
        faults: &[Fault],
        mut limit: Duration,
        is_too_short: fn(&Ended) -> bool,
    ) -> Ended {
        loop {
            let ended = self.attempt(asked, faults, limit).await;
            if limit >= PATIENT || !is_too_short(&ended) {
                return ended;
            }
            limit *= 2;
        }
    }

    async fn attempt(&mut self, asked: Asked, faults: &[Fault], limit: Duration) -> Ended {
        self.reset().await;
        if asked == Asked::Check {
            self.mislabel().await;
        }
        let lambda = if faults.iter().any(hangs) { self.impatient.clone() } else { self.lambda.clone() };
        let clients = Clients::start(self.world.load_balancer.address("shop", 80).unwrap(), self.paths()).await;
        let gateway = self.world.gateway.clone();
        faults.iter().for_each(|fault| gateway.inject(fault.clone()));
        let (event, job) = self.event(asked);
        // In the middle of the live rules everything waits until every rule has answered.
        let halfway = gateway.pause_at(At::Action("ModifyListener".to_owned(), 1));
        let deliveries = tokio::select! {
            deliveries = deliver(&lambda, &gateway, event.as_bytes(), faults, limit) => deliveries,
            never = async {
                halfway.reached().await;
                clients.answered_again().await;
                halfway.release();
                std::future::pending().await
            } => never,
        };
        gateway.idle().await;
        let (calls, hit) = (gateway.calls(), gateway.fault_hit());
        gateway.clear_faults();
        let answer = match &job {
            Some(job) => Answer::of_job(&self.world.jobs.state(job).unwrap()),
            None => Answer::of_direct(&deliveries.last().unwrap().outcome),
        };
        let over = Instant::now();
        clients.answered_again().await;
        let after = (over, Instant::now());
        let (rules, noted) = (self.rule_states().await, self.is_noted().await);
        lambda.set_timeout(PATIENT);
        let same = self.further(&lambda, &deliveries[0].request_id, &event, noted).await;
        lambda.retire().await;
        let fresh = self.further(&lambda, &deliveries[0].request_id, &event, noted).await;
        let accepted = job.as_ref().map_or(1, |job| self.world.jobs.accepted(job));
        let timed_out = deliveries.iter().any(|delivery| delivery.outcome == Outcome::TimedOut);
        let seen = clients.stop(after).await;
        Ended { answer, direct: job.is_none(), rules, calls, hit, timed_out, accepted, further: [same, fresh], seen }
    }

    /// One more delivery of an event that is over.
    async fn further(&self, lambda: &Lambda, request_id: &str, event: &str, noted: bool) -> Further {
        let gateway = &self.world.gateway;
        gateway.reset_calls();
        let delivery = lambda.deliver_once(request_id, event.as_bytes()).await.unwrap();
        gateway.idle().await;
        Further { noted, outcome: delivery.outcome, calls: gateway.calls(), rules: self.rule_states().await }
    }

    /// The event of a request, and its job where there is one.
    fn event(&self, asked: Asked) -> (String, Option<String>) {
        let parameters = self.parameters(asked).to_string();
        match asked {
            Asked::Direct => (parameters, None),
            Asked::Job | Asked::Check => {
                let job = self.world.jobs.create_job(&parameters);
                (self.world.jobs.event(&job).to_string(), Some(job))
            }
        }
    }
}

/// Delivers as Lambda does. As soon as no fault is left, there is nothing to wait out.
async fn deliver(lambda: &Lambda, gateway: &Gateway, event: &[u8], faults: &[Fault], limit: Duration) -> Vec<Invocation> {
    let stays = faults.iter().any(|fault| fault.lasts == Lasts::ForGood);
    lambda.set_timeout(limit);
    let mut deliveries = vec![lambda.invoke(event).await.unwrap()];
    while deliveries.len() < DELIVERIES && !matches!(deliveries[deliveries.len() - 1].outcome, Outcome::Answer(_)) {
        if gateway.fault_hit() && !stays {
            lambda.set_timeout(PATIENT);
        }
        deliveries.push(lambda.deliver_once(&deliveries[0].request_id, event).await.unwrap());
    }
    deliveries
}

/// Whether the caller gets no answer and has to give a call up.
pub fn hangs(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Hang | FaultKind::HangAfter)
}

/// Whether the caller tries until its own time is over.
pub fn is_waited_out(fault: &Fault) -> bool {
    let at_once = matches!(fault.kind, FaultKind::KillBefore | FaultKind::KillAfter | FaultKind::AccessDenied);
    fault.lasts != Lasts::Once && !at_once
}
