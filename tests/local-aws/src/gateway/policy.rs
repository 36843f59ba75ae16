//! IAM: which calls a role's policies allow. What AWS would refuse is refused here, so that a policy that lets every test
//! pass suffices on AWS too.
//!
//! Sources: IAM user guide, "Policy evaluation logic" and "Conditions with multiple context keys or values"; service
//! authorization reference, "Elastic Load Balancing V2", "Amazon ECS" and "Amazon DynamoDB" (which actions have resources).

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use wildmatch::WildMatch;

use super::answer::ServiceError;
use super::request::{Parameters, Request};
use crate::ecs::permissions;

/// The permission that ELB asks for, in the caller's name, where an action signs in with Cognito.
const COGNITO: &str = "cognito-idp:DescribeUserPoolClient";

/// An IAM policy document, as far as this project's need it: statements that allow, and one condition.
#[derive(Clone, Debug)]
pub struct Policy(Vec<Statement>);

#[derive(Clone, Debug)]
struct Statement {
    actions: Vec<WildMatch>,
    resources: Vec<WildMatch>,
    /// The tag keys that may be written; any, where there is no condition.
    tag_keys: Option<Vec<WildMatch>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Document {
    version: String,
    statement: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Written {
    sid: String,
    effect: String,
    action: OneOrMany,
    resource: OneOrMany,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMany>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

impl Policy {
    /// Reads a policy document, with the pseudo parameters that CloudFormation's `Fn::Sub` fills in.
    ///
    /// # Errors
    /// What is no policy document, and what this evaluation does not know: it must never allow by mistake.
    pub fn read(document: &str, account: &str, region: &str) -> Result<Self> {
        let filled = document.replace("${AWS::Partition}", "aws").replace("${AWS::Region}", region);
        let filled = filled.replace("${AWS::AccountId}", account);
        ensure!(!filled.contains("${"), "the policy has a placeholder that is not known: {filled}");
        let document: Document = serde_json::from_str(&filled).context("not a policy document")?;
        ensure!(document.version == "2012-10-17", "policy version {} is not known", document.version);
        Ok(Self(document.statement.into_iter().map(Statement::read).collect::<Result<_>>()?))
    }

    pub(super) fn allows(&self, action: &str, resource: &str, tag_keys: &[&str]) -> bool {
        self.0.iter().any(|statement| statement.allows(action, resource, tag_keys))
    }
}

impl Statement {
    fn read(written: Written) -> Result<Self> {
        let Written { sid, effect, action, resource, condition } = written;
        ensure!(effect == "Allow", "{sid}: effect {effect} is not known");
        let mut tag_keys = None;
        for (operator, conditions) in condition {
            for (key, values) in conditions {
                match (operator.as_str(), key.as_str()) {
                    ("ForAllValues:StringLike", "aws:TagKeys") => {
                        tag_keys = Some(values.into_vec().iter().map(|pattern| WildMatch::new(pattern)).collect());
                    }
                    ("ForAllValues:StringEquals", "aws:TagKeys") => {
                        let values = values.into_vec();
                        ensure!(values.iter().all(|key| !key.contains(['*', '?'])), "{sid}: StringEquals takes no patterns");
                        tag_keys = Some(values.iter().map(|key| WildMatch::new(key)).collect());
                    }
                    _ => bail!("{sid}: condition {operator} on {key} is not known"),
                }
            }
        }
        // Actions are compared without regard to case.
        let actions = action.into_vec().iter().map(|action| WildMatch::new_case_insensitive(action)).collect();
        Ok(Self { actions, resources: resource.into_vec().iter().map(|resource| WildMatch::new(resource)).collect(), tag_keys })
    }

    fn allows(&self, action: &str, resource: &str, tag_keys: &[&str]) -> bool {
        self.actions.iter().any(|allowed| allowed.matches(action))
            && self.resources.iter().any(|allowed| allowed.matches(resource))
            && self
                .tag_keys
                .as_ref()
                .is_none_or(|allowed| tag_keys.iter().all(|key| allowed.iter().any(|known| known.matches(key))))
    }
}

/// The refusal of a call that none of the caller's policies allows.
pub(super) fn refusal(request: &Request, policies: &[Policy]) -> Option<ServiceError> {
    let action = format!("{}:{}", request.service, request.action);
    // It needs no permission (STS API reference, GetCallerIdentity).
    if action == "sts:GetCallerIdentity" {
        return None;
    }
    let tag_keys = tag_keys(request);
    let allowed = |action: &str, resource: &str| policies.iter().any(|policy| policy.allows(action, resource, &tag_keys));
    if let Some(denied) = resources(request).iter().find(|resource| !allowed(&action, resource)) {
        return Some(ServiceError::not_authorized(request, denied));
    }
    if let Some((action, resource)) = permissions::besides(request).iter().find(|(action, on)| !allowed(action, on)) {
        return Some(ServiceError::not_authorized_to(request, action, resource));
    }
    // ELB's words: awslabs/kubeflow-manifests#18.
    user_pools(request)
        .iter()
        .any(|pool| !allowed(COGNITO, pool))
        .then(|| ServiceError::new("InvalidLoadBalancerAction", "User is not authorized to perform 'describeUserPoolClient'"))
}

/// What a call needs to be allowed on: every resource it names, or `*` where the action has no resources.
fn resources(request: &Request) -> Vec<String> {
    let named: Vec<String> = match (request.service.as_str(), request.action.as_str()) {
        ("elasticloadbalancing", "AddTags" | "RemoveTags") => owned(request.list("ResourceArns")),
        ("elasticloadbalancing", "ModifyListener") => owned(request.query("ListenerArn")),
        ("elasticloadbalancing", "ModifyRule") => owned(request.query("RuleArn")),
        ("ecs", "DescribeServices") => services(request),
        ("codepipeline", action) if !action.starts_with("PutJob") => pipelines(request),
        ("cloudformation", _) => stacks(request),
        ("dynamodb", _) => tables(request),
        ("codeconnections", _) => owned(request.json("ConnectionArn").and_then(|arn| arn.as_str())),
        ("iam", "SimulatePrincipalPolicy") => owned(request.query("PolicySourceArn")),
        ("iam", "CreateServiceLinkedRole") => service_linked_role(request),
        ("ecs" | "ecr" | "logs" | "scheduler", _) => permissions::resources(request),
        _ => return vec!["*".to_owned()],
    };
    // A call that names nothing is the service's to refuse, after a policy has allowed it on something.
    if named.is_empty() { vec!["*".to_owned()] } else { named }
}

/// A stack is named, or given by its ARN, which ends in an id of its own.
fn stacks(request: &Request) -> Vec<String> {
    let arn = |name: &str| match name.starts_with("arn:") {
        true => name.to_owned(),
        false => format!("arn:aws:cloudformation:{}:{}:stack/{name}/id", request.region, request.caller.account),
    };
    request.query("StackName").map(arn).into_iter().collect()
}

/// A table is named; BatchWriteItem names each one with what is written to it.
fn tables(request: &Request) -> Vec<String> {
    let named = request.json("TableName").and_then(|name| name.as_str());
    let written = request.json("RequestItems").and_then(|items| items.as_object()).into_iter().flat_map(|items| items.keys());
    let arn = |name: &str| format!("arn:aws:dynamodb:{}:{}:table/{name}", request.region, request.caller.account);
    named.into_iter().chain(written.map(String::as_str)).map(arn).collect()
}

fn service_linked_role(request: &Request) -> Vec<String> {
    let arn = |service| format!("arn:aws:iam::{}:role/aws-service-role/{service}/AWSServiceRole", request.caller.account);
    request.query("AWSServiceName").map(arn).into_iter().collect()
}

/// A pipeline, or one of its actions where an approval is answered (service authorization reference, "AWS CodePipeline").
fn pipelines(request: &Request) -> Vec<String> {
    let text = |name: &str| request.json(name).and_then(|value| value.as_str()).unwrap_or_default();
    let names = ["name", "pipelineName", "stageName", "actionName"].map(text);
    let parts: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    vec![format!("arn:aws:codepipeline:{}:{}:{}", request.region, request.caller.account, parts.join("/"))]
}

fn owned<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

/// The ARNs of the services that DescribeServices names, by ARN or by name.
fn services(request: &Request) -> Vec<String> {
    let Request { region, caller, .. } = request;
    let cluster = request.json("cluster").and_then(|cluster| cluster.as_str()).unwrap_or("default");
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    let names = request.json("services").and_then(|services| services.as_array()).into_iter().flatten();
    let arn = |name: &str| match name {
        arn if arn.starts_with("arn:") => arn.to_owned(),
        name => format!("arn:aws:ecs:{region}:{}:service/{cluster}/{name}", caller.account),
    };
    names.filter_map(|name| name.as_str()).map(arn).collect()
}

/// `aws:TagKeys`.
fn tag_keys(request: &Request) -> Vec<&str> {
    values(request, |name| name.starts_with("Tags.member.") && name.ends_with(".Key"))
}

/// The user pools of every sign-in action that the call writes.
fn user_pools(request: &Request) -> Vec<&str> {
    values(request, |name| name.ends_with(".AuthenticateCognitoConfig.UserPoolArn"))
}

fn values(request: &Request, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    let Parameters::Query(pairs) = &request.parameters else { return Vec::new() };
    pairs.iter().filter(|(name, _)| wanted(name)).map(|(_, value)| value.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::Policy;

    fn policy(operator: &str, keys: &str) -> anyhow::Result<Policy> {
        let statement = format!(
            r#"{{"Sid":"Tag","Effect":"Allow","Action":"elasticloadbalancing:AddTags","Resource":"*",
                "Condition":{{"{operator}":{{"aws:TagKeys":{keys}}}}}}}"#
        );
        Policy::read(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#), "1", "eu-central-1")
    }

    #[test]
    fn a_tag_key_is_allowed_by_its_name_or_by_a_wildcard() -> anyhow::Result<()> {
        let add = |policy: &Policy, keys: &[&str]| policy.allows("elasticloadbalancing:AddTags", "any", keys);
        let like = policy("ForAllValues:StringLike", r#"["bluegreen:*","Image"]"#)?;
        assert!(add(&like, &["bluegreen:flip.1.2", "Image"]) && add(&like, &[]));
        assert!(!add(&like, &["bluegreen:flip.1.2", "Team"]) && !add(&like, &["Images"]));
        let equals = policy("ForAllValues:StringEquals", r#"["Image"]"#)?;
        assert!(add(&equals, &["Image"]) && !add(&equals, &["image"]));
        Ok(())
    }

    #[test]
    fn what_could_allow_by_mistake_is_no_policy() {
        assert!(policy("ForAllValues:StringEquals", r#"["bluegreen:*"]"#).is_err());
        assert!(policy("StringLike", r#"["bluegreen:*"]"#).is_err());
    }
}
