//! An execution of a pipeline, and the variables its actions export. Pure.
//!
//! Source: CodePipeline user guide, "Variables reference": `#{namespace.name}`, and an action that uses a variable nobody
//! exported fails.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use uuid::Uuid;

/// The namespace of CodePipeline's own variables.
const OWN: &str = "codepipeline";

/// One run of the pipeline.
#[derive(Clone, Debug)]
pub struct Execution {
    id: String,
    /// By `namespace.name`.
    variables: BTreeMap<String, String>,
}

impl Execution {
    /// A run that has an id and has done nothing yet.
    pub fn begin() -> Self {
        Self::with_id(Uuid::new_v4().to_string())
    }

    fn with_id(id: String) -> Self {
        let mut execution = Self { id: id.clone(), variables: BTreeMap::new() };
        execution.export(OWN, [("PipelineExecutionId", id)]);
        execution
    }

    /// The pipeline execution id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Makes an action's output variables known to later ones.
    pub fn export<N: AsRef<str>>(&mut self, namespace: &str, variables: impl IntoIterator<Item = (N, String)>) {
        let named = |(name, value): (N, String)| (format!("{namespace}.{}", name.as_ref()), value);
        self.variables.extend(variables.into_iter().map(named));
    }

    /// A variable, by `namespace.name`.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A text of an action's configuration with its variables filled in.
    ///
    /// # Errors
    /// Where a variable was exported by nobody: it is named, with those that were.
    pub fn resolve(&self, text: &str) -> Result<String> {
        let mut parts = text.split("#{");
        let mut resolved = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').with_context(|| format!("the variable #{{{part} does not end"))?;
            let value = self.variable(name).with_context(|| {
                let known: Vec<&String> = self.variables.keys().collect();
                format!("no action has exported #{{{name}}}; exported are {known:?}")
            })?;
            resolved += value;
            resolved += rest;
        }
        Ok(resolved)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use super::*;

    #[test]
    fn variables_flow_from_action_to_action() {
        let mut execution = Execution::with_id("e-1".to_owned());
        execution.export("Flip", [("Test", "Code1".to_owned())]);
        let text = r##"{"PromoteTo":"#{Flip.Test}","Execution":"#{codepipeline.PipelineExecutionId}"}"##;
        assert_eq!(execution.resolve(text).unwrap(), r#"{"PromoteTo":"Code1","Execution":"e-1"}"#);
    }

    #[test]
    fn a_variable_that_nobody_exported_is_named() {
        let error = Execution::with_id("e-1".to_owned()).resolve("#{Flip.Test}").unwrap_err().to_string();
        assert!(error.contains("#{Flip.Test}") && error.contains("PipelineExecutionId"), "{error}");
    }
}
