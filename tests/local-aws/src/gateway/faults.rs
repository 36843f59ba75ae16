//! Faults, and pauses: what can be made to happen to the n-th call.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::log::{Call, lock};

/// Which call is meant. Everything counts from 1, since the call log was reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The n-th call.
    Call(usize),
    /// The n-th call of an action.
    Action(String, usize),
    /// The n-th call that a role makes.
    Role(String, usize),
    /// A call that a role makes: of this action where one is named, and on this resource. What waits takes the first one.
    By {
        /// The role's name.
        role: &'static str,
        /// Such as `ModifyRule`.
        action: Option<&'static str>,
        /// The ARN.
        resource: Option<String>,
    },
}

impl At {
    /// Whether this is the call.
    pub fn is(&self, call: &Call) -> bool {
        match self {
            Self::Call(number) => call.number == *number,
            Self::Action(action, number) => call.action == *action && call.of_action == *number,
            Self::Role(role, number) => call.caller.role == *role && call.of_role == *number,
            Self::By { role, action, resource } => {
                call.caller.role == *role
                    && action.is_none_or(|action| call.action == action)
                    && resource.as_ref().is_none_or(|resource| call.resource.as_ref() == Some(resource))
            }
        }
    }

    /// Whether the call is one that a lasting fault breaks too, once it has begun: every later call, or those of
    /// the action or role.
    fn covers(&self, call: &Call) -> bool {
        match self {
            Self::Call(_) => true,
            Self::Action(action, _) => call.action == *action,
            Self::Role(role, _) => call.caller.role == *role,
            Self::By { .. } => self.is(call),
        }
    }
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The caller's process is killed before the call takes effect.
    KillBefore,
    /// The caller's process is killed after the call took effect, before it has the answer.
    KillAfter,
    /// The connection is reset before the call takes effect.
    ResetBefore,
    /// The connection is reset after the call took effect.
    ResetAfter,
    /// The service fails (HTTP 500), without effect.
    Status500,
    /// The service is unavailable (HTTP 503), without effect.
    Status503,
    /// Too many calls, without effect.
    Throttled,
    /// No answer until the caller gives up, without effect.
    Hang,
    /// No answer until the caller gives up, though the call took effect.
    HangAfter,
    /// The call takes effect; its answer ends in the middle.
    CutAnswer,
    /// The caller lacks the permission.
    AccessDenied,
    /// The service refuses the call with this code, without effect. The HTTP status is the one that the code comes with.
    Refused(&'static str),
    /// Of the tags of an AddTags call only the first one lands; the call succeeds. Any other call is not harmed.
    FirstTag,
    /// Of the tags of an AddTags call only the first one lands, and the connection is reset. For any other call this is
    /// [`FaultKind::ResetAfter`].
    FirstTagReset,
    /// Just before the call, somebody who does not know them removes all tags whose keys begin so from all target groups.
    /// The call itself is not harmed.
    TagsWiped(&'static str),
}

impl FaultKind {
    /// Every fault that harms any call, but a code of the test's choice: for sweeps.
    pub const ALL: [Self; 11] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Status500,
        Self::Status503,
        Self::Throttled,
        Self::Hang,
        Self::HangAfter,
        Self::CutAnswer,
        Self::AccessDenied,
    ];

    /// The faults of tags, which leave most calls unharmed: of an AddTags call the first tag lands, or all tags of this
    /// project are wiped just before the call.
    pub const TAGS: [Self; 3] = [Self::FirstTag, Self::FirstTagReset, Self::TagsWiped("bluegreen:")];

    /// Whether the call takes effect in spite of the fault, if only in part.
    pub fn takes_effect(self) -> bool {
        match self {
            Self::KillAfter | Self::ResetAfter | Self::HangAfter | Self::CutAnswer => true,
            Self::FirstTag | Self::FirstTagReset | Self::TagsWiped(_) => true,
            Self::KillBefore | Self::ResetBefore | Self::Status500 | Self::Status503 | Self::Throttled => false,
            Self::Hang | Self::AccessDenied | Self::Refused(_) => false,
        }
    }
}

/// How long a fault stays, once the call it waits for has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lasts {
    /// That call only.
    Once,
    /// That call and the later ones, until [`super::Gateway::invocation_ended`].
    Invocation,
    /// That call and the later ones, until the faults are cleared.
    ForGood,
}

/// A fault that waits for its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call it begins with.
    pub at: At,
    /// What happens.
    pub kind: FaultKind,
    /// For how long.
    pub lasts: Lasts,
}

impl Fault {
    /// A fault of one call.
    pub fn once(at: At, kind: FaultKind) -> Self {
        Self { at, kind, lasts: Lasts::Once }
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    planned: Mutex<Vec<Planned>>,
    pauses: Mutex<Vec<(At, Arc<watch::Sender<PauseState>>)>>,
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    hit: bool,
    spent: bool,
}

impl Faults {
    pub(super) fn inject(&self, fault: Fault) {
        lock(&self.planned).push(Planned { fault, hit: false, spent: false });
    }

    /// What happens to this call. The faults injected first come first; only one strikes a call.
    pub(super) fn strike(&self, call: &Call) -> Option<FaultKind> {
        let mut planned = lock(&self.planned);
        let struck =
            planned.iter_mut().find(|p| !p.spent && if p.hit { p.fault.at.covers(call) } else { p.fault.at.is(call) })?;
        struck.hit = true;
        struck.spent = struck.fault.lasts == Lasts::Once;
        Some(struck.fault.kind)
    }

    pub(super) fn invocation_ended(&self) {
        for planned in lock(&self.planned).iter_mut() {
            planned.spent |= planned.hit && planned.fault.lasts == Lasts::Invocation;
        }
    }

    pub(super) fn clear(&self) {
        lock(&self.planned).clear();
    }

    pub(super) fn all_hit(&self) -> bool {
        lock(&self.planned).iter().all(|planned| planned.hit)
    }

    pub(super) fn pause_at(&self, at: At) -> Pause {
        let state = Arc::new(watch::Sender::new(PauseState::Waiting));
        let mut pauses = lock(&self.pauses);
        // Those that were given up before their call came would stand in the way of this one.
        pauses.retain(|(_, state)| *state.borrow() != PauseState::Released);
        pauses.push((at, Arc::clone(&state)));
        Pause { state }
    }

    /// Holds the call, where a pause waits for it, until it is released.
    pub(super) async fn hold(&self, call: &Call) {
        let found = {
            let mut pauses = lock(&self.pauses);
            let index = pauses.iter().position(|(at, _)| at.is(call));
            index.map(|index| pauses.remove(index).1)
        };
        if let Some(state) = found {
            state.send_if_modified(|state| {
                let waiting = *state == PauseState::Waiting;
                if waiting {
                    *state = PauseState::Reached;
                }
                waiting
            });
            // The sender is held here: waiting cannot fail.
            let _ = state.subscribe().wait_for(|state| *state == PauseState::Released).await;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PauseState {
    Waiting,
    Reached,
    Released,
}

/// A call that is held before it takes effect. Dropping it lets the call go on.
#[derive(Debug)]
pub struct Pause {
    state: Arc<watch::Sender<PauseState>>,
}

impl Pause {
    /// Whether the call has come.
    pub fn is_reached(&self) -> bool {
        *self.state.borrow() != PauseState::Waiting
    }

    /// Waits until the call has come.
    pub async fn reached(&self) {
        let _ = self.state.subscribe().wait_for(|state| *state != PauseState::Waiting).await;
    }

    /// Lets the call go on.
    pub fn release(self) {}
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.state.send_replace(PauseState::Released);
    }
}
