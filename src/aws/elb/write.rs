//! Applies a plan: one write, one call. Nothing here decides anything.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures::future::join_all;

use super::actions;
use crate::aws::call::Caller;
use crate::aws::failure::{AwsFailure, Class};
use crate::plan::Write;
use crate::seen::topology::RuleId;

/// The only thing that holds a client that can write.
#[derive(Clone, Debug)]
pub struct Writer {
    elb: Client,
    caller: Caller,
}

impl Writer {
    /// A writer, until the caller's deadline.
    #[must_use]
    pub fn new(elb: Client, caller: Caller) -> Self {
        Self { elb, caller }
    }

    /// Makes a phase's writes side by side and waits for all of them, also where one fails: what is on its way must
    /// not arrive after this has returned.
    pub async fn apply<'w>(&self, writes: impl IntoIterator<Item = &'w Write>) -> Vec<Result<(), AwsFailure>> {
        join_all(writes.into_iter().map(|write| self.write(write))).await
    }

    async fn write(&self, write: &Write) -> Result<(), AwsFailure> {
        match write {
            Write::Tag { group, tags, .. } => {
                let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
                let call = || self.elb.add_tags().resource_arns(group).set_tags(Some(tags.clone())).send();
                self.caller.call("elasticloadbalancing:AddTags", group, call).await.map(drop)
            }
            Write::Untag { group, keys, .. } => {
                let keys: Vec<String> = keys.iter().cloned().collect();
                let call = || self.elb.remove_tags().resource_arns(group).set_tag_keys(Some(keys.clone())).send();
                self.caller.call("elasticloadbalancing:RemoveTags", group, call).await.map(drop)
            }
            Write::Actions { rule, actions, .. } => {
                let actions = actions::write(actions).map_err(|kind| AwsFailure {
                    action: match rule {
                        RuleId::Rule(_) => "elasticloadbalancing:ModifyRule",
                        RuleId::Default(_) => "elasticloadbalancing:ModifyListener",
                    },
                    resource: rule.arn().to_owned(),
                    class: Class::Permanent,
                    code: None,
                    message: format!("an action of type {kind} cannot be written back unchanged"),
                    request_id: None,
                })?;
                match rule {
                    RuleId::Rule(arn) => {
                        let call = || self.elb.modify_rule().rule_arn(arn).set_actions(Some(actions.clone())).send();
                        self.caller.call("elasticloadbalancing:ModifyRule", arn, call).await.map(drop)
                    }
                    RuleId::Default(listener) => {
                        let call = || {
                            self.elb.modify_listener().listener_arn(listener).set_default_actions(Some(actions.clone())).send()
                        };
                        self.caller.call("elasticloadbalancing:ModifyListener", listener, call).await.map(drop)
                    }
                }
            }
        }
    }
}
