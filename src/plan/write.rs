//! One write: one call.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::seen::topology::{Action, RuleId};

/// One write: one call on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Write {
    /// AddTags. AWS takes one resource a call (aws-sdk-go-v2#2715).
    Tag {
        /// The group's ARN.
        group: String,
        /// What the group is called, for a person.
        called: String,
        /// The tags to put, in this order: where not all of a call's tags arrive, the first ones do.
        tags: Vec<(String, String)>,
    },
    /// RemoveTags.
    Untag {
        /// The group's ARN.
        group: String,
        /// What the group is called, for a person.
        called: String,
        /// The keys to remove.
        keys: BTreeSet<String>,
    },
    /// ModifyRule, or ModifyListener for a default action: the whole action list.
    Actions {
        /// The rule.
        rule: RuleId,
        /// The rule for a person: `port 80, default action`.
        called: String,
        /// The ARN of the group that it serves then.
        serves: String,
        /// The whole action list to write.
        actions: Vec<Action>,
        /// The weights before, for a person.
        before: String,
        /// The weights after, for a person.
        after: String,
    },
}

impl Write {
    /// The ARN that the call names.
    #[must_use]
    pub fn resource(&self) -> &str {
        match self {
            Self::Tag { group, .. } | Self::Untag { group, .. } => group,
            Self::Actions { rule, .. } => rule.arn(),
        }
    }

    /// The API action.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Tag { .. } => "AddTags",
            Self::Untag { .. } => "RemoveTags",
            Self::Actions { rule: RuleId::Rule(_), .. } => "ModifyRule",
            Self::Actions { rule: RuleId::Default(_), .. } => "ModifyListener",
        }
    }

    /// One tag on one group.
    #[must_use]
    pub fn tag(group: &str, called: &str, key: &str, value: &str) -> Self {
        Self::Tag { group: group.to_owned(), called: called.to_owned(), tags: vec![(key.to_owned(), value.to_owned())] }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag { called, tags, .. } => {
                let shown = |value: &str| if value.is_empty() { "(empty)".to_owned() } else { value.to_owned() };
                let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key} = {}", shown(value))).collect();
                write!(f, "tag {called}: {}", tags.join(", "))
            }
            Self::Untag { called, keys, .. } => {
                write!(f, "remove tags of {called}: {}", keys.iter().cloned().collect::<Vec<_>>().join(", "))
            }
            Self::Actions { called, before, after, .. } => write!(f, "{called}: {before} -> {after}"),
        }
    }
}
