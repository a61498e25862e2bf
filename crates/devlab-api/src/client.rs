//! The typed client: one method for each route of `/v1`.
//!
//! *Invariant:* the client repeats nothing by itself except the connection of a stream. Whoever
//! calls decides what may be sent twice, with [`ClientError::is_retryable`] and
//! [`Client::with_idempotency_key`].

mod agents;
mod archives;
mod artifacts;
mod error;
mod events;
mod lab;
mod logs;
mod patches;
mod plans;
mod policies;
mod provenance;
mod query;
mod sse;
mod tasks;
mod templates;
mod transport;

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use archives::ArchiveBytes;
pub use artifacts::ArtifactUpload;
pub use error::ClientError;
pub use events::EventQuery;
pub use logs::{LogChunk, LogPart};
pub use policies::PolicyOf;
pub use query::{AuditQuery, Page, PatchQuery, TaskQuery};

/// Largest answer that is read, in bytes. A page of 500 tasks is far below it; so is a diff that a
/// person can read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a long poll gets on top of the time that it asks the server to wait.
pub const LONG_POLL_GRACE: Duration = Duration::from_secs(10);
/// Idle connections that are kept for the next call.
const POOL_IDLE_MAX: usize = 32;
/// How long an idle connection is kept; below the keep-alive of common proxies (60 s).
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// How long calls may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the whole answer is there. Long polls get their wait and [`LONG_POLL_GRACE`] instead.
    pub request: Duration,
    /// Longest silence on a stream before it is connected again. The server sends a comment every
    /// 15 s, so this is two lost ones.
    pub stream_silence: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            stream_silence: Duration::from_secs(40),
        }
    }
}

/// A client of one server. Cheap to clone: clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: Option<HeaderValue>,
    idempotency_key: Option<HeaderValue>,
    timeouts: Timeouts,
}

impl Client {
    /// A client of the server at `base_url`, such as `http://127.0.0.1:18080`. A path in it is
    /// kept, for servers behind a prefix. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Config`] if the address is not an http or https one, or names a user; if the
    /// token cannot be sent in a header; or if the system has no usable certificates (https only).
    pub fn new(
        base_url: &str,
        token: Option<SecretString>,
        timeouts: Timeouts,
    ) -> Result<Self, ClientError> {
        let base = query::base(base_url)?;
        let authorization = match token {
            Some(token) => {
                let mut value =
                    HeaderValue::try_from(format!("Bearer {}", token.expose_secret().trim()))
                        .map_err(|_| {
                            ClientError::config("the token has characters that no token has")
                        })?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let http = transport::http_client(&base, &timeouts)?;
        Ok(Self {
            http,
            base,
            authorization,
            idempotency_key: None,
            timeouts,
        })
    }

    /// A client whose changes carry this `Idempotency-Key`: the server does the same change once,
    /// and repeats its answer. Use a key for one change.
    ///
    /// # Errors
    /// [`ClientError::Config`] if the key is empty, longer than
    /// [`devlab_core::limits::IDEMPOTENCY_KEY_BYTES_MAX`], or not printable ASCII.
    pub fn with_idempotency_key(&self, key: &str) -> Result<Self, ClientError> {
        let fits = (1..=devlab_core::limits::IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len());
        let printable = key.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::from_str(key)
            .ok()
            .filter(|_| fits && printable);
        let Some(value) = value else {
            return Err(ClientError::config(
                "an Idempotency-Key has 1 to 200 printable ASCII characters, none a space",
            ));
        };
        Ok(Self {
            idempotency_key: Some(value),
            ..self.clone()
        })
    }

    /// The server's address, ending in `/`.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.base
    }

    fn get(&self, path: &[&str]) -> transport::Call<'_> {
        transport::Call::new(self, Method::GET, path)
    }

    fn post(&self, path: &[&str]) -> transport::Call<'_> {
        transport::Call::new(self, Method::POST, path)
    }

    fn patch(&self, path: &[&str]) -> transport::Call<'_> {
        transport::Call::new(self, Method::PATCH, path)
    }

    fn put(&self, path: &[&str]) -> transport::Call<'_> {
        transport::Call::new(self, Method::PUT, path)
    }

    fn delete(&self, path: &[&str]) -> transport::Call<'_> {
        transport::Call::new(self, Method::DELETE, path)
    }
}
