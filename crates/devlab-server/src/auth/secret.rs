//! Where a request carries its token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName};

const X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// Longest token, in bytes. Ours have 46; a seeded one may be longer.
const SECRET_BYTES_MAX: usize = 512;

/// The token of a program: `Authorization: Bearer`, else `X-Auth-Token`.
pub(super) fn of_program(headers: &HeaderMap) -> Option<&str> {
    let secret = match scheme(headers, "bearer") {
        Some(secret) => secret,
        None => headers.get(X_AUTH_TOKEN)?.to_str().ok()?,
    };
    fits(secret).then_some(secret)
}

/// The token of a git client: as for a program, or the password of `Basic` with any user.
pub(super) fn of_git(headers: &HeaderMap) -> Option<String> {
    if let Some(secret) = of_program(headers) {
        return Some(secret.to_owned());
    }
    let encoded = scheme(headers, "basic")?;
    if encoded.len() > 2 * SECRET_BYTES_MAX {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (_, password) = pair.split_once(':')?;
    fits(password).then(|| password.to_owned())
}

fn scheme<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim())
}

fn fits(secret: &str) -> bool {
    !secret.is_empty() && secret.len() <= SECRET_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_token_comes_in_either_header() {
        for pair in [
            ("authorization", "Bearer dl_x"),
            ("authorization", "bearer  dl_x"),
            ("x-auth-token", "dl_x"),
        ] {
            assert_eq!(of_program(&headers(&[pair])), Some("dl_x"), "{pair:?}");
        }
        for pair in [
            ("authorization", "dl_x"),
            ("authorization", "Bearer "),
            ("authorization", "Basic dTpkbF94"),
            ("x-auth-token", ""),
            ("cookie", "dl_x"),
        ] {
            assert_eq!(of_program(&headers(&[pair])), None, "{pair:?}");
        }
    }

    #[test]
    fn git_shows_its_token_as_a_password() {
        let basic = |text: &str| headers(&[("authorization", &format!("Basic {text}"))]);
        // "u:dl_x", ":dl_x", "u:a:b", "nopassword", "u:"
        assert_eq!(of_git(&basic("dTpkbF94")).as_deref(), Some("dl_x"));
        assert_eq!(of_git(&basic("OmRsX3g=")).as_deref(), Some("dl_x"));
        assert_eq!(of_git(&basic("dTphOmI=")).as_deref(), Some("a:b"));
        assert_eq!(of_git(&basic("bm9wYXNzd29yZA==")), None);
        assert_eq!(of_git(&basic("dTo=")), None);
        assert_eq!(of_git(&basic("!!")), None);
    }
}
