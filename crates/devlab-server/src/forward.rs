//! Requests that another server has to answer, because it has the repository.
//!
//! A handler that finds out that the repository is elsewhere fails with
//! [`devlab_orchestrator::Error::Elsewhere`] before it has done anything. Its [`crate::guard`] then
//! sends the request to that server as it came in, the caller's token included, and passes the
//! answer on. A request is passed on once: a server that gets one answers it or fails.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use devlab_core::ServerId;
use devlab_orchestrator::Lab;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};

use crate::context::{REQUEST_ID, RequestId};
use crate::problem::{ApiError, Kind, Result};

/// Marks a request that another server has passed on.
pub(crate) const FORWARDED: HeaderName = HeaderName::from_static("x-devlab-forwarded");
/// How long a connection to another server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to each other server that are kept for the next request.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// Headers that are about one connection (RFC 9110 §7.6.1), and those that the client sets anew.
const OF_A_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HOST,
    CONTENT_LENGTH,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// An answer of another server: it is complete, its problem document too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfAnother;

/// Passes requests on.
pub struct Forwarder {
    client: reqwest::Client,
    lab: Arc<Lab>,
}

impl Forwarder {
    /// Passes requests on to the servers that the lab knows.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(lab: Arc<Lab>) -> std::result::Result<Self, String> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, lab })
    }

    /// Passes a request on whose body has been read.
    pub(crate) async fn send(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: Bytes,
        id: &RequestId,
    ) -> Result<Response> {
        self.pass_on(home, parts, reqwest::Body::from(body), id)
            .await
    }

    /// Passes a request on with its body as it comes.
    pub(crate) async fn stream(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: Body,
        id: &RequestId,
    ) -> Result<Response> {
        let body = reqwest::Body::wrap_stream(body.into_data_stream());
        self.pass_on(home, parts, body, id).await
    }

    async fn pass_on(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: reqwest::Body,
        id: &RequestId,
    ) -> Result<Response> {
        let peer = match home {
            Some(home) => self.lab.peer(home).await.map_err(ApiError::from)?,
            None => None,
        };
        let peer = peer.ok_or_else(|| {
            let detail = "no server has the repository of this project";
            ApiError::new(Kind::NOT_HOME, detail).retry_after(1)
        })?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", peer.url.trim_end_matches('/'));
        let mut headers = passed_on(&parts.headers);
        headers.insert(FORWARDED, HeaderValue::from_static("1"));
        headers.insert(REQUEST_ID, id.header());
        let request = self.client.request(parts.method, url).headers(headers);
        let answer = request.body(body).send().await.map_err(|error| {
            let name = &peer.name;
            let what = match error.is_connect() {
                true => "cannot be reached",
                false => "did not answer to the end: what was asked for may have been done",
            };
            tracing::warn!(%error, server = %peer.id, url = peer.url, "a request is not passed on");
            let detail = format!("the repository is on the server {name}, which {what}");
            ApiError::new(Kind::NOT_HOME, detail).retry_after(1)
        })?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        *response.headers_mut() = passed_on(answer.headers());
        *response.body_mut() = Body::from_stream(answer.bytes_stream());
        response.extensions_mut().insert(OfAnother);
        Ok(response)
    }
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder").finish_non_exhaustive()
    }
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let named = headers.get_all(CONNECTION).iter();
    let named: Vec<String> = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut passed = headers.clone();
    for name in &OF_A_CONNECTION {
        passed.remove(name);
    }
    for name in named {
        passed.remove(name.as_str());
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_connection_stay_on_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("host", "here"),
            ("transfer-encoding", "chunked"),
            ("authorization", "Bearer x"),
            ("idempotency-key", "k"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let passed = passed_on(&headers);
        let mut names: Vec<_> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "idempotency-key"]);
    }
}
