//! Why a flip was not made, or would not be: the wording.

use serde::Serialize;
use thiserror::Error;

use crate::plan::look::Looked;
use crate::release::record::Verdict;
use crate::release::refusal::Refusal;
use crate::release::why::Why;
use crate::seen::names::Names;
use crate::seen::setup_error::SetupError;
use crate::seen::survey::Survey;
use crate::seen::topology::Topology;

/// Why a flip was not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotMade {
    /// The set-up or the parameters do not allow it.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The guard refuses it, with every reason.
    #[error("refused: {}", joined(.0.iter().map(ToString::to_string)))]
    Refused(Vec<Refusal>),
    /// A later flip came after it, or the rules were changed by other means.
    #[error(transparent)]
    Past(#[from] Past),
}

/// Why a flip of the past is not made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Error)]
pub enum Past {
    /// A later flip came after it.
    #[error("flip {flip} is outdated: flip {by} {came} later ({at}), and {live}. This event changed nothing. {NEXT}")]
    Outdated {
        /// This flip.
        flip: String,
        /// The later one.
        by: String,
        /// `was made`, `was undone` or `was begun`.
        came: &'static str,
        /// When.
        at: String,
        /// What is live now, as a sentence.
        live: String,
    },
    /// It was made, and the rules were changed since, not by a flip.
    #[error("flip {flip} was made, and the rules were changed since, not by a flip: {live}. This event changed nothing. {NEXT}")]
    Edited {
        /// This flip.
        flip: String,
        /// What is live now, as a sentence.
        live: String,
    },
    /// It was begun, and its rules were set back.
    #[error("flip {flip} was begun and undone. To flip, press Retry or approve again")]
    Undone {
        /// This flip.
        flip: String,
    },
}

/// What to do where an execution's flip is over for good.
const NEXT: &str = "To flip, start a new execution (every Retry of this one fails), or invoke the function with PromoteTo and a \
                    new Execution";

impl NotMade {
    /// The same sentences, with the settings called by these names.
    #[must_use]
    pub fn words(&self, names: &Names) -> String {
        match self {
            Self::Setup(setup_error) => setup_error.words(names),
            Self::Refused(reasons) => format!("refused: {}", joined(reasons.iter().map(|reason| reason.words(names)))),
            Self::Past(past) => past.to_string(),
        }
    }

    /// The wording of a reason; none where the job succeeded.
    #[must_use]
    pub fn of(topology: &Topology, survey: &Survey<'_>, looked: &Looked, why: &Why) -> Option<Self> {
        let flip = looked.member.ask.asker.flip.to_string();
        Some(match why {
            Why::Made | Why::NoOp => return None,
            Why::Setup(setup_error) => Self::Setup(setup_error.clone()),
            Why::Refused(reasons) => Self::Refused(reasons.clone()),
            Why::Outdated(newest) => {
                let (_, by) = newest.as_ref();
                let made = looked.member.view.journal.verdict(&by.job) != Some(Verdict::Failed);
                let came = match (by.in_progress(), made) {
                    (true, _) => "was begun",
                    (false, true) => "was made",
                    (false, false) => "was undone",
                };
                let (by, at) = (by.id.to_string(), by.time.to_string());
                Past::Outdated { flip, by, came, at, live: live(topology, survey, looked) }.into()
            }
            Why::Edited => Past::Edited { flip, live: live(topology, survey, looked) }.into(),
            Why::Undone | Why::Conflict => Past::Undone { flip }.into(),
        })
    }
}

/// What is live in a pair, as a sentence.
#[must_use]
pub fn live(topology: &Topology, survey: &Survey<'_>, looked: &Looked) -> String {
    let pair = &looked.pair;
    let all = [&pair.first, &pair.second].into_iter().find(|arn| survey.is_live(pair, arn) == Some(true));
    match all {
        Some(arn) => format!("{} is live", topology.describe(arn)),
        None => format!("some live rules serve {}, others {}", topology.describe(&pair.first), topology.describe(&pair.second)),
    }
}

fn joined(reasons: impl Iterator<Item = String>) -> String {
    reasons.collect::<Vec<_>>().join("; ")
}
