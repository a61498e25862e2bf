//! A place of blobs at an S3-compatible server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::error::{BlobError, BlobErrorKind};

/// Longest time to a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest time without a byte of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Longest time of one request, its body of at most [`super::PART_BYTES`] included.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// How often a request that failed is tried again.
const RETRIES: usize = 4;
/// After this time it is not.
const RETRY_FOR: Duration = Duration::from_secs(30);
/// Pause before the first repetition; it doubles, up to the second, with jitter.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Where an S3-compatible server is and how it lets us in.
#[derive(Clone)]
pub struct S3Options {
    /// Bucket; it has to exist.
    pub bucket: String,
    /// Begins the name of every object; may be empty.
    pub prefix: String,
    /// Address of the server; `None` is that of Amazon in this region.
    pub endpoint: Option<String>,
    /// Region; most servers of other makers take any.
    pub region: String,
    /// Key and its secret; `None` asks the machine it runs on for its role.
    pub keys: Option<S3Keys>,
    /// Whether an http address of another machine is allowed: what is stored goes over the network
    /// as it is.
    pub allow_http: bool,
    /// How long requests may take and how often they are tried again.
    pub patience: S3Patience,
}

/// A key and its secret.
#[derive(Clone)]
pub struct S3Keys {
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// Token of a session, for keys that end.
    pub session_token: Option<String>,
}

/// How long an S3 server is waited for.
#[derive(Debug, Clone, Copy)]
pub struct S3Patience {
    /// Longest time to a connection.
    pub connect: Duration,
    /// Longest time without a byte of an answer.
    pub silence: Duration,
    /// Longest time of one request.
    pub request: Duration,
    /// How often a request that failed is tried again.
    pub retries: usize,
    /// After this time it is not.
    pub retry_for: Duration,
}

impl Default for S3Patience {
    fn default() -> Self {
        Self {
            connect: CONNECT_MAX,
            silence: SILENCE_MAX,
            request: REQUEST_MAX,
            retries: RETRIES,
            retry_for: RETRY_FOR,
        }
    }
}

impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl S3Options {
    /// The place, for people.
    pub(super) fn describe(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        let at = match &self.endpoint {
            Some(endpoint) => format!(" at {endpoint}"),
            None => format!(" in {}", self.region),
        };
        format!("s3://{}{slash}{}{at}", self.bucket, self.prefix)
    }

    /// The client. Does not connect yet.
    ///
    /// # Errors
    /// The description is wrong.
    pub(super) fn client(&self) -> Result<AmazonS3, BlobError> {
        let is_plain = self.check_endpoint()?;
        let patience = self.patience;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_allow_http(is_plain)
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: PAUSES.0,
                    max_backoff: PAUSES.1,
                    base: 2.0,
                },
                max_retries: patience.retries,
                retry_timeout: patience.retry_for,
            })
            .with_http_connector(Connector { patience, is_plain });
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(keys) = &self.keys {
            builder = builder
                .with_access_key_id(&keys.access_key)
                .with_secret_access_key(&keys.secret_key);
            if let Some(token) = &keys.session_token {
                builder = builder.with_token(token);
            }
        }
        builder
            .build()
            .map_err(|error| BlobError::new(BlobErrorKind::Config, error.to_string()))
    }

    /// Whether the endpoint speaks http; refuses that for another machine.
    fn check_endpoint(&self) -> Result<bool, BlobError> {
        let wrong = |what: String| BlobError::new(BlobErrorKind::Config, what);
        let Some(endpoint) = &self.endpoint else {
            return Ok(false);
        };
        if endpoint.starts_with("https://") {
            return Ok(false);
        }
        let Some(rest) = endpoint.strip_prefix("http://") else {
            return Err(wrong(format!(
                "the endpoint \"{endpoint}\" should begin with https://"
            )));
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if self.allow_http || is_loopback(authority) {
            return Ok(true);
        }
        Err(wrong(format!(
            "the endpoint {endpoint} is plain http on another machine: give it an https address, or \
             allow it with DEVLAB_BLOBS_ALLOW_HTTP=true if the network between is trusted"
        )))
    }
}

/// Whether a host, with or without a port, is this machine.
fn is_loopback(authority: &str) -> bool {
    // What stands before an @ is no host.
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Makes the HTTP client: TLS by ring, no redirects, with time limits.
#[derive(Debug)]
struct Connector {
    patience: S3Patience,
    is_plain: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
                store: "S3",
                source,
            };
        let mut roots = rustls::RootCertStore::empty();
        if !self.is_plain {
            // A certificate of the system that cannot be read is as good as absent.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(Box::new(error)))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .user_agent(concat!("devlab/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.silence)
            .timeout(self.patience.request)
            .build()
            .map_err(|error| failed(Box::new(error)))?;
        Ok(HttpClient::new(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(endpoint: Option<&str>, allow_http: bool) -> S3Options {
        S3Options {
            bucket: "b".to_owned(),
            prefix: "p".to_owned(),
            endpoint: endpoint.map(str::to_owned),
            region: "us-east-1".to_owned(),
            keys: Some(S3Keys {
                access_key: "key".to_owned(),
                secret_key: "hush".to_owned(),
                session_token: None,
            }),
            allow_http,
            patience: S3Patience::default(),
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for (endpoint, allowed, works) in [
            (None, false, true),
            (Some("https://s3.example.com"), false, true),
            (Some("http://127.0.0.1:9000"), false, true),
            (Some("http://[::1]:9000/x"), false, true),
            (Some("http://localhost"), false, true),
            (Some("http://10.0.0.1:9000"), false, false),
            (Some("http://localhost.example.com"), false, false),
            (Some("http://127.0.0.1@example.com"), false, false),
            (Some("http://10.0.0.1:9000"), true, true),
            (Some("ftp://localhost"), true, false),
        ] {
            let made = options(endpoint, allowed).client();
            assert_eq!(made.is_ok(), works, "{endpoint:?} {allowed}");
            if let Err(error) = made {
                assert_eq!(error.kind, BlobErrorKind::Config);
            }
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!("{:?}", options(Some("https://s3.example.com"), false));
        assert_eq!(printed, "s3://b/p at https://s3.example.com");
    }
}
