//! The files of the single-page app.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use rust_embed::RustEmbed;

use crate::problem::{ApiError, Kind, Result};
use crate::routes::docs::embedded;

/// What the app may load: its own files, and pictures that it has read as bytes.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The names of these files change with what is in them.
const ASSETS: &str = "assets/";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Shown when the app was not built: `cargo build` never runs npm.
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>devlab</title>\
    <p>This build has no dashboard. Run <code>make web</code> and build again.";

#[derive(RustEmbed)]
#[folder = "../../web/dist/ui"]
#[allow_missing = true]
struct Files;

pub(super) async fn index(headers: HeaderMap) -> Response {
    page(&headers)
}

/// A file, or the app itself for an address that is one of its views.
pub(super) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Result<Response> {
    // The compressed form is chosen by Accept-Encoding, not by name.
    let found = (!path.ends_with(".gz")).then(|| embedded::<Files>(&path, &headers));
    if let Some(mut response) = found.flatten() {
        let headers = response.headers_mut();
        if path.starts_with(ASSETS) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
        }
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        return Ok(response);
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    match last.contains('.') {
        true => Err(ApiError::new(Kind::NOT_FOUND, "there is no such file")),
        false => Ok(page(&headers)),
    }
}

fn page(headers: &HeaderMap) -> Response {
    let built = embedded::<Files>("index.html", headers);
    let mut response = built.unwrap_or_else(|| Html(NOT_BUILT).into_response());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
