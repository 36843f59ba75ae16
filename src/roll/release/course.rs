//! What an invocation is to do: begin, go on, or say that it is over.

use thiserror::Error;

use super::journal::{End, Entry};
use super::place::Place;

/// One member at the first look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What the release registered for it before, where it did.
    pub entry: Option<Entry>,
    /// Where it is; none where nothing was registered for it, and for a one-off task.
    pub place: Option<Place>,
    /// Whether its new revision was ever deployed.
    pub begun: bool,
    /// What else goes on there: another release, or a roll.
    pub busy: Option<Busy>,
}

/// What keeps a release from beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Busy {
    /// A deployment is under way.
    Rolling {
        /// The deployment.
        what: String,
        /// The release that it belongs to, where it does.
        release: Option<String>,
    },
    /// A release did not end there.
    Open {
        /// Which one.
        release: String,
    },
    /// What it runs was never successful.
    Unproven {
        /// What it runs.
        what: String,
    },
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Observe, register, update.
    Begin,
    /// Go on from where it is.
    GoOn,
    /// It was made: nothing to do.
    Made,
}

/// Why nothing is done. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// A member is busy.
    #[error("{member} is being rolled out already: {what}. {next}")]
    Rolling {
        /// The member.
        member: String,
        /// What is under way, and by whom.
        what: String,
        /// What to do.
        next: String,
    },
    /// A release did not end.
    #[error(
        "release {release} has not ended: it changed {member}. Finish it with the same command and --release {release}, undo it with --undo too, or give it up with --give-up {release}"
    )]
    Open {
        /// The member.
        member: String,
        /// The release.
        release: String,
    },
    /// There is nothing to go back to.
    #[error(
        "{member} runs {what}, whose deployment was never successful: there is nothing to go back to. Deploy it first with deployer roll deploy, or deployer roll back"
    )]
    Unproven {
        /// The member.
        member: String,
        /// What it runs.
        what: String,
    },
    /// Something else was released since.
    #[error("release {release} is outdated: {member} runs {by} since. For another try, take a new --release")]
    Outdated {
        /// The release.
        release: String,
        /// The member.
        member: String,
        /// What it runs.
        by: String,
    },
    /// An undo of what never was.
    #[error("release {release} changed nothing here, so there is nothing to undo")]
    Nothing {
        /// The release.
        release: String,
    },
}

/// Decides. `undo`: everything is to go back, however it ended. `given_up`: a release whose end nobody waits for.
///
/// # Errors
/// Why nothing is done.
pub fn course(release: &str, members: &[Member], undo: bool, given_up: Option<&str>) -> Result<Course, Refused> {
    let complete = members.iter().all(|member| member.entry.is_some());
    // One of one-off tasks alone has begun when they are registered.
    let tasks_alone = members.iter().all(|member| member.place.is_none());
    let begun = complete && (tasks_alone || members.iter().any(|member| member.begun));
    let ended = members.iter().find_map(|member| member.entry.as_ref()?.ended);
    let foreign = members.iter().find_map(|member| match &member.place {
        Some(Place::Foreign { by }) => Some((member.name.clone(), by.clone())),
        _ => None,
    });
    let outdated = |(member, by)| Refused::Outdated { release: release.to_owned(), member, by };
    if !begun {
        return if undo { Err(Refused::Nothing { release: release.to_owned() }) } else { begin(members, given_up) };
    }
    let moving = |place: &Place| {
        matches!(place, Place::Rolling | Place::Undoing { .. } | Place::Failing { .. } | Place::Failed { .. } | Place::New)
    };
    let ours = members.iter().any(|member| member.place.as_ref().is_some_and(moving));
    match ended {
        // One that ended is over where all members are as it left them.
        Some(End::Done | End::TaskFailed) | None if undo => match foreign {
            Some(foreign) if !ours => Err(outdated(foreign)),
            _ => Ok(Course::GoOn),
        },
        Some(End::Done) => foreign.map_or(Ok(Course::Made), |foreign| Err(outdated(foreign))),
        Some(End::TaskFailed) => foreign.map_or(Ok(Course::GoOn), |foreign| Err(outdated(foreign))),
        Some(End::Undone) if undo => Err(Refused::Nothing { release: release.to_owned() }),
        Some(End::Undone) => foreign.map_or_else(|| begin(members, given_up), |foreign| Err(outdated(foreign))),
        None => match foreign {
            Some(foreign) if !ours => Err(outdated(foreign)),
            _ => Ok(Course::GoOn),
        },
    }
}

