//! What comes next, from where every member is. Level-triggered: it is asked again after every look.

use super::journal::Kind;
use super::place::Place;

/// A member, and where it is. Services come first, then schedules, each in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// A service or a schedule.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// How often this invocation has asked it to go back.
    pub asked_back: u32,
}

/// Which way the release goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To what is new.
    Forward,
    /// Back to what was before.
    Undo,
}

/// What comes next. Numbers are places in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// These get what is new, in this order.
    Update(Vec<usize>),
    /// These go back, in this order.
    TakeBack(Vec<usize>),
    /// Look again.
    Wait,
    /// All is new.
    New,
    /// All is as before.
    Old,
    /// Nothing is under way any more, and not all is as before.
    Mixed,
}

/// How often one member is asked to go back: ECS's own rollback, then a deployment of what was good, then once more.
const TRIES: u32 = 3;

/// Which way it goes: back as soon as one member failed, was changed by somebody else, or is on its way back.
#[must_use]
pub fn way(seen: &[Seen], back: bool) -> Way {
    let fails = |place: &Place| !matches!(place, Place::Old | Place::Rolling | Place::New);
    if back || seen.iter().any(|member| fails(&member.place)) { Way::Undo } else { Way::Forward }
}

/// Decides. `back`: it was decided before, for a reason that no member shows.
#[must_use]
pub fn decide(seen: &[Seen], back: bool) -> Next {
    match way(seen, back) {
        Way::Forward => forward(seen),
        Way::Undo => backward(seen),
    }
}

fn forward(seen: &[Seen]) -> Next {
    let of = |kind: Kind| seen.iter().enumerate().filter(move |(_, member)| member.kind == kind);
    let old = |kind| of(kind).filter(|(_, member)| member.place == Place::Old).map(|(index, _)| index).collect::<Vec<_>>();
    let services = old(Kind::Service);
    if !services.is_empty() {
        return Next::Update(services);
    }
    // What a schedule starts must find services that stay.
    if of(Kind::Service).any(|(_, member)| member.place != Place::New) {
        return Next::Wait;
    }
    let schedules = old(Kind::Schedule);
    if schedules.is_empty() { Next::New } else { Next::Update(schedules) }
}

fn backward(seen: &[Seen]) -> Next {
    let goes = |member: &Seen| match member.place {
        Place::Rolling | Place::New | Place::Failing { .. } | Place::Failed { .. } => member.asked_back < TRIES,
        Place::Old | Place::Undoing { .. } | Place::Undone { .. } | Place::Stuck { .. } | Place::Foreign { .. } => false,
    };
    let back: Vec<usize> = seen.iter().enumerate().rev().filter(|(_, member)| goes(member)).map(|(index, _)| index).collect();
    if !back.is_empty() {
        return Next::TakeBack(back);
    }
    let under_way = |place: &Place| matches!(place, Place::Undoing { .. } | Place::Rolling);
    if seen.iter().any(|member| under_way(&member.place)) {
        return Next::Wait;
    }
    let is_back = |place: &Place| matches!(place, Place::Old | Place::Undone { .. });
    if seen.iter().all(|member| is_back(&member.place)) { Next::Old } else { Next::Mixed }
}

/// Why it goes back: the first reason that a member shows.
#[must_use]
pub fn why(seen: &[Seen]) -> Option<String> {
    let reason = |member: &Seen| {
        let (Place::Failing { reason } | Place::Failed { reason } | Place::Undone { reason } | Place::Undoing { reason }) =
            &member.place
        else {
            return match &member.place {
                Place::Foreign { by } => Some(format!("{}: somebody else changed it, to {by}", member.name)),
                Place::Stuck { reason } => Some(format!("{}: its undo failed: {reason}", member.name)),
                _ => None,
            };
        };
        (!reason.is_empty()).then(|| format!("{}: {reason}", member.name))
    };
    seen.iter().find_map(reason)
}

#[cfg(test)]
mod tests {
    use super::super::journal::Kind;
    use super::super::place::Place;
    use super::{Next, Seen, decide, why};

    fn seen(places: &[(Kind, Place)]) -> Vec<Seen> {
        let names = ["a", "b", "c", "d"];
        let member = |(name, (kind, place)): (&&str, &(Kind, Place))| Seen {
            kind: *kind,
            name: (*name).to_owned(),
            place: place.clone(),
            asked_back: 0,
        };
        names.iter().zip(places).map(member).collect()
    }

    const S: Kind = Kind::Service;
    const P: Kind = Kind::Schedule;

    fn failed() -> Place {
        Place::Failed { reason: "x".to_owned() }
    }

    fn back() -> Place {
        Place::Undone { reason: String::new() }
    }

    #[test]
    fn services_go_in_order_and_schedules_when_all_services_are_new() {
        let next = |places: &[(Kind, Place)]| decide(&seen(places), false);
        assert_eq!(next(&[(S, Place::Old), (S, Place::Old), (P, Place::Old)]), Next::Update(vec![0, 1]));
        assert_eq!(next(&[(S, Place::New), (S, Place::Rolling), (P, Place::Old)]), Next::Wait);
        assert_eq!(next(&[(S, Place::New), (S, Place::New), (P, Place::Old)]), Next::Update(vec![2]));
        assert_eq!(next(&[(S, Place::New), (S, Place::New), (P, Place::New)]), Next::New);
    }

    #[test]
    fn the_first_failure_takes_everything_back_in_reverse_order() {
        let next = |places: &[(Kind, Place)]| decide(&seen(places), false);
        assert_eq!(next(&[(S, Place::New), (S, failed()), (S, Place::Rolling), (S, Place::Old)]), Next::TakeBack(vec![2, 1, 0]));
        let going = Place::Undoing { reason: String::new() };
        assert_eq!(next(&[(S, going), (S, back())]), Next::Wait);
        assert_eq!(next(&[(S, back()), (S, back()), (S, Place::Old)]), Next::Old);
        assert_eq!(next(&[(S, back()), (S, Place::Foreign { by: "x".to_owned() })]), Next::Mixed);
    }

    #[test]
    fn what_does_not_go_back_is_left_after_a_few_tries() {
        let mut members = seen(&[(S, failed()), (S, Place::Old)]);
        members[0].asked_back = 3;
        assert_eq!(decide(&members, false), Next::Mixed);
    }

    #[test]
    fn a_way_back_that_was_decided_takes_back_what_is_new() {
        assert_eq!(decide(&seen(&[(S, Place::New), (P, Place::New)]), true), Next::TakeBack(vec![1, 0]));
        assert_eq!(decide(&seen(&[(S, Place::Old), (P, Place::Old)]), true), Next::Old);
    }

    #[test]
    fn the_reason_is_that_of_the_member_which_failed() {
        assert_eq!(why(&seen(&[(S, back()), (S, failed())])), Some("b: x".to_owned()));
        assert_eq!(why(&seen(&[(S, Place::Old)])), None);
    }
}
