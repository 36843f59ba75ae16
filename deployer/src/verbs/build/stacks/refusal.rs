//! Why a release of stacks is refused. Exit code 3.

use thiserror::Error;

/// What is wrong with a stack or with a new template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StackRefusal {
    /// A stack that cannot be updated as it is.
    #[error("stack {stack} is {status}{}; expected one whose last operation has ended and that can be updated. {}", because(.reason), next(.stack, .status))]
    Status {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// CloudFormation's reason.
        reason: Option<String>,
    },
    /// The live side's stack is not there, and the other one is.
    #[error(
        "the live side is {side}, and its stack {stack} is not there, while the other side's is: nothing tells what is live. \
         Restore the stack; or, where nothing serves production, delete the other one too, and both are deployed anew"
    )]
    Missing {
        /// The stack.
        stack: String,
        /// The live side.
        side: String,
    },
    /// A stack that says no image tag.
    #[error("stack {stack} has no parameter Tag (it has {}): it was not made from a template with that parameter", .known.join(", "))]
    NoTag {
        /// The stack.
        stack: String,
        /// Its parameters.
        known: Vec<String>,
    },
    /// A value that CloudFormation does not give back.
    #[error(
        "stack {stack} has a parameter {parameter} whose value CloudFormation masks (NoEcho): it could not be handed back. Take the secret by its ARN instead"
    )]
    Masked {
        /// The stack.
        stack: String,
        /// The parameter.
        parameter: String,
    },
    /// A template that would not mean the same when it is handed back.
    #[error(
        "{template} {what}: when the side is live, its template is handed back to it, and would mean something else then. {instead}"
    )]
    Unsteady {
        /// The template's file.
        template: String,
        /// What it holds.
        what: String,
        /// What to write instead.
        instead: &'static str,
    },
    /// The stack's tag and what else is known of the side do not agree.
    #[error("the stack of {side} has Tag = {tag}, but {other}. {fix}")]
    Differs {
        /// The side.
        side: String,
        /// Its tag.
        tag: String,
        /// What says otherwise, and what it says.
        other: String,
        /// What to do.
        fix: String,
    },
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().filter(|reason| !reason.is_empty()).map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// What ends the state that a stack is in.
fn next(stack: &str, status: &str) -> String {
    match status {
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" | "REVIEW_IN_PROGRESS" => {
            format!(
                "Its creation failed, so it holds nothing: delete it (`aws cloudformation delete-stack --stack-name {stack}`), then retry"
            )
        }
        "UPDATE_ROLLBACK_FAILED" => {
            format!("Continue it (`aws cloudformation continue-update-rollback --stack-name {stack}`), then retry")
        }
        _ => format!("Wait until it has ended (`aws cloudformation describe-stacks --stack-name {stack}`), then retry"),
    }
}
