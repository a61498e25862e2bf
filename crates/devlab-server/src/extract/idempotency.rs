//! Mutations that a client may repeat.

use axum::extract::{FromRequest, MatchedPath, Request};
use devlab_core::check::Sha256Hex;
use devlab_core::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use super::body;
use crate::context::Context;
use crate::problem::{ApiError, Kind, Result};

/// A repeatable request: the same key with the same hash gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Under which the answer is remembered: the caller's token, the method and route, the key.
    pub key: String,
    /// Hash of what was asked: path, query and body.
    pub body: Sha256Hex,
}

/// A body of JSON with its `Idempotency-Key`, if it has one. An empty body counts as `{}`, so that
/// actions without particulars need none.
#[derive(Debug)]
pub struct Mutation<T> {
    /// The body.
    pub body: T,
    /// The key.
    pub idempotency: Option<Idempotency>,
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Mutation<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts, body).await?;
        let body = if bytes.is_empty() {
            body::parse(b"{}")?
        } else {
            body::expect_json(&parts.headers)?;
            body::parse(&bytes)?
        };
        let idempotency = idempotency(&parts, &bytes)?;
        Ok(Self { body, idempotency })
    }
}

fn idempotency(parts: &Parts, body: &[u8]) -> Result<Option<Idempotency>> {
    let Some(value) = parts.headers.get("idempotency-key") else {
        return Ok(None);
    };
    let visible = |text: &&str| {
        (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
    };
    let Some(key) = value.to_str().ok().filter(visible) else {
        return Err(ApiError::new(
            Kind::INVALID,
            format!("has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters"),
        )
        .field("Idempotency-Key"));
    };
    let caller = parts.extensions.get::<Context>();
    let caller = caller.and_then(|context| context.principal.as_ref());
    let caller = caller.ok_or_else(|| ApiError::internal("a public route has no keys"))?;
    // The short path and the one under /v1 are the same route.
    let route = parts.extensions.get::<MatchedPath>();
    let route = short(route.map_or("", MatchedPath::as_str));
    let path = short(parts.uri.path());
    let query = parts.uri.query().unwrap_or("");
    let asked = [path.as_bytes(), b"?", query.as_bytes(), b"\n", body].concat();
    Ok(Some(Idempotency {
        key: format!("{} {} {route} {key}", caller.token, parts.method),
        body: Sha256Hex::of(&asked),
    }))
}

fn short(path: &str) -> &str {
    match path.strip_prefix("/v1") {
        Some(rest) if rest.starts_with('/') => rest,
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_mounts_are_one_route() {
        assert_eq!(short("/v1/tasks"), "/tasks");
        assert_eq!(short("/tasks"), "/tasks");
        assert_eq!(short("/v1x"), "/v1x");
    }
}
