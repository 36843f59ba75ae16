//! What is known of a target's health, as a state machine fed by probes, and how the API words it
//! (ELB API reference, `TargetHealth`).

use std::time::Instant;

use super::TargetState;

/// The states of a target that this load balancer plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No rule forwards to its group: it is not probed.
    Unused,
    /// Probed, but not often enough to know.
    Initial,
    /// Takes traffic.
    Healthy,
    /// Takes no traffic, unless all are unhealthy.
    Unhealthy,
    /// Deregistered: takes no new requests, finishes those in flight.
    Draining {
        /// From then on it is gone.
        until: Instant,
    },
}

impl State {
    pub fn is_probed(self) -> bool {
        matches!(self, Self::Initial | Self::Healthy | Self::Unhealthy)
    }

    pub fn is_draining(self) -> bool {
        matches!(self, Self::Draining { .. })
    }
}

/// Why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A status outside the matcher.
    Status(u16),
    /// No answer in time.
    Timeout,
    /// No connection, or an answer that is no HTTP.
    Connection,
}

/// A target's state, and its last probes.
#[derive(Clone)]
pub(super) struct Health {
    state: State,
    passes: u32,
    failures: u32,
    problem: Option<Problem>,
    zonally_shifted: bool,
}

impl Health {
    pub fn new(state: State) -> Self {
        Self { state, passes: 0, failures: 0, problem: None, zonally_shifted: false }
    }

    /// Whether traffic is kept away from its zone.
    pub fn shift(&mut self, away: bool) {
        self.zonally_shifted = away;
    }

    /// Whether it takes traffic.
    pub fn takes_traffic(&self) -> bool {
        self.state == State::Healthy && !self.zonally_shifted
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Takes in one probe. The thresholds are numbers of probes in a row.
    pub fn record(&mut self, probe: Result<(), Problem>, healthy_threshold: u32, unhealthy_threshold: u32) {
        match probe {
            Ok(()) => (self.passes, self.failures) = (self.passes + 1, 0),
            Err(problem) => (self.passes, self.failures, self.problem) = (0, self.failures + 1, Some(problem)),
        }
        match self.state {
            State::Initial | State::Unhealthy if self.passes >= healthy_threshold => self.state = State::Healthy,
            State::Initial | State::Healthy if self.failures >= unhealthy_threshold => self.state = State::Unhealthy,
            _ => {}
        }
    }

    /// The state in the API's words.
    pub fn tell(&self, id: &str, port: u16) -> TargetState {
        let (state, reason, description) = match (self.state, &self.problem) {
            (State::Healthy, _) => ("healthy", None, None),
            (State::Unused, _) => {
                let why = "Target group is not configured to receive traffic from the load balancer";
                ("unused", Some("Target.NotInUse"), Some(why.to_owned()))
            }
            (State::Draining { .. }, _) => {
                let why = "Target deregistration is in progress";
                ("draining", Some("Target.DeregistrationInProgress"), Some(why.to_owned()))
            }
            (State::Initial, _) if self.passes + self.failures == 0 => {
                ("initial", Some("Elb.RegistrationInProgress"), Some("Target registration is in progress".to_owned()))
            }
            (State::Initial, _) => {
                ("initial", Some("Elb.InitialHealthChecking"), Some("Initial health checks in progress".to_owned()))
            }
            (State::Unhealthy, Some(Problem::Status(status))) => {
                let why = format!("Health checks failed with these codes: [{status}]");
                ("unhealthy", Some("Target.ResponseCodeMismatch"), Some(why))
            }
            (State::Unhealthy, Some(Problem::Timeout)) => {
                ("unhealthy", Some("Target.Timeout"), Some("Request timed out".to_owned()))
            }
            (State::Unhealthy, _) => ("unhealthy", Some("Target.FailedHealthChecks"), Some("Health checks failed".to_owned())),
        };
        let (state, reason, zonally_shifted) = (state.to_owned(), reason.map(str::to_owned), self.zonally_shifted);
        TargetState { id: id.to_owned(), port, state, reason, description, zonally_shifted }
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, Problem, State};

    fn after(probes: &str) -> State {
        let mut health = Health::new(State::Initial);
        for probe in probes.chars() {
            health.record(if probe == '+' { Ok(()) } else { Err(Problem::Connection) }, 3, 2);
        }
        health.state()
    }

    #[test]
    fn thresholds_count_probes_in_a_row() {
        assert_eq!(after(""), State::Initial);
        assert_eq!(after("++"), State::Initial);
        assert_eq!(after("++-++"), State::Initial);
        assert_eq!(after("+++"), State::Healthy);
        assert_eq!(after("+++-+-"), State::Healthy);
        assert_eq!(after("+++--"), State::Unhealthy);
        assert_eq!(after("--"), State::Unhealthy);
        assert_eq!(after("--+++"), State::Healthy);
    }
}
