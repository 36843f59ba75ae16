//! CloudFormation, as far as it is read.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{StackStatus, TemplateStage};
use blue_green::aws::call::Caller;
use blue_green::aws::failure::AwsFailure;

use super::refusal::StackRefusal;
use super::{Stack, TAG};
use crate::exit::Failure;
use crate::refused::Refused;

/// What CloudFormation shows instead of a value that was declared NoEcho.
const MASKED: &str = "****";

/// Reads stacks and templates.
pub struct StackReader {
    client: Client,
    caller: Caller,
}

/// What a template declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The transforms.
    pub transforms: Vec<String>,
}

/// A parameter of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether its value is masked.
    pub no_echo: bool,
}

impl StackReader {
    /// A reader with a client; `caller` says how long it tries.
    #[must_use]
    pub fn new(client: Client, caller: Caller) -> Self {
        Self { client, caller }
    }

    /// A stack as it is; none where there is none with this name.
    ///
    /// # Errors
    /// AWS's, and [`StackRefusal`] where the stack is in a state that nothing can be built on.
    pub async fn stack(&self, name: &str) -> Result<Option<Stack>, Failure> {
        let describe = || self.client.describe_stacks().stack_name(name).send();
        let described = match self.caller.call("cloudformation:DescribeStacks", name, describe).await {
            Err(failure) if is_missing(&failure) => return Ok(None),
            described => described?,
        };
        let Some(stack) = described.stacks().first().filter(|stack| stack.stack_status() != Some(&StackStatus::DeleteComplete)) else {
            return Ok(None);
        };
        usable(name, stack.stack_status(), stack.stack_status_reason())?;
        let parameters = stack.parameters().iter();
        let parameters = parameters.filter_map(|p| Some((p.parameter_key()?.to_owned(), p.parameter_value()?.to_owned()))).collect();
        let get = || self.client.get_template().stack_name(name).template_stage(TemplateStage::Original).send();
        let template = self.caller.call("cloudformation:GetTemplate", name, get).await?;
        let template = template.template_body().unwrap_or_default().to_owned();
        let stack = Stack { name: name.to_owned(), parameters, template };
        match stack.parameters.iter().find(|(key, value)| key.as_str() != TAG && value.as_str() == MASKED) {
            Some((parameter, _)) => {
                Err(Refused::from(StackRefusal::Masked { stack: name.to_owned(), parameter: parameter.clone() }).into())
            }
            None => Ok(Some(stack)),
        }
    }

    /// What a template declares.
    ///
    /// # Errors
    /// AWS's, also where the template is none.
    pub async fn declared(&self, file: &str, template: &str) -> Result<Declared, AwsFailure> {
        let summary = || self.client.get_template_summary().template_body(template).send();
        let summary = self.caller.call("cloudformation:GetTemplateSummary", file, summary).await?;
        let parameters = summary.parameters().iter().map(|parameter| Parameter {
            name: parameter.parameter_key().unwrap_or_default().to_owned(),
            kind: parameter.parameter_type().unwrap_or_default().to_owned(),
            required: parameter.default_value().is_none(),
            no_echo: parameter.no_echo().unwrap_or_default(),
        });
        Ok(Declared { parameters: parameters.collect(), transforms: summary.declared_transforms().to_vec() })
    }
}

/// CloudFormation has no code of its own for a stack that is not there (seen in the AWS command line's waiters).
fn is_missing(failure: &AwsFailure) -> bool {
    failure.code.as_deref() == Some("ValidationError") && failure.message.contains("does not exist")
}

fn usable(name: &str, status: Option<&StackStatus>, reason: Option<&str>) -> Result<(), Failure> {
    use StackStatus::{CreateComplete, ImportComplete, ImportRollbackComplete, UpdateComplete, UpdateRollbackComplete};
    match status {
        Some(CreateComplete | UpdateComplete | UpdateRollbackComplete | ImportComplete | ImportRollbackComplete) => Ok(()),
        status => Err(Refused::from(StackRefusal::Status {
            stack: name.to_owned(),
            status: status.map_or("of no status", StackStatus::as_str).to_owned(),
            reason: reason.map(str::to_owned),
        })
        .into()),
    }
}
