//! The application's own template and parameters: what the test side gets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use blue_green::aws::cloudformation::read::{Declared, Reader};
use serde_json::Value;

use super::args::StacksArgs;
use super::refusal::StackRefusal;
use crate::failure::Failure;
use crate::refused::Refused;

/// The most bytes of a template that is given in a call.
const MOST: usize = 51_200;
/// The parameter that holds a side's image tag.
pub const TAG: &str = "Tag";
/// What the pipeline sets itself.
const OWN: [&str; 4] = ["Name", "Side", TAG, "Repository"];

/// A new template and what its parameters get.
#[derive(Debug)]
pub struct New {
    /// Where the template came from.
    pub file: PathBuf,
    /// The template.
    pub template: String,
    /// What the application sets.
    given: BTreeMap<String, String>,
    /// The parameters that it declares.
    declared: Vec<String>,
    repository: Option<String>,
}

impl New {
    /// Reads the files, and has CloudFormation say what the template declares.
    ///
    /// # Errors
    /// [`Failure::Usage`] where a file or a parameter is wrong, [`StackRefusal::Unsteady`], AWS's.
    pub async fn read(client: &Reader, args: &StacksArgs, build: &Path) -> Result<Self, Failure> {
        let beside = |name: &str| build.parent().unwrap_or(Path::new("")).join(name);
        let file = args.template.clone().unwrap_or_else(|| beside("service.yaml"));
        let template = text(&file, "--template")?;
        if template.len() > MOST {
            return Err(Failure::Usage(format!(
                "{} has {} bytes; CloudFormation takes {MOST} at most. Shorten it",
                file.display(),
                template.len()
            )));
        }
        let given = match &args.parameters {
            Some(path) => parameters(path)?,
            None if beside("parameters.json").exists() => parameters(&beside("parameters.json"))?,
            None => BTreeMap::new(),
        };
        let declared = client.declared(&file.display().to_string(), &template).await?;
        steady(&file, &template, &declared)?;
        let new = Self {
            file,
            template,
            given,
            declared: declared.parameters.iter().map(|parameter| parameter.name.clone()).collect(),
            repository: args.repository.clone(),
        };
        new.complete(&declared)?;
        Ok(new)
    }

    /// What a side's parameters get: each that the template declares and that is known.
    #[must_use]
    pub fn parameters(&self, name: &str, side: &str, tag: &str) -> BTreeMap<String, String> {
        let own = [("Name", Some(name)), ("Side", Some(side)), (TAG, Some(tag)), ("Repository", self.repository.as_deref())];
        let own = own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
        let own = own.filter(|(key, _)| self.declared.contains(key));
        self.given.clone().into_iter().chain(own).collect()
    }

    /// Whether nothing is missing, and nothing given that the template does not know.
    fn complete(&self, declared: &Declared) -> Result<(), Failure> {
        let file = self.file.display();
        let wrong = |what: String| Err(Failure::Usage(what));
        if !self.declared.iter().any(|name| name == TAG) {
            return wrong(format!("{file} declares no parameter {TAG}; expected one of type String: it gets the image's tag"));
        }
        if let Some(own) = self.given.keys().find(|key| OWN.contains(&key.as_str())) {
            return wrong(format!("the parameters set {own}, which the pipeline sets itself; take it out"));
        }
        if let Some(unknown) = self.given.keys().find(|key| !self.declared.contains(key)) {
            return wrong(format!(
                "the parameters set {unknown}, which {file} does not declare; it declares {}",
                self.declared.join(", ")
            ));
        }
        let set = self.parameters("name", "side", "tag");
        let missing: Vec<&str> = declared
            .parameters
            .iter()
            .filter(|p| !p.has_default && !set.contains_key(&p.name))
            .map(|p| p.name.as_str())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        wrong(format!("{file} needs {}, which nothing sets; add it to parameters.json, or give it a default", missing.join(", ")))
    }
}

/// Whether a template means the same whenever it is given again.
fn steady(file: &Path, template: &str, declared: &Declared) -> Result<(), Refused> {
    let refused =
        |what: String, instead| Err(StackRefusal::Unsteady { template: file.display().to_string(), what, instead }.into());
    if let Some(transform) = declared.transforms.first() {
        return refused(format!("has the transform {transform}"), "Write out what it makes");
    }
    if let Some(parameter) = declared.parameters.iter().find(|parameter| parameter.no_echo) {
        return refused(format!("has the NoEcho parameter {}", parameter.name), "Take the secret by its ARN instead");
    }
    if let Some(parameter) = declared.parameters.iter().find(|parameter| parameter.kind.starts_with("AWS::SSM::")) {
        return refused(format!("has the parameter {} of type {}", parameter.name, parameter.kind), "Give it the type String");
    }
    if template.contains("{{resolve:") {
        return refused(
            "has a dynamic reference ({{resolve:...}})".to_owned(),
            "Give the value by a parameter, or the secret by its ARN",
        );
    }
    Ok(())
}

fn text(path: &Path, option: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{} cannot be read ({error}); name the file with {option}", path.display())))
}

/// A file of parameters: an object of texts, or of numbers, which CloudFormation takes as texts.
fn parameters(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let wrong =
        |what: String| Failure::Usage(format!("{} {what}; expected an object such as {{\"Cpu\":\"512\"}}", path.display()));
    let text = text(path, "--parameters")?;
    let values: BTreeMap<String, Value> =
        serde_json::from_str(&text).map_err(|error| wrong(format!("is no JSON object ({error})")))?;
    let value = |(key, value): (String, Value)| match value {
        Value::String(text) => Ok((key, text)),
        Value::Number(number) => Ok((key, number.to_string())),
        other => Err(wrong(format!("has the value {other} for {key}"))),
    };
    values.into_iter().map(value).collect()
}
