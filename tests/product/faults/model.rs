//! What a history of approvals, retries, late duplicates, builds and edits by hand must lead to: the reference model. It
//! is the flip's table for one delivery after the other, each of which comes to its end.

use std::collections::BTreeMap;

/// One of the two groups: 0 is Code1, 1 is Code2.
pub type Side = usize;

/// A flip that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub execution: String,
    pub promote_to: Option<Side>,
    pub promote_image: Option<String>,
}

/// How a job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Made,
    Refused,
}

/// A flip that was made.
#[derive(Clone, Debug)]
struct Flip {
    execution: String,
    promote_to: Option<Side>,
    side: Side,
}

/// The state of the world, as far as a person cares.
#[derive(Clone, Debug)]
pub struct Model {
    /// Which group each rule serves: two of the live port, two of the test port.
    pub rules: [Side; 4],
    images: [String; 2],
    fences: [Option<String>; 2],
    /// Every flip that was made, the newest last.
    flips: Vec<Flip>,
    /// How each job was closed.
    closed: BTreeMap<String, End>,
}

fn whole(live: Side) -> [Side; 4] {
    [live, live, 1 - live, 1 - live]
}

impl Default for Model {
    fn default() -> Self {
        let images = ["v1".to_owned(), "v2".to_owned()];
        Self { rules: whole(0), images, fences: [None, None], flips: Vec::new(), closed: BTreeMap::new() }
    }
}

impl Model {
    /// A job asks for a flip: the first time, or again.
    pub fn flip(&mut self, job: &str, request: &Request) -> End {
        if let Some(end) = self.closed.get(job) {
            return *end; // row 2
        }
        let end = self.open(request);
        self.closed.insert(job.to_owned(), end);
        end
    }

    fn open(&mut self, request: &Request) -> End {
        let image_fits =
            |model: &Self, side: Side| request.promote_image.as_ref().is_none_or(|image| *image == model.images[side]);
        let known = |flip: &&Flip| flip.execution == request.execution && flip.promote_to == request.promote_to;
        if let Some(flip) = self.flips.iter().rfind(known) {
            // Rows 3e and 4: made by another job of this flip. What was changed since, by a flip or by hand, stays.
            let as_it_was = self.rules == whole(flip.side) && image_fits(self, flip.side);
            return if as_it_was { End::Made } else { End::Refused };
        }
        let tested = [0, 1].into_iter().find(|live| self.rules == whole(*live)).map(|live| 1 - live);
        let Some(side) = request.promote_to.or(tested) else { return End::Refused }; // row 5a
        let is_live = self.rules[0] == side && self.rules[1] == side;
        if !image_fits(self, side) || (!is_live && self.is_fenced(side, &request.execution)) {
            return End::Refused; // row 5d
        }
        if self.rules != whole(side) {
            // Row 5c, and 3a at its end.
            self.fences[side].take_if(|by| *by == request.execution);
            self.rules = whole(side);
            let Request { execution, promote_to, .. } = request.clone();
            self.flips.push(Flip { execution, promote_to, side });
        }
        End::Made
    }

    /// Whether another execution is rebuilding a side. A fence whose execution made that side live counts as none.
    fn is_fenced(&self, side: Side, execution: &str) -> bool {
        let made = |by: &str| self.flips.iter().any(|flip| flip.execution == by && flip.side == side);
        self.fences[side].as_ref().is_some_and(|by| by != execution && !made(by))
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
