//! The topology after a plan's writes: what AWS would hold.

use blue_green::plan::{Plan, Write};
use blue_green::seen::topology::Topology;

/// Makes one write.
pub fn make(topology: &mut Topology, write: &Write) {
    match write {
        Write::Tag { group, tags, .. } => topology.groups.get_mut(group).unwrap().tags.extend(tags.iter().cloned()),
        Write::Untag { group, keys, .. } => topology.groups.get_mut(group).unwrap().tags.retain(|key, _| !keys.contains(key)),
        Write::Actions { rule, actions, .. } => {
            let mut rules = topology.listeners.values_mut().flat_map(|listener| &mut listener.rules);
            rules.find(|candidate| candidate.id == *rule).unwrap().actions.clone_from(actions);
        }
    }
}

/// Makes every write of a plan.
pub fn after(topology: &Topology, plan: &Plan) -> Topology {
    let mut topology = topology.clone();
    plan.steps().for_each(|(_, step)| make(&mut topology, &step.write));
    topology
}
