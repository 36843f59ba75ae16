//! The topology after a plan's writes: what AWS would hold.

use blue_green::plan::{Plan, Write};
use blue_green::seen::topology::Topology;

/// Makes one write.
pub fn make(topology: &mut Topology, write: &Write) {
    match write {
        Write::Tag { groups, tags, .. } => {
            for group in groups {
                topology.groups.get_mut(group).unwrap().tags.extend(tags.clone());
            }
        }
        Write::Actions { rule, actions, .. } => {
            let mut rules = topology.listeners.values_mut().flat_map(|listener| &mut listener.rules);
            rules.find(|candidate| candidate.id == *rule).unwrap().actions.clone_from(actions);
        }
    }
}

/// Makes every write of a plan.
pub fn after(topology: &Topology, plan: &Plan) -> Topology {
    let mut topology = topology.clone();
    for (_, writes) in plan.phases() {
        writes.iter().for_each(|write| make(&mut topology, write));
    }
    topology
}
