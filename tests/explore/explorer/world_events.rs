//! What happens besides deliveries: a dead process's write lands, a person edits rules, tags vanish, the guard changes, a group is rebuilt.

use blue_green::release::record::Phase;
use blue_green::release::view::says;

use super::{Explorer, Out};
use crate::steps::show;
use crate::world::{Group, State, shape};

impl Explorer {
    /// Everything that may happen besides next.
    pub(super) fn world_events(&mut self, state: &State, out: &mut Out) {
        self.late_write(state, out);
        self.edits(state, out);
        self.wipes(state, out);
        guard(state, out);
        self.fences(state, out);
    }

    fn late_write(&mut self, state: &State, out: &mut Out) {
        let Some((step, job)) = &state.zombie else { return };
        let mut then = state.clone();
        self.apply(&mut then, step);
        then.zombie = None;
        then.pending[*job] += 1;
        out.push((format!("the late write of the dead {} lands: {}", self.jobs[*job].name, show(step)), then));
    }

    fn edits(&mut self, state: &State, out: &mut Out) {
        if state.budget.edit == 0 {
            return;
        }
        let rules = state.rules[0];
        let [one, other, test] = rules;
        for edited in [[one.other(), other.other(), test.other()], [one.other(), other, test]] {
            let mut then = state.clone();
            let newest = self.interned.newest(state.marks[0]);
            let at_rest = newest.as_ref().as_ref();
            let at_rest = at_rest.filter(|(on, flip)| flip.phase == Phase::Done && rules == shape(says(*on, flip)));
            then.edited = Some(at_rest.map_or_else(|| "-".to_owned(), |(_, flip)| flip.id.to_string()));
            then.rules[0] = edited;
            then.budget.edit -= 1;
            out.push((format!("a person sets the rules to {edited:?}"), then));
        }
    }

    fn wipes(&mut self, state: &State, out: &mut Out) {
        if state.budget.wipe == 0 {
            return;
        }
        let none = self.interned.number(Group::new());
        for wiped in [[true, true], [true, false], [false, true]] {
            let mut then = state.clone();
            for (mark, wipe) in then.marks[0].iter_mut().zip(wiped) {
                *mark = if wipe { none } else { *mark };
            }
            then.budget.wipe -= 1;
            if then.marks != state.marks {
                out.push((format!("tags are wiped: {wiped:?}"), then));
            }
        }
    }

    fn fences(&self, state: &State, out: &mut Out) {
        if state.budget.fence == 0 {
            return;
        }
        let own = Some(self.jobs[0].flip);
        for fenced in [None, own, Some("other")].into_iter().filter(|fenced| *fenced != state.odd.fenced) {
            let mut then = state.clone();
            then.odd.fenced = fenced;
            then.budget.fence -= 1;
            out.push((format!("group 1 is rebuilt by {}", fenced.unwrap_or("nobody")), then));
        }
    }
}

fn guard(state: &State, out: &mut Out) {
    if state.budget.guard == 0 {
        return;
    }
    let mut then = state.clone();
    then.fit = !state.fit;
    then.budget.guard -= 1;
    out.push((format!("group 1 becomes {}", if then.fit { "fit" } else { "unfit" }), then));
}
