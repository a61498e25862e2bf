//! The OpenAPI document, and a page that draws it without the internet.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{HeaderMap, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;

use crate::extract::Path;
use crate::problem::{ApiError, Kind, Result};

/// What the page may load: its own files, and styles that its bundle writes inline.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Shown when the page was not built: `cargo build` never runs npm.
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>devlab API</title>\
    <p>This build has no API page. Run <code>make web</code> and build again, \
    or read <a href=/openapi.json>the OpenAPI document</a>.";

#[derive(RustEmbed)]
#[folder = "../../web/dist/docs"]
#[allow_missing = true]
struct Files;

/// The document as it is sent.
#[derive(Debug)]
pub(crate) struct Document {
    json: Bytes,
    etag: HeaderValue,
}

impl Document {
    pub(crate) fn new(document: &OpenApi) -> std::result::Result<Self, serde_json::Error> {
        let json = Bytes::from(serde_json::to_vec(document)?);
        let etag = etag(&Sha256::digest(&json));
        Ok(Self { json, etag })
    }
}

pub(crate) async fn openapi_json(document: Arc<Document>, headers: HeaderMap) -> Response {
    let body = document.json.clone();
    let mut response = unless_known(&headers, &document.etag, body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(crate) async fn page(headers: HeaderMap) -> Response {
    let mut response = match embedded::<Files>("index.html", &headers) {
        Some(response) => response,
        None => Html(NOT_BUILT).into_response(),
    };
    response.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(PAGE_POLICY),
    );
    response
}

pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response> {
    // The compressed form is chosen by Accept-Encoding, not by name.
    let found = (!name.ends_with(".gz")).then(|| embedded::<Files>(&name, &headers));
    found
        .flatten()
        .ok_or_else(|| ApiError::new(Kind::NOT_FOUND, "there is no such file"))
}

/// An embedded file, compressed if the caller takes that.
pub(crate) fn embedded<E: RustEmbed>(name: &str, request: &HeaderMap) -> Option<Response> {
    let plain = E::get(name)?;
    let tag = etag(&plain.metadata.sha256_hash());
    let compressed = accepts_gzip(request)
        .then(|| E::get(&format!("{name}.gz")))
        .flatten();
    let encoded = compressed.is_some();
    let mut response = unless_known(request, &tag, bytes(compressed.unwrap_or(plain)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if encoded {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

fn unless_known(request: &HeaderMap, etag: &HeaderValue, body: Bytes) -> Response {
    let known = request.get(IF_NONE_MATCH).is_some_and(|known| {
        let mut tags = known.as_bytes().split(|b| *b == b',');
        tags.any(|tag| tag.trim_ascii() == etag.as_bytes())
    });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(body))
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, etag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn etag(hash: &[u8]) -> HeaderValue {
    let digits: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
    HeaderValue::from_str(&format!("\"{digits}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let value = headers.get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok());
    value.is_some_and(|codings| {
        codings.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let gzip = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            gzip && !parts.any(|q| matches!(q, "q=0" | "q=0.0"))
        })
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(value: &str) -> bool {
        let value = HeaderValue::from_str(value).unwrap();
        accepts_gzip(&[(ACCEPT_ENCODING, value)].into_iter().collect())
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        assert!(accepts("gzip, br") && accepts("br;q=1.0, GZIP;q=0.8"));
        assert!(!accepts("br") && !accepts("gzip;q=0") && !accepts("xgzip"));
    }

    #[test]
    fn an_unchanged_body_is_not_sent_again() {
        let tag = HeaderValue::from_static("\"a\"");
        let known = HeaderValue::from_static("\"b\", \"a\"");
        let headers = [(IF_NONE_MATCH, known)].into_iter().collect();
        let answer = |headers| unless_known(headers, &tag, Bytes::from_static(b"x")).status();
        assert_eq!(answer(&headers), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(&HeaderMap::new()), StatusCode::OK);
    }
}
