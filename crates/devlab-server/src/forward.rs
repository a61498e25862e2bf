//! Requests that another server has to answer, because it has the repository.
//!
//! A handler that finds out that the repository is elsewhere fails with
//! [`devlab_orchestrator::Error::Elsewhere`] before it has done anything. Its [`crate::guard`] then
//! sends the request to that server as it came in, the caller's token included, and passes the
//! answer on. A request is passed on once: a server that gets one answers it or fails.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use devlab_core::ServerId;
use devlab_orchestrator::Lab;
use futures::StreamExt;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};
use tokio::sync::watch;

use crate::context::{REQUEST_ID, RequestId};
use crate::problem::{ApiError, Kind, Result};

/// Marks a request that another server has passed on, with what proves it.
pub(crate) const FORWARDED: HeaderName = HeaderName::from_static("x-devlab-forwarded");
/// How long nothing may come or go of a request with a long body.
const SILENCE_MAX: Duration = Duration::from_secs(120);
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
            .no_proxy();
        Ok(Self {
            client: client.build().map_err(|error| error.to_string())?,
            lab,
        })
    }

    /// Passes a request on whose body has been read. Its guard bounds how long that takes.
    pub(crate) async fn send(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: Bytes,
        marked: (&RequestId, String),
    ) -> Result<Response> {
        let sent = self.pass_on(home, parts, reqwest::Body::from(body), marked, None);
        let (mut response, answer) = sent.await?;
        *response.body_mut() = Body::from_stream(answer.bytes_stream());
        Ok(response)
    }

    /// Passes a request on with its body as it comes. It ends when nothing has come or gone for
    /// `silence`, by default two minutes.
    pub(crate) async fn stream(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: Body,
        marked: (&RequestId, String),
        silence: Option<Duration>,
    ) -> Result<Response> {
        let silence = silence.unwrap_or(SILENCE_MAX);
        let (moved, moves) = watch::channel(());
        let body = body
            .into_data_stream()
            .inspect(move |_| moved.send_replace(()));
        let body = reqwest::Body::wrap_stream(body);
        let sent = self.pass_on(home, parts, body, marked, Some((moves, silence)));
        let (mut response, answer) = sent.await?;
        let pieces = tokio_stream::StreamExt::timeout(answer.bytes_stream(), silence);
        let pieces = pieces.map(|piece| match piece {
            Ok(piece) => piece.map_err(io::Error::other),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        });
        *response.body_mut() = Body::from_stream(pieces);
        Ok(response)
    }

    async fn pass_on(
        &self,
        home: Option<ServerId>,
        parts: Parts,
        body: reqwest::Body,
        (id, mark): (&RequestId, String),
        silence: Option<(watch::Receiver<()>, Duration)>,
    ) -> Result<(Response, reqwest::Response)> {
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
        let request = self.client.request(parts.method, url).headers(headers);
        let sending = request.body(body).send();
        let answer = match silence {
            None => Some(sending.await),
            Some((moves, longest)) => until_silent(sending, moves, longest).await,
        };
        let server = || format!("the repository is on the server {}", peer.name);
        let Some(answer) = answer else {
            tracing::warn!(server = %peer.id, url = peer.url, "a request has no answer");
            let detail = format!("{}, which does not answer", server());
            return Err(ApiError::new(Kind::NO_ANSWER, detail));
        };
        let answer = answer.map_err(|error| {
            tracing::warn!(%error, server = %peer.id, url = peer.url, "a request is not passed on");
            match error.is_connect() {
                true => {
                    let detail = format!("{}, which cannot be reached", server());
                    ApiError::new(Kind::NOT_HOME, detail).retry_after(1)
                }
                false => ApiError::new(Kind::NO_ANSWER, format!("{}, which was cut off", server())),
            }
        })?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        *response.headers_mut() = passed_on(answer.headers());
        response.extensions_mut().insert(OfAnother);
        Ok((response, answer))
    }
}

/// Waits for an answer as long as something moves: `None` once nothing has for `longest`. When all
/// has been sent, the answer has so long.
async fn until_silent<T>(
    answer: impl Future<Output = T>,
    mut moves: watch::Receiver<()>,
    longest: Duration,
) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    loop {
        let moved = tokio::select! {
            answer = answer.as_mut() => return Some(answer),
            moved = tokio::time::timeout(longest, moves.changed()) => moved,
        };
        match moved {
            Ok(Ok(())) => {}
            Ok(Err(_all_sent)) => return tokio::time::timeout(longest, answer).await.ok(),
            Err(_silent) => return None,
        }
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

    #[tokio::test(start_paused = true)]
    async fn what_moves_is_waited_for_and_what_is_silent_is_not() {
        let longest = Duration::from_secs(120);
        let (moved, moves) = watch::channel(());
        let upload = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(100)).await;
                moved.send_replace(());
            }
            "answer"
        };
        assert_eq!(until_silent(upload, moves, longest).await, Some("answer"));
        let (kept, moves) = watch::channel(());
        let never = std::future::pending::<()>();
        assert_eq!(until_silent(never, moves, longest).await, None);
        let moves = kept.subscribe();
        drop(kept);
        let late = tokio::time::sleep(Duration::from_secs(119));
        assert!(
            until_silent(late, moves, longest).await.is_some(),
            "all sent"
        );
    }

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
