//! CloudFormation, as the pipeline's Deploy action and a person call it (botocore: cloudformation/2010-05-15).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::time::sleep;

use super::Account;

/// How often a stack is asked how it is.
const POLL: Duration = Duration::from_millis(100);

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

    /// Waits until the last operation of a stack has ended.
    ///
    /// # Errors
    /// The API's, and a stack that is gone.
    pub async fn settled(&self, name: &str) -> Result<Stack> {
        loop {
            let stack = self.stack(name).await?.with_context(|| format!("stack {name} is gone"))?;
            if !stack.status.ends_with("_IN_PROGRESS") {
                return Ok(stack);
            }
            sleep(POLL).await;
        }
    }

    /// Creates or updates a stack, and waits until that has succeeded.
    ///
    /// # Errors
    /// What CloudFormation refuses, and an operation that fails: what its events say.
    pub async fn make(&self, action: &str, name: &str, asked: &Asked<'_>) -> Result<Stack> {
        if let Err(message) = self.apply(action, name, asked).await? {
            bail!("{action} {name}: {message}");
        }
        let stack = self.settled(name).await?;
        if !["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&stack.status.as_str()) {
            bail!("stack {name} ended as {}: {}", stack.status, self.reasons(name).await?.join("; "));
        }
        Ok(stack)
    }

    /// What failed in a stack, the last one first.
    ///
    /// # Errors
    /// The API's.
    pub async fn reasons(&self, name: &str) -> Result<Vec<String>> {
        let failed = self.events(name).await?.into_iter().filter(|event| event.status.ends_with("_FAILED"));
        Ok(failed.map(|event| format!("{}: {}", event.resource, event.reason)).collect())
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
        self.0.query("cloudformation", "2010-05-15", action, parameters).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
