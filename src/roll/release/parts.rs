//! Which members take part, and whether they may go without the others.

use thiserror::Error;

/// Why a choice of members is not released. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Half {
    /// A name that the file does not know.
    #[error("--only {0}: the file has no member of this name; it has {1}")]
    Unknown(String, String),
    /// In production nothing is left out.
    #[error("--only is not for production: the file says `production: true`, and there every member goes. Leave --only away")]
    Production,
    /// Of members that belong together, some are new and some are not.
    #[error(
        "{together} belong together (`together`), and only {new} {verb} new: {old} would run what it runs already. Push the missing image under the new tag{only}"
    )]
    NotAll {
        /// The set.
        together: String,
        /// Those that are new.
        new: String,
        /// `is` or `are`.
        verb: &'static str,
        /// Those that are not.
        old: String,
        /// What else can be done outside production.
        only: String,
    },
}

/// What the file says of its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Every member, in the order of the file.
    pub names: Vec<String>,
    /// Sets that go together.
    pub together: Vec<Vec<String>>,
    /// Whether this is production.
    pub production: bool,
}

/// The members that take part: all, or those that `--only` names.
///
/// # Errors
/// A name that is not there, and any choice in production.
pub fn chosen(rules: &Rules, only: &[String]) -> Result<Vec<String>, Half> {
    if let Some(unknown) = only.iter().find(|name| !rules.names.contains(name)) {
        return Err(Half::Unknown(unknown.clone(), rules.names.join(", ")));
    }
    if only.is_empty() {
        return Ok(rules.names.clone());
    }
    if rules.production {
        return Err(Half::Production);
    }
    Ok(rules.names.iter().filter(|name| only.contains(name)).cloned().collect())
}

/// Whether sets that go together are new as a whole, or not at all; a member of which that is not known does not count. Who chose
/// members with `--only` has said what goes alone.
///
/// # Errors
/// A set of which a part is new.
pub fn complete(rules: &Rules, only: &[String], is_new: impl Fn(&str) -> Option<bool>) -> Result<(), Half> {
    if !only.is_empty() {
        return Ok(());
    }
    for set in &rules.together {
        let which = |wanted| set.iter().map(String::as_str).filter(|name| is_new(name) == Some(wanted)).collect::<Vec<_>>();
        let (new, old) = (which(true), which(false));
        if new.is_empty() || old.is_empty() {
            continue;
        }
        let only = if rules.production { String::new() } else { format!(", or release --only {}", new.join(",")) };
        return Err(Half::NotAll {
            together: set.join(" and "),
            verb: if new.len() == 1 { "is" } else { "are" },
            new: new.join(" and "),
            old: old.join(" and "),
            only,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Half, Rules, chosen, complete};

    fn rules(production: bool) -> Rules {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        Rules { names: names("wsgi indexer ingester deployment"), together: vec![names("indexer deployment")], production }
    }

    fn only(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn without_a_choice_everything_goes() {
        assert_eq!(chosen(&rules(true), &[]).map(|names| names.len()), Ok(4));
    }

    #[test]
    fn a_choice_keeps_the_order_of_the_file_and_is_not_for_production() {
        assert_eq!(chosen(&rules(false), &only("deployment,indexer")), Ok(only("indexer,deployment")));
        assert_eq!(chosen(&rules(true), &only("wsgi")), Err(Half::Production));
        assert!(matches!(chosen(&rules(false), &only("nobody")), Err(Half::Unknown(..))));
    }

    #[test]
    fn what_belongs_together_is_new_together_unless_a_person_chose() {
        let half = complete(&rules(false), &[], |name| Some(name == "deployment"));
        let said = half.map_err(|half| half.to_string()).err().unwrap_or_default();
        assert!(said.contains("only deployment is new") && said.contains("--only deployment"), "{said}");
        assert_eq!(complete(&rules(false), &only("deployment"), |name| Some(name == "deployment")), Ok(()));
        assert_eq!(complete(&rules(false), &[], |name| Some(name == "wsgi")), Ok(()));
        assert_eq!(complete(&rules(false), &[], |_| Some(true)), Ok(()));
        assert_eq!(complete(&rules(false), &[], |name| (name == "indexer").then_some(false)), Ok(()), "the other is not known");
    }
}