/// Whether it may begin.
fn begin(members: &[Member], given_up: Option<&str>) -> Result<Course, Refused> {
    for member in members {
        let name = member.name.clone();
        match &member.busy {
            None => {}
            Some(Busy::Open { release }) if given_up == Some(release) => {}
            Some(Busy::Open { release }) => return Err(Refused::Open { member: name, release: release.clone() }),
            Some(Busy::Unproven { what }) => return Err(Refused::Unproven { member: name, what: what.clone() }),
            Some(Busy::Rolling { what, release }) => {
                let (by, next) = match release {
                    Some(release) => (format!(", of release {release}"), "Wait until that release has ended".to_owned()),
                    None => {
                        (String::new(), "Wait for it with deployer roll wait, or take it back with deployer roll back".to_owned())
                    }
                };
                return Err(Refused::Rolling { member: name, what: format!("{what}{by}"), next });
            }
        }
    }
    Ok(Course::Begin)
}

#[cfg(test)]
mod tests {
    use super::super::journal::{End, Entry};
    use super::super::place::Place;
    use super::{Busy, Course, Member, Refused, course};

    fn member(name: &str, place: Place, begun: bool, ended: Option<End>) -> Member {
        let entry = Entry {
            release: "7".to_owned(),
            member: format!("service {name}"),
            before: "1".to_owned(),
            undo: None,
            ended,
            ran: None,
        };
        Member { name: name.to_owned(), entry: Some(entry), place: Some(place), begun, busy: None }
    }

    fn new(name: &str) -> Member {
        Member { name: name.to_owned(), entry: None, place: None, begun: false, busy: None }
    }

    fn foreign() -> Place {
        Place::Foreign { by: "web:9".to_owned() }
    }

    #[test]
    fn what_was_not_begun_begins_unless_somebody_is_there() {
        assert_eq!(course("7", &[new("a"), new("b")], false, None), Ok(Course::Begin));
        // Registered, and the deployer died before its first update.
        assert_eq!(course("7", &[member("a", Place::Old, false, None), new("b")], false, None), Ok(Course::Begin));
        let busy = Member { busy: Some(Busy::Open { release: "6".to_owned() }), ..new("a") };
        let refused = course("7", std::slice::from_ref(&busy), false, None);
        assert!(matches!(refused, Err(Refused::Open { .. })), "{refused:?}");
        assert_eq!(course("7", &[busy], false, Some("6")), Ok(Course::Begin));
        let rolling = Busy::Rolling { what: "ecs-svc/3".to_owned(), release: Some("6".to_owned()) };
        let refused = course("7", &[Member { busy: Some(rolling), ..new("a") }], false, Some("6")).map_err(|r| r.to_string());
        assert!(refused.is_err_and(|said| said.contains("of release 6")));
    }

    #[test]
    fn what_is_under_way_goes_on_and_what_was_made_is_over() {
        let half = [member("a", Place::New, true, None), member("b", Place::Old, false, None)];
        assert_eq!(course("7", &half, false, None), Ok(Course::GoOn));
        let done = [member("a", Place::New, true, Some(End::Done)), member("b", Place::New, true, None)];
        assert_eq!(course("7", &done, false, None), Ok(Course::Made));
        assert_eq!(course("7", &done, true, None), Ok(Course::GoOn), "an undo of what was made");
        let task = [member("a", Place::New, true, Some(End::TaskFailed))];
        assert_eq!(course("7", &task, false, None), Ok(Course::GoOn), "the task runs again");
    }

    #[test]
    fn what_was_undone_is_tried_again_and_what_was_overtaken_is_not() {
        let back = Place::Undone { reason: String::new() };
        assert_eq!(course("7", &[member("a", back, true, Some(End::Undone))], false, None), Ok(Course::Begin));
        for ended in [None, Some(End::Done), Some(End::Undone), Some(End::TaskFailed)] {
            let overtaken = course("7", &[member("a", foreign(), true, ended)], false, None);
            assert!(matches!(overtaken, Err(Refused::Outdated { .. })), "{ended:?} {overtaken:?}");
        }
        // Half of it is ours still: that goes back.
        let mixed = [member("a", foreign(), true, None), member("b", Place::New, true, None)];
        assert_eq!(course("7", &mixed, false, None), Ok(Course::GoOn));
    }

    #[test]
    fn a_release_of_tasks_alone_has_begun_when_they_are_registered() {
        let task = |ended| Member { place: None, ..member("a", Place::Old, false, ended) };
        assert_eq!(course("7", &[task(None)], false, None), Ok(Course::GoOn));
        assert_eq!(course("7", &[task(Some(End::Done))], false, None), Ok(Course::Made));
    }

    #[test]
    fn an_undo_of_nothing_is_refused() {
        assert!(matches!(course("7", &[new("a")], true, None), Err(Refused::Nothing { .. })));
    }
}
