//! Who gets the roles of `ci-access.yaml`: its trust policies, evaluated on the claims of eight jobs.

use serde_json::{Value, json};
use wildmatch::WildMatch;

use crate::stacks::templates::{read, statements_of};

/// A GitLab job's claims: project, kind of reference, reference, audience.
fn gitlab(project: &str, kind: &str, reference: &str, audience: &str) -> Value {
    json!({ "gitlab.com:sub": format!("project_path:{project}:ref_type:{kind}:ref:{reference}"), "gitlab.com:aud": audience })
}

/// A GitHub job's claims: repository, what the subject says besides, audience.
fn github(repository: &str, rest: &str, audience: &str) -> Value {
    let issuer = "token.actions.githubusercontent.com";
    json!({ (format!("{issuer}:sub")): format!("repo:{repository}:{rest}"), (format!("{issuer}:aud")): audience })
}

/// Whether STS lets a job with these claims have the role, made for this subject.
fn trusts(role: &str, subject: &str, claims: &Value) -> bool {
    let statements = statements_of(&read("ci-access")["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]);
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0]["Action"], "sts:AssumeRoleWithWebIdentity");
    let mut keys = 0;
    let fits = statements[0]["Condition"].as_object().unwrap().iter().all(|(operator, wanted)| {
        wanted.as_object().unwrap().iter().all(|(key, value)| {
            keys += 1;
            let wanted = if value["Ref"] == "Subject" { subject } else { value.as_str().unwrap() };
            let Some(claim) = claims[key].as_str() else { return false };
            match operator.as_str() {
                "StringEquals" => claim == wanted,
                "StringLike" => WildMatch::new(wanted).matches(claim),
                other => panic!("the operator {other} is not known here"),
            }
        })
    });
    assert!(keys >= 1);
    fits
}

/// Of these claim sets the first alone is trusted.
#[track_caller]
fn first_alone(role: &str, subject: &str, claims: [Value; 8]) {
    let trusted: Vec<bool> = claims.iter().map(|claims| trusts(role, subject, claims)).collect();
    let first = [true, false, false, false, false, false, false, false];
    assert_eq!(trusted, first, "{role} for {subject}: {claims:#?}");
}

#[test]
fn gitlabs_role_is_for_one_branch_of_one_project() {
    let aud = "https://gitlab.com";
    let claims = [
        gitlab("group/shop", "branch", "main", aud),
        gitlab("fork/shop", "branch", "main", aud),
        gitlab("group/shop", "branch", "other", aud),
        gitlab("group/shop", "branch", "main2", aud),
        gitlab("group/shop2", "branch", "main", aud),
        gitlab("group/shop", "tag", "main", aud),
        gitlab("group/shop", "branch", "main", "https://elsewhere.example"),
        github("group/shop", "ref:refs/heads/main", aud),
    ];
    first_alone("GitlabRole", "project_path:group/shop:ref_type:branch:ref:main", claims);
}

#[test]
fn gitlabs_role_for_tags_is_for_no_branch() {
    let aud = "https://gitlab.com";
    let claims = [
        gitlab("group/shop", "tag", "v1.0.0", aud),
        gitlab("fork/shop", "tag", "v1.0.0", aud),
        gitlab("group/shop", "branch", "v1.0.0", aud),
        gitlab("group/shop", "branch", "main", aud),
        gitlab("group/shop", "tag", "nightly", aud),
        gitlab("group/shop2", "tag", "v1.0.0", aud),
        gitlab("group/shop", "tag", "v1.0.0", "sts.amazonaws.com"),
        github("group/shop", "ref:refs/tags/v1.0.0", aud),
    ];
    first_alone("GitlabRole", "project_path:group/shop:ref_type:tag:ref:v*", claims);
}

#[test]
fn githubs_role_is_for_one_environment_of_one_repository() {
    let aud = "sts.amazonaws.com";
    let claims = [
        github("acme/shop", "environment:prod", aud),
        github("fork/shop", "environment:prod", aud),
        github("acme/shop", "environment:dev", aud),
        github("acme/shop", "ref:refs/heads/main", aud),
        github("acme/shop", "pull_request", aud),
        github("acme/shop2", "environment:prod", aud),
        github("acme/shop", "environment:prod", "https://github.com/acme"),
        gitlab("acme/shop", "branch", "main", aud),
    ];
    first_alone("GithubRole", "repo:acme/shop:environment:prod", claims);
}
