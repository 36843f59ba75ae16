//! What must hold, and how each is called in the README's list.

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// At the end, when nothing runs and nothing is to come, every pair's rules agree.
    Whole,
    /// A job that succeeded had its group on all live rules at some moment since its first look.
    SucceededWasLive,
    /// Once a job was answered as failed, no copy of it moves a live rule to its group, also none that began before.
    FailedStays,
    /// A copy that begins after its job was answered writes no rule.
    LateCopyWritesNothing,
    /// Nor does a copy or a Retry that begins after a person changed the rules of that flip when it was made.
    EditStays,
    /// Nor does a delivery of an earlier flip that begins after a person changed the rules of a newer one when it was made.
    EditAfterNewerStays,
    /// A delivery needs only so many looks.
    Ends,
    /// At the end the newest record is at rest, the rules are as it says, and its job was answered so.
    RecordTells,
    /// From a look at which group 1 is unfit and not live everywhere, nobody moves a live rule to it for a flip in `moving`.
    GuardHolds,
    /// Nor from a look at which another execution fenced it.
    FenceHolds,
}

/// At most so many looks a delivery.
pub const LOOKS: u32 = 24;
