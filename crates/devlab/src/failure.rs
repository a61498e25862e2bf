//! How a command fails: with words, and with an exit code that a script can use.

use devlab_api::client::ClientError;

/// Exit codes, as `devlab --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The thing itself failed.
    Failed = 1,
    /// The command line or the settings are wrong.
    Usage = 2,
    /// No lab answers.
    Unreachable = 3,
    /// The token is missing, unknown, or not allowed to.
    NotAllowed = 4,
    /// There is no such thing.
    NotFound = 5,
    /// It took too long.
    Timeout = 6,
    /// The work is done, and waits for a person's review.
    Review = 7,
}

/// A failure with its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    #[expect(
        clippy::new_ret_no_self,
        reason = "failures travel as anyhow's errors, with context around them"
    )]
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> anyhow::Error {
        let text = text.into();
        Self { exit, text }.into()
    }

    pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
        Self::new(Exit::Usage, text)
    }

    pub(crate) fn not_found(text: impl Into<String>) -> anyhow::Error {
        Self::new(Exit::NotFound, text)
    }
}

/// The exit code of an error: that of the first cause that has one.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.exit;
        }
        if let Some(client) = cause.downcast_ref::<ClientError>() {
            return exit_of_client(client);
        }
    }
    Exit::Failed
}

fn exit_of_client(error: &ClientError) -> Exit {
    match error {
        ClientError::Unauthorized(_) => Exit::NotAllowed,
        ClientError::Problem { problem, .. } => match problem.status {
            403 => Exit::NotAllowed,
            404 => Exit::NotFound,
            408 | 504 => Exit::Timeout,
            400 | 413 | 422 => Exit::Usage,
            _ => Exit::Failed,
        },
        ClientError::Transport { .. } | ClientError::Foreign { .. } => Exit::Unreachable,
        ClientError::Decode { .. } => Exit::Failed,
        ClientError::Config(_) => Exit::Usage,
    }
}

/// What a person reads: what went wrong, each cause once, and what to do.
pub(crate) fn words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause_text = text_of(cause);
        if text.is_empty() {
            text = cause_text;
        } else if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
    }
    match help(error) {
        Some(help) => format!("{text}\n  → {help}"),
        None => text,
    }
}

/// One cause; what the server says of a field names the field.
fn text_of(cause: &(dyn std::error::Error + 'static)) -> String {
    let client = cause.downcast_ref::<ClientError>();
    match client.and_then(ClientError::problem) {
        Some(problem) => match &problem.field {
            Some(field) => format!("{field}: {}", problem.detail),
            None => problem.detail.clone(),
        },
        None => cause.to_string(),
    }
}

fn help(error: &anyhow::Error) -> Option<String> {
    let client = error
        .chain()
        .find_map(|c| c.downcast_ref::<ClientError>())?;
    match client {
        ClientError::Unauthorized(_) => Some(
            "give a token with --token or DEVLAB_TOKEN; on the lab's own machine `devlab up` \
             writes one into credentials.json"
                .to_owned(),
        ),
        ClientError::Problem { problem, .. } => {
            Some(format!("{} (request {})", problem.help, problem.request_id))
        }
        ClientError::Transport { .. } => Some(
            "is the lab running? `devlab up` starts one here; --url or DEVLAB_URL names another"
                .to_owned(),
        ),
        ClientError::Foreign { .. } => Some("is that the address of a lab?".to_owned()),
        ClientError::Decode { .. } | ClientError::Config(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn context_does_not_hide_the_exit_code() {
        let error = Failure::not_found("no such task");
        let error = Err::<(), _>(error).context("while looking").unwrap_err();
        assert_eq!(exit_of(&error), Exit::NotFound);
        assert_eq!(words(&error), "while looking: no such task");
        assert_eq!(exit_of(&anyhow::anyhow!("x")), Exit::Failed);
    }
}
