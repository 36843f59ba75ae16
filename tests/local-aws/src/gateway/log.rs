//! The call log: what was called, in which order, and how many round trips in a row it took.

use std::sync::Mutex;
use std::time::Instant;

use super::request::{Caller, Request};

/// A call the gateway has seen since the log was reset.
#[derive(Clone, Debug)]
pub struct Call {
    /// From 1, in the order of arrival.
    pub number: usize,
    /// From 1, among the calls of the same action.
    pub of_action: usize,
    /// From 1, among the calls of the same role.
    pub of_role: usize,
    /// Such as `elasticloadbalancing`.
    pub service: String,
    /// Such as `ModifyRule`.
    pub action: String,
    /// The first resource it names.
    pub resource: Option<String>,
    /// Who called.
    pub caller: Caller,
    /// The connection it came by: they are numbered from 1, in the order in which they were opened.
    pub connection: usize,
    /// When it had arrived.
    pub arrived: Instant,
    /// When its answer was given; nothing, where it got none.
    pub answered: Option<Instant>,
    /// Round trips in a row up to and with this one: one more than the deepest call answered before this one arrived.
    pub depth: usize,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
}

/// The log itself.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Call>>);

impl Log {
    pub(super) fn arrive(&self, request: &Request, connection: usize) -> Call {
        let mut calls = lock(&self.0);
        let call = Call {
            number: calls.len() + 1,
            of_action: 1 + calls.iter().filter(|call| call.action == request.action).count(),
            of_role: 1 + calls.iter().filter(|call| call.caller.role == request.caller.role).count(),
            service: request.service.clone(),
            action: request.action.clone(),
            resource: request.resource(),
            caller: request.caller.clone(),
            connection,
            arrived: Instant::now(),
            answered: None,
            depth: 1 + calls.iter().filter(|call| call.answered.is_some()).map(|call| call.depth).max().unwrap_or(0),
            status: None,
        };
        calls.push(call.clone());
        call
    }

    /// Notes the answer, unless the log was reset meanwhile.
    pub(super) fn answer(&self, call: &Call, status: u16) {
        let mut calls = lock(&self.0);
        if let Some(entry) = calls.get_mut(call.number - 1).filter(|entry| entry.arrived == call.arrived) {
            entry.answered = Some(Instant::now());
            entry.status = Some(status);
        }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        lock(&self.0).clone()
    }

    pub(super) fn reset(&self) {
        lock(&self.0).clear();
    }
}

/// A lock that outlives a panic elsewhere: what it guards is whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
