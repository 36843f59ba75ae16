//! What a process remembers of its own writes, where reads may be stale: the rules of `Invocation`, in small.

use std::collections::{BTreeMap, BTreeSet};

use blue_green::seen::side::Side;

use crate::steps::Step;
use crate::world::{Interned, Marks};

/// A tag that was acknowledged: what was there before, and what is there now.
type Tag = (BTreeSet<Option<String>>, String);

/// What a process wrote, as `Invocation` remembers it: kept only where reads may be stale.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Own {
    /// The tags as its last look showed them; also where old records are removed.
    pub shown: Marks,
    /// Each tag that was acknowledged: what was there before, and what is there now.
    tags: BTreeMap<(usize, Side, String), Tag>,
    /// The rules that it wrote a moment ago.
    rules: BTreeMap<(usize, usize), Side>,
}

impl Own {
    /// A write was acknowledged.
    pub fn wrote(&mut self, step: &Step, interned: &Interned) {
        match step {
            Step::Tag { pair, on, tags } => {
                let group = interned.group(self.shown[*pair][*on as usize]);
                for (key, value) in tags {
                    let (before, now) = self.tags.entry((*pair, *on, key.clone())).or_default();
                    before.insert(group.get(key).cloned());
                    before.remove(&Some(value.clone()));
                    now.clone_from(value);
                }
            }
            Step::Rule { pair, rule, serves } => drop(self.rules.insert((*pair, *rule), *serves)),
            Step::Untag { .. } | Step::Wait | Step::Answer(_) | Step::Unfinished => {}
        }
    }

    /// Puts in what was acknowledged and is not shown yet. What somebody else wrote since stays.
    pub fn complete(&mut self, mut marks: Marks, interned: &mut Interned) -> Marks {
        for ((pair, on, key), (before, now)) in &self.tags {
            let mark = &mut marks[*pair][*on as usize];
            let mut group = interned.group(*mark).clone();
            if before.contains(&group.get(key).cloned()) {
                group.insert(key.clone(), now.clone());
                *mark = interned.number(group);
            }
        }
        self.shown.clone_from(&marks);
        marks
    }

    /// Whether a look that shows another group may only be late, so that this is not written again yet.
    pub fn doubts(&self, step: &Step) -> bool {
        matches!(step, Step::Rule { pair, rule, serves } if self.rules.get(&(*pair, *rule)) == Some(serves))
    }

    /// Seconds have passed: what it wrote is shown.
    pub fn grow_old(&mut self) {
        self.rules.clear();
    }
}
