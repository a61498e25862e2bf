//! Errors on the wire: RFC 9457 problem documents.
//!
//! A handler returns an [`ApiError`]. It travels as an extension of an empty response to the
//! [`crate::guard`], which knows the request's id, writes the document, and logs what is ours.

mod kind;

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use devlab_api::problem::{PROBLEM_JSON, Problem};
use devlab_core::error::StorageErrorKind;
use devlab_core::{Error, Refusal, ServerId, StorageError};
use devlab_orchestrator::{BlobError, BlobErrorKind};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use crate::context::RequestId;
pub use kind::Kind;

/// Result of a handler.
pub type Result<T> = std::result::Result<T, ApiError>;

/// Seconds after which a client tries again when the store is busy or down.
const STORE_RETRY_SECS: u64 = 1;

/// The same when the place of blobs is.
const BLOBS_RETRY_SECS: u64 = 5;

/// Why a request was not done.
#[derive(Debug, Clone)]
pub struct ApiError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    detail: Cow<'static, str>,
    field: Option<String>,
    expected_offset: Option<u64>,
    retry_after_secs: Option<u64>,
    problems: Vec<devlab_api::plan::PlanProblem>,
    /// Set if another server has to answer.
    home: Option<Option<ServerId>>,
    /// What the log gets and the caller does not.
    log: Option<String>,
}

