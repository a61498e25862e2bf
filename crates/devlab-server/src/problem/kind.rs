//! Kinds of problems: status, stable code, and words.

use devlab_core::Refusal;
use hyper::StatusCode;

/// A kind of problem. Its code never changes; clients match on it.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    help: &'static str,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Kind {}

impl Kind {
    const fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            status,
            code,
            title,
            help,
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.status
    }

    /// Its code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.code
    }

    /// What it is, in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.title
    }

    /// What a caller can do about it.
    #[must_use]
    pub fn help(self) -> &'static str {
        self.help
    }

    /// The request line or a header is not understood.
    pub const BAD_REQUEST: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "The request is not understood",
        "Correct the path or header that the detail names.",
    );
    /// The body is not JSON.
    pub const MALFORMED_JSON: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "malformed_json",
        "The body is not JSON",
        "Send one JSON document in UTF-8 that is not nested more than 128 deep.",
    );
    /// The server does not do this.
    pub const WRONG_SERVER: Self = Self::new(
        StatusCode::MISDIRECTED_REQUEST,
        "wrong_server",
        "This server does not answer that",
        "Ask a server with the role api; \"devlab peers\" shows them.",
    );
    /// There is no valid token.
    pub const UNAUTHORIZED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "A valid token is needed",
        "Send a token as \"Authorization: Bearer …\" or \"X-Auth-Token: …\"; \
         \"devlab token create\" makes one.",
    );
    /// The token may not do this.
    pub const FORBIDDEN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "This token may not do that",
        "Use a token with one of the roles that the API page names for this route.",
    );
    /// No such thing, or not for this caller.
    pub const NOT_FOUND: Self = Self::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is no such thing",
        "Check the id or name, and that the token belongs to its org.",
    );
    /// Its bytes were removed by the rules of retention.
    pub const GONE: Self = Self::new(
        StatusCode::GONE,
        "gone",
        "The bytes are not kept any more",
        "What was recorded of them stays; the bytes are in backups at most.",
    );
    /// There are no such bytes.
    pub const RANGE: Self = Self::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "range_not_satisfiable",
        "There are no such bytes",
        "Ask for a range within the length that the detail names.",
    );
    /// The path knows other methods.
    pub const METHOD_NOT_ALLOWED: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This path does not know the method",
        "Use a method from the Allow header.",
    );
    /// The body took too long.
    pub const REQUEST_TIMEOUT: Self = Self::new(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "The body did not come in time",
        "Send the body at once, or in smaller pieces.",
    );
    /// A name is in use.
    pub const NAME_TAKEN: Self = Self::new(
        StatusCode::CONFLICT,
        "name_taken",
        "The name is in use",
        "Choose another name, or use the thing that has it.",
    );
    /// The attempt is over.
    pub const STALE_ATTEMPT: Self = Self::new(
        StatusCode::CONFLICT,
        "stale_attempt",
        "The attempt is over",
        "Stop its work. Another attempt has taken the task; claim again for other work.",
    );
    /// The task was cancelled.
    pub const TASK_CANCELLED: Self = Self::new(
        StatusCode::CONFLICT,
        "task_cancelled",
        "The task was cancelled",
        "Stop its work; what was pushed stays on the attempt's ref.",
    );
    /// Not in this state.
    pub const BAD_STATE: Self = Self::new(
        StatusCode::CONFLICT,
        "bad_state",
        "The task's state does not allow this",
        "Read the task; the detail says which state it is in.",
    );
    /// The dependency closes a circle.
    pub const CYCLE: Self = Self::new(
        StatusCode::CONFLICT,
        "cycle",
        "The dependency would close a circle",
        "Leave out the dependency that the field names, or turn it round.",
    );
    /// The thing has changed.
    pub const OUTDATED: Self = Self::new(
        StatusCode::CONFLICT,
        "outdated",
        "It has changed since it was read",
        "Read it again, and decide again.",
    );
    /// The commit of a result is not where its attempt was to push it.
    pub const NOT_PUSHED: Self = Self::new(
        StatusCode::CONFLICT,
        "not_pushed",
        "The commit is not at the attempt's ref",
        "Push it there, again if it was pushed before: the repository may have moved without it. Then \
         complete again.",
    );
    /// The log chunk leaves a gap.
    pub const LOG_GAP: Self = Self::new(
        StatusCode::CONFLICT,
        "log_gap",
        "The log chunk would leave a gap",
        "Go on from expected_offset.",
    );
    /// The place of blobs is not this lab's.
    pub const WRONG_BLOBS: Self = Self::new(
        StatusCode::CONFLICT,
        "wrong_blobs",
        "The place of blobs is not this lab's",
        "Do not ask again: somebody has to give this server the lab's own place, as the detail says.",
    );
    /// Something else stands in the way.
    pub const CONFLICT: Self = Self::new(
        StatusCode::CONFLICT,
        "conflict",
        "Something stands in the way",
        "Do what the detail says, then try again.",
    );
    /// The body is too large.
    pub const BODY_TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "The body is too large",
        "Send less at a time; the detail names the limit.",
    );
    /// The body has another type.
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "The body has another type",
        "Send JSON with \"Content-Type: application/json\".",
    );
    /// `Host` is not a name of this server.
    pub const HOST_NOT_ALLOWED: Self = Self::new(
        StatusCode::MISDIRECTED_REQUEST,
        "host_not_allowed",
        "This server does not answer to that Host",
        "Use the server's own address, or add the name to DEVLAB_ALLOWED_HOSTS.",
    );
    /// A value is not acceptable.
    pub const INVALID: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        "A value is not acceptable",
        "Correct the value that the field names.",
    );
    /// An input is not a plan.
    pub const PLAN_INVALID: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "plan_invalid",
        "The input is not a plan",
        "Correct what the problems name, each with its file and line.",
    );
    /// A bound was reached.
    pub const LIMIT_REACHED: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "limit_reached",
        "A limit was reached",
        "Ask for less, or make room; the detail names the limit.",
    );
    /// Something in the repository is larger than its limit.
    pub const TOO_LARGE: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "too_large",
        "Something in the repository is too large",
        "Make what the detail names smaller, bring that into the repository, and try again.",
    );
    /// The key was used with another request.
    pub const IDEMPOTENCY_MISMATCH: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_mismatch",
        "The Idempotency-Key was used with another request",
        "Use a new key for a new request.",
    );
    /// Too many requests.
    pub const RATE_LIMITED: Self = Self::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too many requests",
        "Wait as long as Retry-After says.",
    );
    /// A defect of the server.
    pub const INTERNAL: Self = Self::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "The server failed",
        "Look for the request id in the server's log, and report it.",
    );
    /// The store cannot work now.
    pub const UNAVAILABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "The server cannot do this now",
        "Try again after Retry-After; if it stays, look at the server's log and disk.",
    );
    /// The repository is on another server, on its way, or out of reach.
    pub const NOT_HOME: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_home",
        "The repository is on another server",
        "Try again: it may be on its way, or its server starting. \"devlab peers\" shows which \
         servers are there.",
    );
    /// The server that has the repository was cut off before it answered.
    pub const NO_ANSWER: Self = Self::new(
        StatusCode::BAD_GATEWAY,
        "no_answer",
        "The server that has the repository did not answer to the end",
        "What was asked for may have been done: look before asking again, or ask with an \
         Idempotency-Key, with which it is done once.",
    );
    /// The request took too long.
    pub const TIMEOUT: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "timeout",
        "The server took too long",
        "Try again; with an Idempotency-Key nothing is done twice.",
    );

    /// All of them, for the documentation.
    pub const ALL: [Self; 34] = [
        Self::BAD_REQUEST,
        Self::MALFORMED_JSON,
        Self::UNAUTHORIZED,
        Self::FORBIDDEN,
        Self::NOT_FOUND,
        Self::GONE,
        Self::RANGE,
        Self::METHOD_NOT_ALLOWED,
        Self::REQUEST_TIMEOUT,
        Self::NAME_TAKEN,
        Self::STALE_ATTEMPT,
        Self::TASK_CANCELLED,
        Self::BAD_STATE,
        Self::CYCLE,
        Self::OUTDATED,
        Self::NOT_PUSHED,
        Self::LOG_GAP,
        Self::WRONG_BLOBS,
        Self::CONFLICT,
        Self::BODY_TOO_LARGE,
        Self::UNSUPPORTED_MEDIA_TYPE,
        Self::HOST_NOT_ALLOWED,
        Self::INVALID,
        Self::PLAN_INVALID,
        Self::LIMIT_REACHED,
        Self::TOO_LARGE,
        Self::IDEMPOTENCY_MISMATCH,
        Self::RATE_LIMITED,
        Self::INTERNAL,
        Self::UNAVAILABLE,
        Self::TIMEOUT,
        Self::NOT_HOME,
        Self::NO_ANSWER,
        Self::WRONG_SERVER,
    ];

    /// The kind of a refusal.
    #[must_use]
    pub fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NotFound(_) => Self::NOT_FOUND,
            Refusal::Gone(_) => Self::GONE,
            Refusal::Invalid { .. } => Self::INVALID,
            Refusal::NameTaken { .. } => Self::NAME_TAKEN,
            Refusal::StaleAttempt => Self::STALE_ATTEMPT,
            Refusal::TaskCancelled => Self::TASK_CANCELLED,
            Refusal::BadState { .. } => Self::BAD_STATE,
            Refusal::Cycle { .. } => Self::CYCLE,
            Refusal::Limit { .. } => Self::LIMIT_REACHED,
            Refusal::Outdated(_) => Self::OUTDATED,
            Refusal::IdempotencyMismatch => Self::IDEMPOTENCY_MISMATCH,
            Refusal::NotPushed(_) => Self::NOT_PUSHED,
            Refusal::LogGap { .. } => Self::LOG_GAP,
            Refusal::WrongBlobs(_) => Self::WRONG_BLOBS,
            Refusal::Conflict(_) => Self::CONFLICT,
            Refusal::Forbidden => Self::FORBIDDEN,
            Refusal::NotHome => Self::NOT_HOME,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_only_our_own_trouble_is_a_5xx() {
        for (i, kind) in Kind::ALL.iter().enumerate() {
            assert!(!Kind::ALL[..i].contains(kind), "{} twice", kind.code());
            let ours = [
                "internal",
                "unavailable",
                "timeout",
                "not_home",
                "no_answer",
            ]
            .contains(&kind.code());
            assert_eq!(kind.status().is_server_error(), ours, "{}", kind.code());
        }
    }

    #[test]
    fn a_refusal_keeps_its_code_on_the_wire() {
        let refusals = [
            Refusal::NotFound("task"),
            Refusal::Gone("log"),
            Refusal::invalid("a", "b"),
            Refusal::NameTaken {
                kind: "org",
                name: "a".to_owned(),
            },
            Refusal::StaleAttempt,
            Refusal::TaskCancelled,
            Refusal::BadState {
                state: "done".to_owned(),
                action: "cancelled",
            },
            Refusal::Cycle {
                field: "a".to_owned(),
            },
            Refusal::Limit {
                what: "tasks",
                limit: 1,
            },
            Refusal::Outdated("patch"),
            Refusal::IdempotencyMismatch,
            Refusal::NotPushed("a".repeat(40).parse().unwrap()),
            Refusal::LogGap { expected: 1 },
            Refusal::WrongBlobs("x".to_owned()),
            Refusal::Conflict("x".to_owned()),
            Refusal::Forbidden,
        ];
        for refusal in refusals {
            assert_eq!(Kind::of(&refusal).code(), refusal.code());
        }
    }
}
