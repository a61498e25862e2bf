//! Why a call did not work.

use std::time::Duration;

use crate::problem::Problem;

/// Why a call did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server wants a token, or does not know this one (401).
    #[error("{}", .0.detail)]
    Unauthorized(Box<Problem>),
    /// The server said no, or could not, and says why.
    #[error("{}", .problem.detail)]
    Problem {
        /// Its words.
        problem: Box<Problem>,
        /// When to come again, if it said so.
        retry_after: Option<Duration>,
    },
    /// Something that is not devlab answered, such as a proxy.
    #[error("{server} answered with HTTP {status}, but not as devlab does: {start}")]
    Foreign {
        /// The address that was called.
        server: String,
        /// The status.
        status: u16,
        /// Beginning of its answer.
        start: String,
    },
    /// No answer, or not all of it. The server may or may not have done what was asked.
    #[error("cannot talk to {server}: {what}")]
    Transport {
        /// The address that was called.
        server: String,
        /// In words: `no connection`, `no answer in time`, `the answer broke off`.
        what: &'static str,
        /// Cause; absent for a time limit of the client's own.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The answer is not what this client understands: its version differs from the server's.
    #[error("cannot understand the answer to {route}: {detail}")]
    Decode {
        /// Method and path.
        route: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The call cannot be made at all.
    #[error("{0}")]
    Config(String),
}

impl ClientError {
    pub(crate) fn config(text: impl Into<String>) -> Self {
        Self::Config(text.into())
    }

    /// Whether the same call may work later without a change. It may have taken effect already:
    /// repeat only what the server recognises (a claim id, an attempt, an offset, a key).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Problem { problem, .. } => status_is_retryable(problem.status),
            Self::Foreign { status, .. } => status_is_retryable(*status),
            Self::Transport { source, .. } => {
                source.as_ref().is_none_or(|source| !source.is_builder())
            }
            Self::Unauthorized(_) | Self::Decode { .. } | Self::Config(_) => false,
        }
    }

    /// The server's stable code, such as `stale_attempt`, if it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// The server's whole answer, if it gave one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Unauthorized(problem) | Self::Problem { problem, .. } => Some(problem),
            Self::Foreign { .. }
            | Self::Transport { .. }
            | Self::Decode { .. }
            | Self::Config(_) => None,
        }
    }

    /// When the server asked to be called again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            Self::Unauthorized(_)
            | Self::Foreign { .. }
            | Self::Transport { .. }
            | Self::Decode { .. }
            | Self::Config(_) => None,
        }
    }

    /// Whether no connection came about, so that nothing can have happened.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        match self {
            Self::Transport { source, .. } => {
                source.as_ref().is_some_and(reqwest::Error::is_connect)
            }
            Self::Unauthorized(_)
            | Self::Problem { .. }
            | Self::Foreign { .. }
            | Self::Decode { .. }
            | Self::Config(_) => false,
        }
    }
}

/// 408, 425 and 429 speak of this moment, as do all server errors except "not implemented"
/// (RFC 9110 §15).
fn status_is_retryable(status: u16) -> bool {
    matches!(status, 408 | 425 | 429) || (status >= 500 && status != 501)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, code: &str) -> ClientError {
        ClientError::Problem {
            problem: Box::new(Problem {
                kind: format!("/docs#problem-{code}"),
                status,
                code: code.to_owned(),
                title: "t".to_owned(),
                detail: "d".to_owned(),
                help: "h".to_owned(),
                request_id: "r".to_owned(),
                field: None,
                expected_offset: None,
                problems: Vec::new(),
            }),
            retry_after: None,
        }
    }

    #[test]
    fn only_what_may_pass_is_retryable() {
        for (status, expected) in [
            (400, false),
            (404, false),
            (408, true),
            (409, false),
            (422, false),
            (429, true),
            (500, true),
            (501, false),
            (503, true),
        ] {
            assert_eq!(problem(status, "x").is_retryable(), expected, "{status}");
        }
    }

    #[test]
    fn the_code_is_the_servers() {
        assert_eq!(problem(409, "stale_attempt").code(), Some("stale_attempt"));
        assert_eq!(ClientError::config("no").code(), None);
    }
}
