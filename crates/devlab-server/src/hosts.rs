//! Names that this server answers to: the defence against DNS rebinding.
//!
//! A page on a hostile site can make its own name resolve to this machine and then talk to us with
//! the browser's reach. Its requests carry the hostile name in `Host`, so only known names are
//! answered.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri};

use crate::problem::{ApiError, Kind, Result};

/// Longest part of a refused name that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 100;

/// Names that this server answers to, without ports.
#[derive(Debug, Clone)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// The loopback names, the address that is listened on unless it is a wildcard, and the
    /// configured names (with or without a port, which does not matter).
    #[must_use]
    pub fn new<'a>(bind: IpAddr, configured: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(Into::into).into();
        if !bind.is_unspecified() {
            names.push(match bind {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
        let configured = configured.into_iter().map(str::trim);
        names.extend(
            configured
                .filter(|name| !name.is_empty())
                .map(|name| without_port(name).to_owned()),
        );
        names.dedup();
        Self(names)
    }

    /// Refuses a request for another name.
    pub(crate) fn check(&self, target: &Uri, headers: &HeaderMap) -> Result<()> {
        // HTTP/2 has the name in its target, HTTP/1.1 in a header.
        let host = match headers.get(HOST) {
            Some(value) => value.to_str().ok(),
            None => target.authority().map(hyper::http::uri::Authority::as_str),
        };
        let Some(host) = host else {
            return Err(ApiError::new(
                Kind::BAD_REQUEST,
                "the Host header is missing",
            ));
        };
        let name = without_port(host);
        if self.0.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        let shown: String = name.chars().take(SHOWN_CHARS_MAX).collect();
        Err(ApiError::new(
            Kind::HOST_NOT_ALLOWED,
            format!("\"{shown}\" is not a name of this server"),
        ))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(hosts: &AllowedHosts, host: &str) -> bool {
        let headers = [(HOST, host.parse().unwrap())].into_iter().collect();
        hosts.check(&Uri::from_static("/"), &headers).is_ok()
    }

    #[test]
    fn only_own_names_are_answered_whatever_the_port() {
        let hosts = AllowedHosts::new([10, 0, 0, 7].into(), ["lab.example:443", " "]);
        for good in [
            "localhost",
            "LOCALHOST:18080",
            "127.0.0.1:1",
            "[::1]:18080",
            "[::1]",
            "10.0.0.7",
            "lab.example",
        ] {
            assert!(answers(&hosts, good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:18080",
            "localhost:80:evil",
            "",
            "::1",
        ] {
            assert!(!answers(&hosts, bad), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_address_is_no_name() {
        let hosts = AllowedHosts::new([0, 0, 0, 0].into(), []);
        assert!(!answers(&hosts, "0.0.0.0"));
    }
}
