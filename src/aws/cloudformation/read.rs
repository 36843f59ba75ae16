//! Reads stacks and templates: three calls of the Query protocol (service model: cloudformation/2010-05-15).

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_smithy_xml::decode::{ScopedDecoder, XmlDecodeError, try_data};

use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;
use crate::aws::query::{self, result};
use crate::aws::wire::Service;

const CLOUDFORMATION: Service =
    Service { host: "cloudformation", global: false, signing: "cloudformation", id: "CloudFormation" };
const VERSION: &str = "2010-05-15";

/// Reads CloudFormation, and cannot write.
#[derive(Clone, Debug)]
pub struct Reader {
    config: SdkConfig,
    caller: Caller,
}

/// A stack as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Its status, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// Why, where CloudFormation says it.
    pub reason: Option<String>,
    /// Every parameter with the value it has.
    pub parameters: BTreeMap<String, String>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Whether the template says a value for it.
    pub has_default: bool,
    /// Whether its value is masked.
    pub no_echo: bool,
}

impl Reader {
    /// A reader with the settings of the other clients, until the caller's deadline.
    #[must_use]
    pub fn new(config: &SdkConfig, caller: Caller) -> Self {
        Self { config: config.clone(), caller }
    }

    /// A stack as it is; none where there is none of this name.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn stack(&self, name: &str) -> Result<Option<Stack>, AwsFailure> {
        let described = self.call("cloudformation:DescribeStacks", name, &[("StackName", name)], stacks).await;
        match described {
            // CloudFormation has no code of its own for it.
            Err(failure) if failure.code.as_deref() == Some("ValidationError") && failure.message.contains("does not exist") => {
                Ok(None)
            }
            described => Ok(described?.into_iter().next().filter(|stack| stack.status != "DELETE_COMPLETE")),
        }
    }

    /// A stack's template as it was given.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn template(&self, stack: &str) -> Result<String, AwsFailure> {
        let asked = [("StackName", stack), ("TemplateStage", "Original")];
        let template = self.call("cloudformation:GetTemplate", stack, &asked, template).await?;
        template.ok_or_else(|| AwsFailure::incomplete("cloudformation:GetTemplate", stack, "TemplateBody"))
    }

    /// What a template declares; `file` names it in failures.
    ///
    /// # Errors
    /// An [`AwsFailure`], also where the text is no template.
    pub async fn declared(&self, file: &str, template: &str) -> Result<Declared, AwsFailure> {
        self.call("cloudformation:GetTemplateSummary", file, &[("TemplateBody", template)], declared).await
    }

    async fn call<T: Send + Sync + std::fmt::Debug + 'static>(
        &self,
        action: &'static str,
        resource: &str,
        parameters: &[(&'static str, &str)],
        read: fn(&str) -> Result<T, XmlDecodeError>,
    ) -> Result<T, AwsFailure> {
        query::call(&self.config, &self.caller, (&CLOUDFORMATION, VERSION), (action, resource), parameters, read).await
    }
}

fn stacks(text: &str) -> Result<Vec<Stack>, XmlDecodeError> {
    let mut found = Vec::new();
    result(text, &mut |name, inside| match name {
        "Stacks" => query::each(inside, "member", &mut |inside| stack(inside).map(|stack| found.push(stack))),
        _ => Ok(()),
    })?;
    Ok(found)
}

fn stack(inside: &mut ScopedDecoder<'_, '_>) -> Result<Stack, XmlDecodeError> {
    let mut stack = Stack::default();
    query::children(inside, &mut |name, tag| {
        match name {
            "StackStatus" => stack.status = try_data(tag)?.into_owned(),
            "StackStatusReason" => stack.reason = Some(try_data(tag)?.into_owned()),
            "Parameters" => query::each(tag, "member", &mut |member| {
                let (mut key, mut value) = (String::new(), String::new());
                query::children(member, &mut |name, tag| {
                    match name {
                        "ParameterKey" => key = try_data(tag)?.into_owned(),
                        "ParameterValue" => value = try_data(tag)?.into_owned(),
                        _ => {}
                    }
                    Ok(())
                })?;
                stack.parameters.insert(key, value);
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(stack)
}

fn template(text: &str) -> Result<Option<String>, XmlDecodeError> {
    let mut found = None;
    result(text, &mut |name, tag| {
        if name == "TemplateBody" {
            found = Some(try_data(tag)?.into_owned());
        }
        Ok(())
    })?;
    Ok(found)
}

fn declared(text: &str) -> Result<Declared, XmlDecodeError> {
    let mut declared = Declared::default();
    result(text, &mut |name, inside| match name {
        "Parameters" => {
            query::each(inside, "member", &mut |inside| parameter(inside).map(|parameter| declared.parameters.push(parameter)))
        }
        "DeclaredTransforms" => query::each(inside, "member", &mut |inside| {
            declared.transforms.push(try_data(inside)?.into_owned());
            Ok(())
        }),
        _ => Ok(()),
    })?;
    Ok(declared)
}

fn parameter(inside: &mut ScopedDecoder<'_, '_>) -> Result<Parameter, XmlDecodeError> {
    let mut parameter = Parameter::default();
    query::children(inside, &mut |name, tag| {
        match name {
            "ParameterKey" => parameter.name = try_data(tag)?.into_owned(),
            "ParameterType" => parameter.kind = try_data(tag)?.into_owned(),
            "DefaultValue" => parameter.has_default = true,
            "NoEcho" => parameter.no_echo = try_data(tag)? == "true",
            _ => {}
        }
        Ok(())
    })?;
    Ok(parameter)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_read_with_its_parameters() {
        let text = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>s</StackName><StackStatus>\
                    ROLLBACK_COMPLETE</StackStatus><StackStatusReason>a &amp; b</StackStatusReason><Parameters><member><ParameterKey>\
                    Tag</ParameterKey><ParameterValue>1.2</ParameterValue></member><member><ParameterKey>Empty</ParameterKey>\
                    <ParameterValue/></member></Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
        let parameters = [("Tag", "1.2"), ("Empty", "")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let stack = Stack { status: "ROLLBACK_COMPLETE".to_owned(), reason: Some("a & b".to_owned()), parameters };
        assert_eq!(stacks(text).unwrap(), [stack]);
    }

    #[test]
    fn a_template_keeps_its_lines_and_signs() {
        let text = "<GetTemplateResponse><GetTemplateResult><TemplateBody>A: \"&lt;b&gt;\"\n  C: &quot;d&quot;\n</TemplateBody>\
                    </GetTemplateResult></GetTemplateResponse>";
        assert_eq!(template(text).unwrap().unwrap(), "A: \"<b>\"\n  C: \"d\"\n");
    }

    #[test]
    fn a_parameter_with_an_empty_default_has_one() {
        let text = "<GetTemplateSummaryResponse><GetTemplateSummaryResult><Parameters><member><ParameterKey>A</ParameterKey>\
                    <DefaultValue/><ParameterType>String</ParameterType><NoEcho>true</NoEcho></member></Parameters>\
                    <DeclaredTransforms><member>AWS::Include</member></DeclaredTransforms></GetTemplateSummaryResult>\
                    </GetTemplateSummaryResponse>";
        let parameter = Parameter { name: "A".to_owned(), kind: "String".to_owned(), has_default: true, no_echo: true };
        assert_eq!(
            declared(text).unwrap(),
            Declared { parameters: vec![parameter], transforms: vec!["AWS::Include".to_owned()] }
        );
    }
}
