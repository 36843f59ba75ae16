//! The steps of a story, as they are written.

/// One of the two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Live at first.
    Code1,
    /// On the test port at first.
    Code2,
}

/// One of the three rules: two of the live port, one of the test port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// The first rule of the live port.
    L1,
    /// The second rule of the live port.
    L2,
    /// What the test port does.
    T,
}

impl Rule {
    /// All of them, in the order in which states name them.
    pub const ALL: [Self; 3] = [Self::L1, Self::L2, Self::T];
}

impl Group {
    /// As stories write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Code1 => "Code1",
            Self::Code2 => "Code2",
        }
    }
}

/// What is read first, where rules and tags are read apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The rules.
    Rules,
    /// The tags.
    Tags,
}

/// A step. Deliveries are named by their job and a number: `A2` is the second delivery of job A. A, B, C and D are flips of
/// their own, R is a Retry of A, U names no group. Calls are writes: of tags, of L1, of L2, of T.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A delivery begins and works: to its end, or until it has made so many calls.
    Deliver(String, Option<usize>),
    /// A delivery begins, and dies when it has made so many calls.
    Kill(String, usize),
    /// A delivery looks once, and makes no call.
    Look(String),
    /// A delivery reads half of what it looks at.
    Read(String, Half),
    /// A delivery works on.
    GoOn(String, Option<usize>),
    /// A delivery dies.
    Die(String),
    /// A delivery dies, and its next call is still on its way.
    DieCalling(String),
    /// The call of a dead delivery takes effect.
    Land(String),
    /// A delivery has no time left.
    OutOfTime(String),
    /// A person sets a rule.
    Edit(Rule, Group),
    /// A person sets every rule, so that this group is live.
    EditAll(Group),
    /// From now on a person sets this rule back whenever it is written.
    Keep(Rule),
    /// From now on writes of this rule are denied.
    Deny(Rule),
    /// A person deletes a rule.
    Delete(Rule),
    /// Somebody removes all tags of this project from a group.
    WipeTags(Group),
    /// The closings on a group vanish.
    LoseClosings(Group),
    /// Whether Code2 passes the guard.
    Guard(bool),
    /// Whether another execution rebuilds Code2.
    Fence(bool),
    /// Whether Code2 runs the image that is asked for.
    Image(bool),
    /// Whether L1 shares its traffic.
    Share(bool),
}

impl Step {
    /// The delivery that works in this step; none where others do something.
    #[must_use]
    pub fn delivery(&self) -> Option<&str> {
        match self {
            Self::Deliver(name, _) | Self::Kill(name, _) | Self::Look(name) | Self::Read(name, _) | Self::GoOn(name, _) => {
                Some(name)
            }
            _ => None,
        }
    }

    /// Reads a step; none where no step is written so.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let calls = |text: &str| text.split_once(' ').filter(|(_, word)| ["call", "calls"].contains(word))?.0.parse().ok();
        let (text, calls) = match text.split_once(" after ") {
            Some((text, rest)) => (text, Some(calls(rest)?)),
            None => (text, None),
        };
        let named = |name: &str| name.starts_with(|job| "ARBCDU".contains(job)).then(|| name.to_owned());
        Some(match text.split(' ').collect::<Vec<_>>()[..] {
            ["deliver", name] => Self::Deliver(named(name)?, calls),
            ["kill", name] => Self::Kill(named(name)?, calls?),
            [name, "looks"] => Self::Look(named(name)?),
            [name, "reads", "rules"] => Self::Read(named(name)?, Half::Rules),
            [name, "reads", "tags"] => Self::Read(named(name)?, Half::Tags),
            [name, "goes", "on"] => Self::GoOn(named(name)?, calls),
            [name, "dies"] => Self::Die(named(name)?),
            [name, "dies,", "its", "write", "is", "late"] => Self::DieCalling(named(name)?),
            ["late", "write", "of", name, "lands"] => Self::Land(named(name)?),
            [name, "is", "out", "of", "time"] => Self::OutOfTime(named(name)?),
            ["edit:", group, "live"] => Self::EditAll(parse_group(group)?),
            ["edit:", rule, "serves", group] => Self::Edit(parse_rule(rule)?, parse_group(group)?),
            ["edit:", rule, "is", "set", "back", "each", "time"] => Self::Keep(parse_rule(rule)?),
            ["edit:", rule, "is", "deleted"] => Self::Delete(parse_rule(rule)?),
            ["writes", "of", rule, "are", "denied"] => Self::Deny(parse_rule(rule)?),
            ["wipe", "tags", "of", group] => Self::WipeTags(parse_group(group)?),
            ["lose", "closings", "of", group] => Self::LoseClosings(parse_group(group)?),
            ["guard:", "Code2", "too", "small"] => Self::Guard(false),
            ["guard:", "Code2", "fits"] => Self::Guard(true),
            ["fence:", "Code2", "rebuilt", "by", "another"] => Self::Fence(true),
            ["fence:", "Code2", "free"] => Self::Fence(false),
            ["image:", "Code2", "another"] => Self::Image(false),
            ["image:", "Code2", "right"] => Self::Image(true),
            ["L1", "shares", "its", "traffic"] => Self::Share(true),
            ["L1", "serves", "one", "group", "again"] => Self::Share(false),
            _ => return None,
        })
    }
}

fn parse_rule(name: &str) -> Option<Rule> {
    Rule::ALL.into_iter().find(|rule| format!("{rule:?}") == name)
}

fn parse_group(name: &str) -> Option<Group> {
    [Group::Code1, Group::Code2].into_iter().find(|group| group.name() == name)
}
