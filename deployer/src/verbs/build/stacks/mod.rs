//! The sides as CloudFormation stacks: what each stack has now, and what its Deploy action gets.
//!
//! A release must not touch production: the live side's stack is handed back the template and the parameters that it has,
//! so that CloudFormation finds nothing to do there. Everything new goes to the test side.

pub mod args;
mod keep;
mod new;
pub mod refusal;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use blue_green::asked::build_file::IDENTIFIERS;
use blue_green::aws::cloudformation::read::{Reader, Stack as Seen};
use serde_json::json;

pub use args::StacksArgs;
pub use keep::wait;

use self::new::{New, TAG};
use self::refusal::StackRefusal;
use super::replace::replace;
use crate::failure::Failure;
use crate::refused::Refused;
use crate::session::Session;

/// What CloudFormation shows instead of a value that was declared NoEcho.
const MASKED: &str = "****";
/// The states in which a stack can be updated.
const USABLE: [&str; 5] =
    ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"];

/// Both stacks as they are, and what is new.
#[derive(Debug)]
pub struct Stacks {
    name: String,
    sides: BTreeMap<&'static str, Option<Stack>>,
    new: New,
}

/// A side's stack as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stack {
    name: String,
    parameters: BTreeMap<String, String>,
    /// As it was given.
    template: String,
}

/// What a flip of this release is to be given: single words, since the pipeline puts them into JSON as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promote<'a> {
    /// The pipeline's execution.
    pub execution: &'a str,
    /// The Identifier of the group to make live.
    pub to: &'a str,
    /// The image tag that must run there.
    pub image: &'a str,
}

impl Stacks {
    /// Reads both stacks, and the new template with its parameters from beside `build`.
    ///
    /// # Errors
    /// A [`Failure`]; a stack that is not there is none.
    pub async fn read(session: &Session, name: &str, args: &StacksArgs, build: &Path) -> Result<Self, Failure> {
        let client = session.stacks();
        let new = New::read(&client, args, build).await?;
        let mut sides = BTreeMap::new();
        for side in IDENTIFIERS {
            sides.insert(side, stack(&client, &stack_name(name, side)).await?);
        }
        Ok(Self { name: name.to_owned(), sides, new })
    }

    /// Whether neither side was ever deployed.
    #[must_use]
    pub fn are_new(&self) -> bool {
        self.sides.values().all(Option::is_none)
    }

    /// The image tag that a side's stack has.
    ///
    /// # Errors
    /// [`StackRefusal::Missing`] and [`StackRefusal::NoTag`].
    pub fn tag(&self, side: &str) -> Result<&str, StackRefusal> {
        let stack = self.sides.get(side).and_then(Option::as_ref);
        let stack = stack.ok_or_else(|| StackRefusal::Missing { stack: stack_name(&self.name, side), side: side.to_owned() })?;
        let tag = stack.parameters.get(TAG).map(String::as_str);
        tag.ok_or_else(|| StackRefusal::NoTag { stack: stack.name.clone(), known: stack.parameters.keys().cloned().collect() })
    }

    /// Writes template and configuration of both sides into a folder. `codes` are the image tags by side, `new` the sides
    /// that get the new template.
    ///
    /// # Errors
    /// The system's, with the file.
    pub fn write(&self, folder: &Path, codes: &[(&str, &str)], new: &[&str]) -> Result<(), (PathBuf, io::Error)> {
        for (side, tag) in codes {
            let kept = self.sides.get(side).and_then(Option::as_ref).filter(|_| !new.contains(side));
            let (template, parameters) = match kept {
                Some(stack) => (stack.template.as_str(), stack.parameters.clone()),
                None => (self.new.template.as_str(), self.new.parameters(&self.name, side, tag)),
            };
            // No Tags: a changed set of them would be an update.
            let configuration = format!("{:#}\n", json!({ "Parameters": parameters }));
            for (ending, content) in [("yaml", template), ("json", configuration.as_str())] {
                let path = folder.join(format!("{side}.{ending}"));
                replace(&path, content.as_bytes(), &self.new.file).map_err(|source| (path, source))?;
            }
        }
        Ok(())
    }
}

impl Promote<'_> {
    /// Writes the words as a shell reads them.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, path: &Path, like: &Path) -> io::Result<()> {
        let Self { execution, to, image } = self;
        replace(path, format!("Execution={execution}\nPromoteTo={to}\nPromoteImage={image}\n").as_bytes(), like)
    }
}

fn stack_name(name: &str, side: &str) -> String {
    format!("{name}-{side}")
}

/// A side's stack; none where there is none of this name.
async fn stack(client: &Reader, name: &str) -> Result<Option<Stack>, Failure> {
    let Some(Seen { status, reason, parameters }) = client.stack(name).await? else { return Ok(None) };
    let refused = |refusal: StackRefusal| Err(Refused::from(refusal).into());
    if !USABLE.contains(&status.as_str()) {
        return refused(StackRefusal::Status { stack: name.to_owned(), status, reason });
    }
    if let Some((parameter, _)) = parameters.iter().find(|(_, value)| value.as_str() == MASKED) {
        return refused(StackRefusal::Masked { stack: name.to_owned(), parameter: parameter.clone() });
    }
    let template = client.template(name).await?;
    Ok(Some(Stack { name: name.to_owned(), parameters, template }))
}
