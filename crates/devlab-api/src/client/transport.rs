//! One call: building, sending and reading it.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::query::{self, Params};
use super::{ANSWER_BYTES_MAX, Client, ClientError, POOL_IDLE_MAX, POOL_IDLE_TIMEOUT, Timeouts};
use crate::problem::Problem;

/// Bytes of a file that are sent at a time.
const FILE_PIECE_BYTES: usize = 256 * 1024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest piece of a foreign answer that an error quotes, in characters.
const FOREIGN_CHARS_MAX: usize = 200;

/// A client with TLS by ring. Without an https address no certificates are read, so a client of a
/// local server starts at once and on machines that have none.
pub(super) fn http_client(base: &Url, timeouts: &Timeouts) -> Result<reqwest::Client, ClientError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("devlab/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        .pool_max_idle_per_host(POOL_IDLE_MAX)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_nodelay(true)
        // A redirect would carry the token elsewhere; the server sends none.
        .redirect(reqwest::redirect::Policy::none());
    let builder = if base.scheme() == "https" {
        // An error says that a provider is installed already: then that one is used.
        drop(rustls::crypto::ring::default_provider().install_default());
        builder
    } else {
        builder.tls_backend_preconfigured(tls_without_roots()?)
    };
    builder
        .build()
        .map_err(|error| ClientError::config(format!("cannot set up TLS for {base}: {error}")))
}

fn tls_without_roots() -> Result<rustls::ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::config(format!("cannot set up TLS: {error}")))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(config)
}

/// A call that is being built. Errors of the address are kept until it is sent.
pub(super) struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Result<Url, ClientError>,
    body: Option<Body>,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Option<Duration>,
}

enum Body {
    Json(Result<Vec<u8>, serde_json::Error>),
    Octets(Bytes),
    Stream(reqwest::Body),
    File(std::fs::File, u64),
}

impl<'a> Call<'a> {
    pub(super) fn new(client: &'a Client, method: Method, path: &[&str]) -> Self {
        Self {
            client,
            method,
            url: query::route(&client.base, path),
            body: None,
            headers: Vec::new(),
            timeout: Some(client.timeouts.request),
        }
    }

    pub(super) fn query(mut self, params: &Params) -> Self {
        if let Ok(url) = &mut self.url {
            params.append_to(url);
        }
        self
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(Body::Json(serde_json::to_vec(body)));
        self
    }

    pub(super) fn octets(mut self, body: Bytes) -> Self {
        self.body = Some(Body::Octets(body));
        self
    }

    /// A body that is made while it is sent, of unknown length.
    pub(super) fn stream(
        mut self,
        body: impl futures::Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        self.body = Some(Body::Stream(reqwest::Body::wrap_stream(body)));
        self
    }

    /// A file of this length.
    pub(super) fn file(mut self, file: std::fs::File, len: u64) -> Self {
        self.body = Some(Body::File(file, len));
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A limit other than the client's for ordinary calls.
    pub(super) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// No limit: for streams, which have one for their silence.
    pub(super) fn endless(mut self) -> Self {
        self.timeout = None;
        self
    }

    fn route_name(&self) -> String {
        let path = self.url.as_ref().map_or("", Url::path);
        format!("{} {path}", self.method)
    }

    fn build(self) -> Result<RequestBuilder, ClientError> {
        let changes = self.method != Method::GET;
        let route = self.route_name();
        let mut request = self.client.http.request(self.method, self.url?);
        if let Some(value) = &self.client.authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        if let Some(key) = self.client.idempotency_key.as_ref().filter(|_| changes) {
            request = request.header(IDEMPOTENCY_KEY, key.clone());
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        match self.body {
            None => Ok(request),
            Some(Body::Octets(bytes)) => Ok(request
                .header(CONTENT_TYPE, "application/octet-stream")
                .body(bytes)),
            Some(Body::Stream(body)) => {
                Ok(request.header(CONTENT_TYPE, "application/x-tar").body(body))
            }
            Some(Body::File(file, len)) => Ok(request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, len)
                .body(reqwest::Body::wrap_stream(pieces(file)))),
            Some(Body::Json(Ok(bytes))) => {
                Ok(request.header(CONTENT_TYPE, "application/json").body(bytes))
            }
            Some(Body::Json(Err(error))) => Err(ClientError::config(format!(
                "cannot write the body of {route}: {error}"
            ))),
        }
    }

    /// Sends it and gives the answer, if it is a success. The body is still to be read.
    pub(super) async fn send(self) -> Result<Response, ClientError> {
        let server = self.client.base.to_string();
        let response = self
            .build()?
            .send()
            .await
            .map_err(|error| transport(&server, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(server, response).await)
    }

    /// Sends it and reads a JSON answer.
    pub(super) async fn fetch<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let (server, route) = (self.client.base.to_string(), self.route_name());
        let response = self
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .send()
            .await?;
        let bytes = read_all(&server, response).await?;
        decode(&route, &bytes)
    }

    /// Like [`Self::fetch`], but 204 is `None`.
    pub(super) async fn fetch_optional<T: DeserializeOwned>(
        self,
    ) -> Result<Option<T>, ClientError> {
        let (server, route) = (self.client.base.to_string(), self.route_name());
        let response = self.send().await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let bytes = read_all(&server, response).await?;
        decode(&route, &bytes).map(Some)
    }

    /// Sends it and reads the answer as bytes.
    pub(super) async fn fetch_bytes(self) -> Result<Bytes, ClientError> {
        let server = self.client.base.to_string();
        let response = self.send().await?;
        read_all(&server, response).await
    }

    /// Sends it; the answer says no more than that it worked.
    pub(super) async fn done(self) -> Result<(), ClientError> {
        self.fetch_bytes().await.map(|_| ())
    }
}

pub(super) fn decode<T: DeserializeOwned>(route: &str, bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Decode {
        route: route.to_owned(),
        detail: format!("{error}; are client and server of the same version?"),
    })
}

