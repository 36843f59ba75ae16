//! Which roles whoever calls may pass to ECS: what registering a task definition needs besides its own permission.
//!
//! Sources: STS API reference, GetCallerIdentity; IAM API reference, SimulatePrincipalPolicy; Amazon ECS developer guide,
//! "iam:PassRole".

use aws_config::SdkConfig;
use aws_smithy_xml::decode::{XmlDecodeError, try_data};

use super::call::Caller;
use super::failure::AwsFailure;
use super::query::{self, children, result};
use super::wire::Service;

const STS: Service = Service { host: "sts", global: false, signing: "sts", id: "STS" };
const IAM: Service = Service { host: "iam", global: true, signing: "iam", id: "IAM" };
/// The action that answers, as a policy names it.
pub const ACTION: &str = "iam:SimulatePrincipalPolicy";

/// Of these roles, the ones that whoever calls may not pass to ECS's tasks, by ARN; and who that is.
///
/// # Errors
/// An [`AwsFailure`]; `NoSuchEntity` for a role with a path, which a session's ARN does not tell, and `InvalidInput` for the
/// account's root.
pub async fn not_passed(config: &SdkConfig, caller: &Caller, roles: &[&str]) -> Result<(String, Vec<String>), AwsFailure> {
    let (action, sts) = ("sts:GetCallerIdentity", (&STS, "2011-06-15"));
    let arn = query::call(config, caller, sts, (action, "the caller"), &[], caller_arn).await?;
    let arn = arn.ok_or_else(|| AwsFailure::incomplete(action, "the caller", "Arn"))?;
    let principal = principal(&arn);
    let mut denied = Vec::new();
    for role in roles {
        let asked = [
            ("PolicySourceArn", principal.as_str()),
            ("ActionNames.member.1", "iam:PassRole"),
            ("ResourceArns.member.1", role),
            ("ContextEntries.member.1.ContextKeyName", "iam:PassedToService"),
            ("ContextEntries.member.1.ContextKeyType", "string"),
            ("ContextEntries.member.1.ContextKeyValues.member.1", "ecs-tasks.amazonaws.com"),
        ];
        let decision = query::call(config, caller, (&IAM, "2010-05-08"), (ACTION, &principal), &asked, decision).await?;
        let decision = decision.ok_or_else(|| AwsFailure::incomplete(ACTION, &principal, "EvalDecision"))?;
        if decision != "allowed" {
            denied.push((*role).to_owned());
        }
    }
    Ok((principal, denied))
}

/// The role behind a session, `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`; anybody else is who they are.
fn principal(arn: &str) -> String {
    let role = arn.split_once(":assumed-role/").and_then(|(head, rest)| Some((head, rest.split_once('/')?.0)));
    role.map_or_else(|| arn.to_owned(), |(head, role)| format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
}

fn caller_arn(text: &str) -> Result<Option<String>, XmlDecodeError> {
    let mut arn = None;
    result(text, &mut |name, inside| {
        if name == "Arn" {
            arn = Some(try_data(inside)?.into_owned());
        }
        Ok(())
    })?;
    Ok(arn)
}

fn decision(text: &str) -> Result<Option<String>, XmlDecodeError> {
    let mut decision = None;
    result(text, &mut |name, inside| match name {
        "EvaluationResults" => query::each(inside, "member", &mut |member| {
            children(member, &mut |name, inside| {
                if name == "EvalDecision" {
                    decision = Some(try_data(inside)?.into_owned());
                }
                Ok(())
            })
        }),
        _ => Ok(()),
    })?;
    Ok(decision)
}

#[cfg(test)]
mod tests {
    use super::principal;

    #[test]
    fn a_session_is_its_role_and_anybody_else_is_who_they_are() {
        assert_eq!(principal("arn:aws:sts::111122223333:assumed-role/deploy/ci-7"), "arn:aws:iam::111122223333:role/deploy");
        assert_eq!(principal("arn:aws-cn:sts::1:assumed-role/a/b"), "arn:aws-cn:iam::1:role/a");
        assert_eq!(principal("arn:aws:iam::111122223333:user/ci"), "arn:aws:iam::111122223333:user/ci");
    }
}
