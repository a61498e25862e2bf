//! Bodies.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::context::Context;
use crate::policy::BODY_BYTES_MAX;
use crate::problem::{ApiError, Kind, Result};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// What is set aside for a body before its first bytes are there, at most.
const FIRST_RESERVE_BYTES_MAX: usize = 64 * 1024;

/// A body of bytes, as long as the route's policy allows.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl<S: Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        read(&parts, body).await.map(Self)
    }
}

/// A body of JSON.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        parse(&read(&parts, body).await?).map(Self)
    }
}

/// The whole body.
pub(crate) async fn read(parts: &Parts, body: Body) -> Result<Bytes> {
    let context = parts.extensions.get::<Context>();
    let max = context.map_or(BODY_BYTES_MAX, |context| context.policy.body_bytes_max);
    if body.size_hint().lower() > max as u64 {
        return Err(too_large(max));
    }
    match tokio::time::timeout(BODY_TIMEOUT, collect(body, max)).await {
        Ok(bytes) => bytes,
        Err(_) => Err(ApiError::new(
            Kind::REQUEST_TIMEOUT,
            format!("it took more than {} s", BODY_TIMEOUT.as_secs()),
        )),
    }
}

async fn collect(mut body: Body, max: usize) -> Result<Bytes> {
    let Some(mut first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > max {
        return Err(too_large(max));
    }
    // Nearly every body comes in one piece, which is then not copied.
    let Some(second) = next(&mut body).await? else {
        return Ok(first);
    };
    let mut all = BytesMut::with_capacity(FIRST_RESERVE_BYTES_MAX.min(max));
    all.extend_from_slice(&first);
    first = second;
    loop {
        if all.len() + first.len() > max {
            return Err(too_large(max));
        }
        all.extend_from_slice(&first);
        match next(&mut body).await? {
            Some(chunk) => first = chunk,
            None => return Ok(all.freeze()),
        }
    }
}

async fn next(body: &mut Body) -> Result<Option<Bytes>> {
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) if !data.is_empty() => return Ok(Some(data)),
            // Trailers mean nothing to us.
            Ok(_) => {}
            Err(_) => {
                return Err(ApiError::new(
                    Kind::BAD_REQUEST,
                    "the body ended before its end",
                ));
            }
        }
    }
    Ok(None)
}

fn too_large(max: usize) -> ApiError {
    ApiError::new(
        Kind::BODY_TOO_LARGE,
        format!("the limit of this route is {max} bytes"),
    )
}

pub(super) fn expect_json(headers: &HeaderMap) -> Result<()> {
    let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let essence = value.map(|value| {
        let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        value[..end].trim_ascii()
    });
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case(b"application/json") => Ok(()),
        Some(_) => Err(ApiError::new(
            Kind::UNSUPPORTED_MEDIA_TYPE,
            "the Content-Type is not application/json",
        )),
        None => Err(ApiError::new(
            Kind::UNSUPPORTED_MEDIA_TYPE,
            "the Content-Type is missing",
        )),
    }
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let value = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => misfit::<T>(bytes, &error),
        Category::Syntax | Category::Eof | Category::Io => {
            ApiError::new(Kind::MALFORMED_JSON, error.to_string())
        }
    })?;
    // serde reads a struct from an array too, by position, and takes defaults for what is missing.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::new(Kind::INVALID, "is an array, not an object").field("body"));
    }
    Ok(value)
}

/// Parses again, more slowly, to learn where the value is that does not fit.
fn misfit<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> ApiError {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let field = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(_) => "body".to_owned(),
        Err(error) => match error.path().to_string().as_str() {
            "." => "body".to_owned(),
            path => path.to_owned(),
        },
    };
    ApiError::new(Kind::INVALID, error.to_string()).field(field)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn kind_of(bytes: &[u8]) -> Kind {
        parse::<BTreeMap<String, Vec<u8>>>(bytes)
            .unwrap_err()
            .kind()
    }

    #[test]
    fn what_is_not_json_differs_from_what_does_not_fit() {
        for bytes in [
            b"".as_slice(),
            b"{",
            b"{\"a\":\"\xff\"}",
            b"{} {}",
            b"nul",
            b"{\"a\":\"\\ud800\"}",
        ] {
            assert_eq!(kind_of(bytes), Kind::MALFORMED_JSON, "{bytes:?}");
        }
        assert_eq!(kind_of("[".repeat(100_000).as_bytes()), Kind::INVALID);
        for bytes in [b"[]".as_slice(), b"{\"a\":[1,256]}", b"{\"a\":[1e999]}"] {
            let kind = kind_of(bytes);
            assert!(kind.status().is_client_error(), "{bytes:?} {kind:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_falling_over() {
        let deep = "[".repeat(100_000);
        let error = parse::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), Kind::MALFORMED_JSON);
    }

    #[test]
    fn the_field_is_named() {
        let error = parse::<BTreeMap<String, Vec<u8>>>(b"{\"a\":[1,256]}").unwrap_err();
        let text = format!("{error:?}");
        assert!(text.contains("a[1]"), "{text}");
    }
}
