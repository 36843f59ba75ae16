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
    fn id(&self) -> (String, Option<Side>) {
        (self.execution.clone(), self.promote_to)
    }
}

type Id = (String, Option<Side>);

/// The state of the world, as far as a person cares.
#[derive(Clone, Debug)]
pub struct Model {
    pub live: Side,
    images: [String; 2],
    fences: [Option<String>; 2],
    /// Which group the labels call live: written last by a flip.
    labels: Side,
    current: Option<(Id, Side)>,
    past: Vec<(Id, Side)>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            live: 0,
            images: ["v1".to_owned(), "v2".to_owned()],
            fences: [None, None],
            labels: 0,
            current: None,
            past: Vec::new(),
        }
    }
}

impl Model {
    /// Asks for a flip: whether it succeeds.
    pub fn flip(&mut self, request: &Request) -> bool {
        let id = request.id();
        let image_fits = |side: Side| request.promote_image.as_ref().is_none_or(|image| *image == self.images[side]);
        let known = self.current.iter().chain(&self.past).find(|(known, _)| *known == id);
        if let Some((_, side)) = known {
            return *side == self.live && image_fits(*side);
        }
        let side = request.promote_to.unwrap_or(1 - self.live);
        if !image_fits(side) {
            return false;
        }
        if side == self.live {
            // A flip to the other group that does not hold any more is over.
            let over = self.current.take_if(|(_, current)| *current != side);
            self.past.extend(over);
            self.past.push((id, side));
            self.labels = side;
            return true;
        }
        if self.fences[side].as_ref().is_some_and(|by| *by != request.execution) {
            return false;
        }
        self.past.extend(self.current.replace((id, side)));
        let theirs = self.fences[1 - side].take_if(|by| *by != request.execution);
        self.fences = [None, None];
        self.fences[1 - side] = theirs;
        (self.live, self.labels) = (side, side);
        true
    }

    /// Runs a check: it ends the journal of a flip that was made and undone by hand, else it mends the labels.
    pub fn check(&mut self) {
        match self.current.take_if(|(_, side)| *side == self.labels && *side != self.live) {
            Some(undone) => self.past.push(undone),
            None => self.labels = self.live,
        }
    }

    /// Runs the deployer.
    pub fn build(&mut self, execution: &str) {
        self.fences[1 - self.live] = Some(execution.to_owned());
    }

    /// The build of the test side is deployed.
    pub fn deployed(&mut self, image: &str) -> Side {
        self.images[1 - self.live] = image.to_owned();
        1 - self.live
    }

    /// Takes every fence off.
    pub fn unfence(&mut self) {
        self.fences = [None, None];
    }

    /// A person exchanges the groups at the console.
    pub fn swap_by_hand(&mut self) {
        self.live = 1 - self.live;
    }
}
