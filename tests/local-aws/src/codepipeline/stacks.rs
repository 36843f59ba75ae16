//! CloudFormation, as the pipeline's Deploy action and a person call it (botocore: cloudformation/2010-05-15).

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event as Xml;
use serde_json::{Map, Value};

use super::Account;

/// The stacks of an account.
#[derive(Clone, Debug)]
pub struct Stacks(Account);

/// A stack as it is.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// Such as `CREATE_COMPLETE`.
    pub status: String,
    /// Every parameter with its value.
    pub parameters: BTreeMap<String, String>,
    /// Every output with its value.
    pub outputs: BTreeMap<String, String>,
}

/// What a stack is made or updated with.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// The template.
    pub template: &'a str,
    /// The parameters.
    pub parameters: BTreeMap<String, String>,
    /// What CloudFormation assumes.
    pub role: Option<String>,
    /// Such as `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
}

/// What happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The resource in the template.
    pub resource: String,
    /// Such as `CREATE_FAILED`.
    pub status: String,
    /// Why.
    pub reason: String,
}

impl Stacks {
    /// The stacks of this account.
    pub fn new(account: Account) -> Self {
        Self(account)
    }

    /// A stack; none where there is none of this name.
    ///
    /// # Errors
    /// The API's.
    pub async fn stack(&self, name: &str) -> Result<Option<Stack>> {
        let described = match self.call("DescribeStacks", &[("StackName", name.to_owned())]).await? {
            Ok(described) => described,
            Err(message) if message.contains("does not exist") => return Ok(None),
            Err(message) => bail!("DescribeStacks {name}: {message}"),
        };
        let stack = &described["Stacks"][0];
        let table = |list: &str, key: &str, value: &str| {
            let items = stack[list].as_array().into_iter().flatten();
            items.map(|item| (text(&item[key]), text(&item[value]))).collect()
        };
        Ok(Some(Stack {
            status: text(&stack["StackStatus"]),
            parameters: table("Parameters", "ParameterKey", "ParameterValue"),
            outputs: table("Outputs", "OutputKey", "OutputValue"),
        }))
    }

    /// Creates a stack (`CreateStack`) or updates one (`UpdateStack`); what CloudFormation refuses is the inner error.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn apply(&self, action: &str, name: &str, asked: &Asked<'_>) -> Result<Result<(), String>> {
        let mut form = vec![("StackName".to_owned(), name.to_owned()), ("TemplateBody".to_owned(), asked.template.to_owned())];
        for (number, (key, value)) in (1..).zip(&asked.parameters) {
            form.push((format!("Parameters.member.{number}.ParameterKey"), key.clone()));
            form.push((format!("Parameters.member.{number}.ParameterValue"), value.clone()));
        }
        form.extend(asked.role.iter().map(|role| ("RoleARN".to_owned(), role.clone())));
        let capabilities = (1..).zip(&asked.capabilities);
        form.extend(capabilities.map(|(number, capability)| (format!("Capabilities.member.{number}"), capability.clone())));
        Ok(self.call(action, &form).await?.map(drop))
    }

    /// Every event of a stack, the newest first.
    ///
    /// # Errors
    /// The API's.
    pub async fn events(&self, name: &str) -> Result<Vec<Event>> {
        let (mut events, mut next) = (Vec::new(), None::<String>);
        loop {
            let mut form = vec![("StackName", name.to_owned())];
            form.extend(next.map(|token| ("NextToken", token)));
            let page = self.call("DescribeStackEvents", &form).await?;
            let page = page.map_err(|message| anyhow::anyhow!("DescribeStackEvents {name}: {message}"))?;
            events.extend(page["StackEvents"].as_array().into_iter().flatten().map(|event| Event {
                resource: text(&event["LogicalResourceId"]),
                status: text(&event["ResourceStatus"]),
                reason: text(&event["ResourceStatusReason"]),
            }));
            next = page["NextToken"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            if next.is_none() {
                return Ok(events);
            }
        }
    }

    async fn call<K: AsRef<str>>(&self, action: &str, parameters: &[(K, String)]) -> Result<Result<Value, String>> {
        let form = {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("Action", action).append_pair("Version", "2010-05-15");
            form.extend_pairs(parameters.iter().map(|(key, value)| (key.as_ref(), value)));
            form.finish()
        };
        let (status, body) = self.0.form("cloudformation", form).await?;
        let answer = std::str::from_utf8(&body)?;
        let mut reader = quick_xml::Reader::from_str(answer);
        let read = element(&mut reader).with_context(|| format!("{action} answered {answer}"))?;
        if status.is_success() {
            return Ok(Ok(read[format!("{action}Response")][format!("{action}Result")].clone()));
        }
        Ok(Err(text(&read["ErrorResponse"]["Error"]["Message"])))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What is inside an element: a text, a list of its `member`s, or its elements by name.
fn element(reader: &mut quick_xml::Reader<&[u8]>) -> Result<Value> {
    let (mut fields, mut members, mut text) = (Map::new(), Vec::new(), String::new());
    loop {
        let (name, inner) = match reader.read_event()? {
            Xml::Start(tag) => {
                let name = tag.name().as_ref().to_owned();
                (name, element(reader)?)
            }
            Xml::Empty(tag) => (tag.name().as_ref().to_owned(), Value::String(String::new())),
            Xml::Text(part) => {
                text += &part;
                continue;
            }
            Xml::CData(part) => {
                text += &part;
                continue;
            }
            Xml::GeneralRef(entity) => {
                match entity.resolve_char_ref()? {
                    Some(sign) => text.push(sign),
                    None => text += resolve_predefined_entity(&entity).context("an entity that is not known")?,
                }
                continue;
            }
            Xml::End(_) | Xml::Eof => break,
            _ => continue,
        };
        if name == "member" { members.push(inner) } else { drop(fields.insert(name, inner)) }
    }
    if !members.is_empty() {
        return Ok(Value::Array(members));
    }
    Ok(if fields.is_empty() { Value::String(text) } else { Value::Object(fields) })
}
