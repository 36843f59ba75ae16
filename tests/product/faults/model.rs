//! What a history of approvals, retries, late duplicates, builds and edits by hand must lead to: the reference model.

/// One of the two groups: 0 is Code1, 1 is Code2.
pub type Side = usize;

/// A flip that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub execution: String,
    pub promote_to: Option<Side>,
    pub promote_image: Option<String>,
}

impl Request {
    fn id(&self) -> Id {
        (self.execution.clone(), self.promote_to)
    }
}

type Id = (String, Option<Side>);

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Made,
    Refused,
    /// The rules disagree and nothing tells what is meant: no tag remembers that it was asked.
    Unclear,
}

/// The state of the world, as far as a person cares.
#[derive(Clone, Debug)]
pub struct Model {
    /// Which group each rule serves: two of the live port, two of the test port.
    pub rules: [Side; 4],
    images: [String; 2],
    fences: [Option<String>; 2],
    /// Which group the labels call live: written last by a flip.
    labels: Side,
    current: Option<(Id, Side)>,
    past: Vec<(Id, Side)>,
}

fn whole(live: Side) -> [Side; 4] {
    [live, live, 1 - live, 1 - live]
}

impl Default for Model {
    fn default() -> Self {
        let images = ["v1".to_owned(), "v2".to_owned()];
        Self { rules: whole(0), images, fences: [None, None], labels: 0, current: None, past: Vec::new() }
    }
}

impl Model {
    /// Asks for a flip.
    pub fn flip(&mut self, request: &Request) -> End {
        let id = request.id();
        let side_of = |(known, side): &(Id, Side)| (*known == id).then_some(*side);
        let current = self.current.as_ref().and_then(side_of);
        let past = self.past.iter().find_map(side_of).filter(|_| current.is_none());
        let Some(side) = request.promote_to.or(current).or(past).or(self.meant()) else { return End::Unclear };
        let live = self.live() == Some(side);
        let late = past.is_some_and(|asked| !live || asked != side);
        if late {
            self.finish_current();
        }
        let undone = current.is_some() && self.labels == side && self.live() != Some(side);
        let image_fits = request.promote_image.as_ref().is_none_or(|image| *image == self.images[side]);
        let fenced = !live && self.fences[side].as_ref().is_some_and(|by| *by != request.execution);
        if late || undone || !image_fits || fenced {
            return End::Refused;
        }
        self.labels = side;
        let moves = self.rules != whole(side);
        if !moves && current.is_none() {
            // A flip to the other group that does not hold any more is over.
            let over = self.current.take_if(|(_, current)| *current != side);
            self.past.extend(over);
            self.past.extend(past.is_none().then_some((id, side)));
        } else if moves && current.is_none() {
            self.past.retain(|(known, _)| *known != id);
            self.past.extend(self.current.replace((id, side)));
        }
        if moves {
            for group in [0, 1] {
                self.fences[group].take_if(|by| *by == request.execution || (!live && group == side));
            }
            self.rules = whole(side);
        }
        End::Made
    }

    /// The group that every live rule serves.
    fn live(&self) -> Option<Side> {
        (self.rules[0] == self.rules[1]).then_some(self.rules[0])
    }

    /// What a request means that names no group: the test port's where all rules agree, else the last flip's.
    fn meant(&self) -> Option<Side> {
        let agreed = [0, 1].into_iter().find(|live| self.rules == whole(*live)).map(|live| 1 - live);
        agreed.or(self.current.as_ref().map(|(_, side)| *side))
    }

    /// A late request finds rules apart: the flip that came after it is finished, unless its group is fenced.
    fn finish_current(&mut self) {
        let side = self.current.as_ref().map(|(_, side)| *side).filter(|side| self.fences[*side].is_none());
        if let Some(side) = side.filter(|side| self.live() != Some(1 - side) && self.rules != whole(*side)) {
            (self.rules, self.labels) = (whole(side), side);
        }
    }

    /// Runs a check: it ends the journal of a flip that was made and undone by hand, else it mends the labels.
    pub fn check(&mut self) {
        let Some(live) = self.live() else { return };
        match self.current.take_if(|(_, side)| *side == self.labels && *side != live) {
            Some(undone) => self.past.push(undone),
            None => self.labels = live,
        }
    }

    /// Runs the deployer: whether it fences the test side, which it does only where all rules agree.
    pub fn build(&mut self, execution: &str) -> bool {
        let agreed = self.rules == whole(self.rules[0]);
        if agreed {
            self.fences[1 - self.rules[0]] = Some(execution.to_owned());
        }
        agreed
    }

    /// The build of the test side is deployed.
    pub fn deployed(&mut self, image: &str) -> Side {
        self.images[1 - self.rules[0]] = image.to_owned();
        1 - self.rules[0]
    }

    /// Takes every fence off.
    pub fn unfence(&mut self) {
        self.fences = [None, None];
    }

    /// A person exchanges the groups of one rule at the console.
    pub fn turn_by_hand(&mut self, rule: usize) {
        self.rules[rule] = 1 - self.rules[rule];
    }
}
