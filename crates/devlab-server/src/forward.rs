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

/// Marks a request that another server has passed on, with what proves it.
pub(crate) const FORWARDED: HeaderName = HeaderName::from_static("x-devlab-forwarded");
/// How long a git server may be silent in the middle of an answer.
const GIT_SILENCE_MAX: Duration = Duration::from_secs(120);
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
    git: reqwest::Client,
    lab: Arc<Lab>,
}

impl Forwarder {
    /// Passes requests on to the servers that the lab knows.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(lab: Arc<Lab>) -> std::result::Result<Self, String> {
        let client = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
        };
        let built = |builder: reqwest::ClientBuilder| builder.build().map_err(|e| e.to_string());
        Ok(Self {
            client: built(client())?,
            git: built(client().read_timeout(GIT_SILENCE_MAX))?,
            lab,
        })
    }

    /// Passes a request on whose body has been read.
    pub(crate) async fn send(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: Bytes,
        marked: (&RequestId, String),
    ) -> Result<Response> {
        let body = reqwest::Body::from(body);
        self.pass_on(&self.client, home, parts, body, marked).await
    }

    /// Passes a request on with its body as it comes.
    pub(crate) async fn stream(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: Body,
        marked: (&RequestId, String),
    ) -> Result<Response> {
        let body = reqwest::Body::wrap_stream(body.into_data_stream());
        self.pass_on(&self.git, home, parts, body, marked).await
    }

    async fn pass_on(
        &self,
        client: &reqwest::Client,
        home: Option<ServerId>,
        parts: Parts,
        body: reqwest::Body,
        (id, mark): (&RequestId, String),
    ) -> Result<Response> {
        // Nobody is waited for who was not heard of lately, nor told what another may listen to now.
        let peer = match home {
            Some(home) => self.lab.peer(home).await.map_err(ApiError::from)?,
            None => None,
        };
        let peer = peer.ok_or_else(|| {
            let detail = "the server that has the repository is not there";
            ApiError::new(Kind::NOT_HOME, detail).retry_after(1)
        })?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", peer.url.trim_end_matches('/'));
        let mut headers = passed_on(&parts.headers);
        let mark = HeaderValue::from_str(&mark);
        headers.insert(FORWARDED, mark.unwrap_or(HeaderValue::from_static("")));
        headers.insert(REQUEST_ID, id.header());
        let request = client.request(parts.method, url).headers(headers);
        let answer = request.body(body).send().await.map_err(|error| {
            tracing::warn!(%error, server = %peer.id, url = peer.url, "a request is not passed on");
            let server = format!("the repository is on the server {}", peer.name);
            match error.is_connect() {
                true => ApiError::new(Kind::NOT_HOME, format!("{server}, which cannot be reached"))
                    .retry_after(1),
                false => ApiError::new(Kind::NO_ANSWER, format!("{server}, which was cut off")),
            }
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
