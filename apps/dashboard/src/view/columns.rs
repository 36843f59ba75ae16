//! Which environments get a column of their own.

use std::collections::BTreeMap;

use crate::model::{Row, Tier};

/// As many columns as people can look at side by side.
const MOST: usize = 8;

/// The columns' names in their order: the asked ones, else those that most projects have, in the order of their tiers.
/// Environments in folders (`review/…`) never get one.
pub fn columns<'a>(rows: impl Iterator<Item = &'a Row>, asked: &[String]) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let mut seen: BTreeMap<&str, (usize, Tier)> = BTreeMap::new();
    for environment in rows.flat_map(|row| &row.environments).filter(|e| !e.name.contains('/')) {
        let entry = seen.entry(&environment.name).or_insert((0, environment.tier));
        entry.0 += 1;
        entry.1 = entry.1.min(environment.tier);
    }
    let mut names: Vec<(&str, usize, Tier)> = seen.into_iter().map(|(name, (count, tier))| (name, count, tier)).collect();
    names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    names.truncate(MOST);
    names.sort_by(|a, b| a.2.cmp(&b.2).then(b.1.cmp(&a.1)).then(a.0.cmp(b.0)));
    names.into_iter().map(|(name, ..)| name.to_owned()).collect()
}
