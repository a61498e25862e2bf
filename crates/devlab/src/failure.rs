//! How a command fails: with words, and with an exit code that a script can use.

use devlab_api::client::ClientError;
use serde::Serialize;

/// Stands between what went wrong and what to do.
const ARROW: &str = "\n  → ";

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
    /// No agent of the lab can do it.
    NoAgent = 8,
    /// A person stopped it with Ctrl-C, whose end may have been orderly (128 + SIGINT, as a shell's).
    Interrupted = 130,
}

impl Exit {
    /// Its word for programs, where no server gave a better one.
    fn code(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Unreachable => "unreachable",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::Timeout => "timeout",
            Self::Review => "review",
            Self::NoAgent => "no_agent",
            Self::Interrupted => "interrupted",
        }
    }
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
        // The request itself is wrong, as with any other mistake in a graph.
        ClientError::Problem { problem, .. } if problem.code == "cycle" => Exit::Usage,
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
    let text = causes(error);
    match (help(error), request(error)) {
        (Some(help), Some(request)) => format!("{text}{ARROW}{help} (request {request})"),
        (Some(help), None) => format!("{text}{ARROW}{help}"),
        (None, _) => text,
    }
}

/// What a program reads: one object on standard error.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// The server's stable code, or the name of the exit code.
    pub(crate) code: String,
    /// What went wrong.
    pub(crate) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
    /// The request, if a server refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    pub(crate) exit_code: u8,
}

/// A failure for programs.
pub(crate) fn report(error: &anyhow::Error) -> Report {
    let exit = exit_of(error);
    let text = causes(error);
    let (message, own_help) = match text.split_once(ARROW) {
        Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
        None => (text, None),
    };
    let code = client(error).and_then(ClientError::code);
    Report {
        code: code.unwrap_or(exit.code()).to_owned(),
        message,
        help: own_help.or_else(|| help(error)),
        request_id: request(error),
        exit_code: exit as u8,
    }
}

/// What the parser of the command line says, for programs.
pub(crate) fn report_of_parser(error: &clap::Error) -> Report {
    let text = error.render().to_string();
    let (message, help) = text.split_once("\n\n").unwrap_or((text.as_str(), ""));
    let help = help.trim();
    Report {
        code: Exit::Usage.code().to_owned(),
        message: message.trim_start_matches("error: ").trim().to_owned(),
        help: (!help.is_empty()).then(|| help.to_owned()),
        request_id: None,
        exit_code: Exit::Usage as u8,
    }
}

/// Each cause once.
fn causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause_text = text_of(cause);
        if text.is_empty() {
            text = cause_text;
        } else if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
    }
    text
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

/// Whether a server wants to know which org is meant.
pub(crate) fn asks_for_org(error: &anyhow::Error) -> bool {
    let problem = client(error).and_then(ClientError::problem);
    problem.is_some_and(|problem| {
        problem.code == "invalid"
            && problem.field.as_deref() == Some("org")
            && problem.detail.starts_with("say which org")
    })
}

fn client(error: &anyhow::Error) -> Option<&ClientError> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

/// The request that a server refused.
fn request(error: &anyhow::Error) -> Option<String> {
    let problem = client(error)?.problem()?;
    Some(problem.request_id.clone())
}

fn help(error: &anyhow::Error) -> Option<String> {
    match client(error)? {
        ClientError::Unauthorized(_) => Some(
            "give a token with --token or DEVLAB_TOKEN; on the lab's own machine `devlab up` \
             writes one into credentials.json"
                .to_owned(),
        ),
        ClientError::Problem { problem, .. } => Some(problem.help.clone()),
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

    #[test]
    fn a_program_gets_the_parts() {
        let error = Failure::not_found("no such task\n  → look again");
        assert_eq!(
            report(&error),
            Report {
                code: "not_found".to_owned(),
                message: "no such task".to_owned(),
                help: Some("look again".to_owned()),
                request_id: None,
                exit_code: 5,
            }
        );
    }

    #[test]
    fn a_refused_graph_is_wrong_usage_and_its_place_is_named_once() {
        let problem = devlab_api::problem::Problem {
            kind: "/docs#problem-cycle".to_owned(),
            status: 409,
            code: "cycle".to_owned(),
            title: "t".to_owned(),
            detail: "this dependency would make a cycle".to_owned(),
            help: "leave it out".to_owned(),
            request_id: "r1".to_owned(),
            field: Some("tasks[0].depends_on".to_owned()),
            expected_offset: None,
            problems: Vec::new(),
        };
        let error = anyhow::Error::from(ClientError::Problem {
            problem: Box::new(problem),
            retry_after: None,
        });
        assert_eq!(exit_of(&error), Exit::Usage);
        assert_eq!(
            words(&error),
            "tasks[0].depends_on: this dependency would make a cycle\n  → leave it out (request r1)"
        );
        assert_eq!(report(&error).request_id.as_deref(), Some("r1"));
    }
}