impl ApiError {
    /// An error of a kind; the detail says what is wrong this time, and is shown to the caller.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            field: None,
            expected_offset: None,
            retry_after_secs: None,
            problems: Vec::new(),
            home: None,
            log: None,
        }))
    }

    /// Names the place in the request.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Names everything that is wrong with the input of a plan.
    #[must_use]
    pub fn problems(mut self, problems: Vec<devlab_api::plan::PlanProblem>) -> Self {
        self.0.problems = problems;
        self
    }

    /// Tells the caller when to try again.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.0.retry_after_secs = Some(secs);
        self
    }

    /// A defect or trouble of the server: the caller learns only that, the log gets the rest.
    #[must_use]
    pub fn internal(log: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::INTERNAL, "the server failed to do this");
        error.0.log = Some(log.into());
        error
    }

    /// The place of blobs failed. What it said may hold addresses and paths: it goes to the log only.
    pub(crate) fn of_blobs(error: &BlobError) -> Self {
        let (kind, detail) = match error.kind {
            BlobErrorKind::Mismatch => (Kind::INVALID, "these bytes have another SHA-256"),
            BlobErrorKind::Source => (Kind::BAD_REQUEST, "the body ended before its end"),
            BlobErrorKind::Full => (Kind::UNAVAILABLE, "the place of blobs is full"),
            BlobErrorKind::Denied => (Kind::UNAVAILABLE, "the place of blobs refuses devlab"),
            BlobErrorKind::Unreachable => (Kind::UNAVAILABLE, "the place of blobs does not answer"),
            BlobErrorKind::Missing | BlobErrorKind::Damaged => {
                return Self::internal(error.to_string());
            }
            BlobErrorKind::Config | BlobErrorKind::Other => {
                (Kind::UNAVAILABLE, "the place of blobs failed")
            }
        };
        let mut problem = Self::new(kind, detail);
        if kind == Kind::UNAVAILABLE {
            problem = problem.retry_after(BLOBS_RETRY_SECS);
            problem.0.log = Some(error.to_string());
        }
        problem
    }

    /// There is no such thing, or the caller may not know that there is: the same words for both.
    #[must_use]
    pub fn not_found(what: &'static str) -> Self {
        Refusal::NotFound(what).into()
    }

    /// Another server has the repository; `None` if it is not known which.
    #[must_use]
    pub fn elsewhere(home: Option<ServerId>) -> Self {
        let detail = "another server has the repository of this project";
        let mut error = Self::new(Kind::NOT_HOME, detail).retry_after(STORE_RETRY_SECS);
        error.0.home = Some(home);
        error
    }

    /// Which server has to answer instead, if one has to.
    pub(crate) fn home(&self) -> Option<Option<ServerId>> {
        self.0.home
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What the log gets, if it is trouble of the server.
    pub(crate) fn log(&self) -> Option<&str> {
        self.0.log.as_deref()
    }

    /// The document, as it is sent.
    pub(crate) fn document(&self, request_id: &RequestId) -> Vec<u8> {
        let kind = self.0.kind;
        let problem = Problem {
            kind: format!("/docs#problem-{}", kind.code()),
            status: kind.status().as_u16(),
            code: kind.code().to_owned(),
            title: kind.title().to_owned(),
            detail: self.0.detail.clone().into_owned(),
            help: kind.help().to_owned(),
            request_id: request_id.as_str().to_owned(),
            field: self.0.field.clone(),
            expected_offset: self.0.expected_offset,
            problems: self.0.problems.clone(),
        };
        // A struct of texts and numbers always serialises.
        serde_json::to_vec(&problem).unwrap_or_default()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::new(Kind::of(&refusal), refusal.to_string());
        match refusal {
            Refusal::Invalid { field, problem } => {
                error.0.detail = problem.into();
                error.0.field = Some(field);
            }
            // The field stands beside the detail: words that name it too would say it twice.
            Refusal::Cycle { field } => {
                error.0.detail = "this dependency would make a cycle".into();
                error.0.field = Some(field);
            }
            Refusal::LogGap { expected } => error.0.expected_offset = Some(expected),
            Refusal::NotHome => error.0.retry_after_secs = Some(STORE_RETRY_SECS),
            Refusal::NotFound(_)
            | Refusal::Gone(_)
            | Refusal::NameTaken { .. }
            | Refusal::StaleAttempt
            | Refusal::TaskCancelled
            | Refusal::BadState { .. }
            | Refusal::Limit { .. }
            | Refusal::Outdated(_)
            | Refusal::IdempotencyMismatch
            | Refusal::NotPushed(_)
            | Refusal::WrongBlobs(_)
            | Refusal::Conflict(_)
            | Refusal::Forbidden => {}
        }
        error
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        // The database's own words may hold paths and statements: they go to the log only.
        let detail = match error.kind {
            StorageErrorKind::Full => "the disk that holds the database is full",
            StorageErrorKind::ReadOnly => "the database cannot be written",
            StorageErrorKind::Corrupt => "the database is damaged",
            StorageErrorKind::Busy => "the database has too much work waiting",
            StorageErrorKind::TooNew => "the database was written by a newer devlab",
            StorageErrorKind::Closed => "the server is shutting down",
            StorageErrorKind::Away => "the database is away",
            StorageErrorKind::Other => "the database failed",
        };
        let mut problem = Self::new(Kind::UNAVAILABLE, detail).retry_after(STORE_RETRY_SECS);
        problem.0.log = Some(error.to_string());
        problem
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Storage(storage) => storage.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.kind().status().into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(secs) = self.0.retry_after_secs {
            headers.insert(RETRY_AFTER, secs.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The error of a response that has a status and no document of ours.
pub(crate) fn of_status(status: StatusCode) -> ApiError {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(
            Kind::METHOD_NOT_ALLOWED,
            "this path does not know the method",
        ),
        StatusCode::NOT_FOUND => ApiError::new(Kind::NOT_FOUND, "there is no such path"),
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(Kind::BODY_TOO_LARGE, "the body is too large")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(Kind::UNSUPPORTED_MEDIA_TYPE, "the body has another type")
        }
        StatusCode::UNPROCESSABLE_ENTITY => {
            ApiError::new(Kind::INVALID, "a value is not acceptable")
        }
        status if status.is_client_error() => {
            ApiError::new(Kind::BAD_REQUEST, "the request is not understood")
        }
        status => ApiError::internal(format!("a handler answered {status} without a reason")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(error: &ApiError) -> Problem {
        let id = RequestId::from_text("r-1");
        serde_json::from_slice(&error.document(&id)).unwrap()
    }

    #[test]
    fn a_refused_value_names_its_place() {
        let problem = document(&Refusal::invalid("tasks[3].key", "is used twice").into());
        assert_eq!((problem.status, problem.code.as_str()), (422, "invalid"));
        assert_eq!(problem.field.as_deref(), Some("tasks[3].key"));
        assert_eq!(problem.detail, "is used twice");
        assert_eq!(problem.request_id, "r-1");
        assert!(!problem.help.is_empty());
    }

    #[test]
    fn a_place_is_named_once() {
        let cycle = Refusal::Cycle {
            field: "tasks[0].depends_on".to_owned(),
        };
        let problem = document(&cycle.into());
        assert_eq!((problem.status, problem.code.as_str()), (409, "cycle"));
        assert_eq!(problem.field.as_deref(), Some("tasks[0].depends_on"));
        assert_eq!(problem.detail, "this dependency would make a cycle");
    }

    #[test]
    fn a_gap_tells_where_the_log_goes_on() {
        let problem = document(&Refusal::LogGap { expected: 42 }.into());
        assert_eq!((problem.status, problem.expected_offset), (409, Some(42)));
    }

    #[test]
    fn what_the_database_said_stays_in_the_log() {
        let error: ApiError = Error::Storage(StorageError::new(
            StorageErrorKind::Full,
            "disk I/O error in /srv/lab.db",
        ))
        .into();
        let problem = document(&error);
        assert_eq!(problem.status, 503);
        assert!(!problem.detail.contains("/srv"), "{}", problem.detail);
        assert!(error.log().unwrap().contains("/srv/lab.db"));
        assert_eq!(error.into_response().headers()[RETRY_AFTER], "1");
    }
}
