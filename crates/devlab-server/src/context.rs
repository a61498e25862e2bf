//! What is known of a request before its handler runs.

use std::sync::atomic::{AtomicU64, Ordering};

use devlab_core::auth::Principal;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::policy::Policy;

/// Header that carries the request's id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a caller, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Id of a request: in its answer, in problems, in the audit log and in the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("")
    }

    /// The header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// An id of ours; a text that no header can carry becomes `-`.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-")))
    }

    /// The caller's id, if it is short and of letters, digits, `.`, `_` and `-`: it goes into logs.
    fn of_caller(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(&REQUEST_ID)?;
        let bytes = value.as_bytes();
        let letter = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
        let fits = (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(letter);
        fits.then(|| Self(value.clone()))
    }
}

/// Mints request ids: the server's start, and a count.
#[derive(Debug)]
pub struct RequestIds {
    start: String,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that begin with `start`, which differs between starts of a server.
    #[must_use]
    pub fn new(start: String) -> Self {
        Self {
            start,
            next: AtomicU64::new(1),
        }
    }

    /// The caller's id if it is sane, else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> RequestId {
        RequestId::of_caller(headers).unwrap_or_else(|| {
            let count = self.next.fetch_add(1, Ordering::Relaxed);
            RequestId::from_text(&format!("{}-{count:x}", self.start))
        })
    }
}

/// What is known of a request: an extension that the guard adds.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) request_id: RequestId,
    /// The caller; `None` on a public route.
    pub(crate) principal: Option<Principal>,
    pub(crate) policy: Policy,
    /// Whether another server has passed it on.
    pub(crate) is_forwarded: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(value: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        RequestIds::new("s".to_owned())
            .of(&headers)
            .as_str()
            .to_owned()
    }

    #[test]
    fn a_sane_id_is_kept_and_another_is_replaced() {
        assert_eq!(id_for(b"build-7.a_B"), "build-7.a_B");
        for value in [b"".as_slice(), b"a b", b"\xff", b"a\"b", &[b'a'; 65]] {
            assert_eq!(id_for(value), "s-1");
        }
    }
}