/// A file's bytes, piece by piece.
fn pieces(file: std::fs::File) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    futures::stream::try_unfold(file, |mut file| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = BytesMut::zeroed(FILE_PIECE_BYTES);
            let read = file.read(&mut piece)?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((piece.freeze(), file))
        });
        let (piece, file) = read.await.map_err(std::io::Error::other)??;
        Ok((!piece.is_empty()).then_some((piece, file)))
    })
}

pub(super) fn transport(server: &str, error: reqwest::Error) -> ClientError {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    ClientError::Transport {
        server: server.to_owned(),
        what,
        source: Some(error.without_url()),
    }
}

/// Reads a body of at most [`ANSWER_BYTES_MAX`].
pub(super) async fn read_all(server: &str, mut response: Response) -> Result<Bytes, ClientError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport(server, error))?
    {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(ClientError::Decode {
                route: response.url().path().to_owned(),
                detail: format!("it is longer than {ANSWER_BYTES_MAX} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn refusal(server: String, response: Response) -> ClientError {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    match read_all(&server, response).await {
        Ok(body) => refusal_from(server, status, retry_after, &body),
        Err(error) => error,
    }
}

fn refusal_from(
    server: String,
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> ClientError {
    let Ok(problem) = serde_json::from_slice::<Problem>(body).map(Box::new) else {
        let text = String::from_utf8_lossy(body);
        return ClientError::Foreign {
            server,
            status: status.as_u16(),
            start: text.trim().chars().take(FOREIGN_CHARS_MAX).collect(),
        };
    };
    if status == StatusCode::UNAUTHORIZED {
        return ClientError::Unauthorized(problem);
    }
    ClientError::Problem {
        problem,
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE: &str = r#"{"type":"/docs#problem-stale_attempt","status":409,
        "code":"stale_attempt","title":"Stale","detail":"this attempt is over","help":"stop",
        "request_id":"req-1","unknown":true}"#;

    fn refused(status: u16, body: &str) -> ClientError {
        refusal_from(
            "http://h/".to_owned(),
            StatusCode::from_u16(status).unwrap(),
            Some(Duration::from_secs(2)),
            body.as_bytes(),
        )
    }

    #[test]
    fn a_problem_is_decoded_with_unknown_members() {
        let error = refused(409, STALE);
        assert_eq!(error.code(), Some("stale_attempt"));
        assert_eq!(error.to_string(), "this attempt is over");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
        assert!(!error.is_retryable());
    }

    #[test]
    fn a_401_is_its_own_kind() {
        assert!(matches!(
            refused(401, STALE),
            ClientError::Unauthorized(problem) if problem.request_id == "req-1"
        ));
    }

    #[test]
    fn what_is_no_problem_is_foreign_and_quoted_in_part() {
        let error = refused(502, &format!("  <html>{}", "x".repeat(1000)));
        let ClientError::Foreign { status, start, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*status, 502);
        assert_eq!(start.len(), FOREIGN_CHARS_MAX);
        assert!(start.starts_with("<html>"));
        assert!(error.is_retryable());
    }

    #[test]
    fn an_answer_of_another_shape_names_the_route() {
        let error = decode::<crate::Health>("GET /v1/health", b"{}").unwrap_err();
        assert!(error.to_string().contains("GET /v1/health"), "{error}");
    }
}
