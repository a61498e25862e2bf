//! Secrets: tokens, and the tokens of attempts, which are derived and not stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devlab_core::AttemptId;
use devlab_core::check::Sha256Hex;
use devlab_core::tx::Tx;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a token's secret begins with.
pub const TOKEN_PREFIX: &str = "dl_";
/// What an attempt's secret begins with.
pub const ATTEMPT_TOKEN_PREFIX: &str = "dla_";

/// A secret that is not shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 256 random bits in URL-safe base64, with [`TOKEN_PREFIX`].
    pub fn new(tx: &mut dyn Tx) -> Self {
        Self(format!("{TOKEN_PREFIX}{}", random_text(tx)))
    }

    /// Takes over a secret that somebody else made.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored instead of it.
    #[must_use]
    pub fn hash(&self) -> Sha256Hex {
        Sha256Hex::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// 256 random bits in URL-safe base64.
pub(crate) fn random_text(tx: &mut dyn Tx) -> String {
    let mut bytes = [0_u8; 32];
    bytes[..16].copy_from_slice(&tx.random().to_le_bytes());
    bytes[16..].copy_from_slice(&tx.random().to_le_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn mac(key: &[u8], attempt: AttemptId) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(b"devlab attempt token v1\0");
    mac.update(&attempt.bytes());
    Some(mac)
}

/// The secret of an attempt: `dla_<attempt>_<mac>`, an HMAC-SHA-256 under the lab's key. It is good
/// while the attempt may write, and only for its repository.
#[must_use]
pub fn attempt_token(key: &[u8], attempt: AttemptId) -> Secret {
    let tag = mac(key, attempt).map(|mac| mac.finalize().into_bytes());
    let tag = tag
        .map(|tag| URL_SAFE_NO_PAD.encode(tag))
        .unwrap_or_default();
    Secret(format!("{ATTEMPT_TOKEN_PREFIX}{attempt}.{tag}"))
}

/// The attempt that a secret belongs to, if this lab made it. Compared in constant time.
#[must_use]
pub fn parse_attempt_token(key: &[u8], text: &str) -> Option<AttemptId> {
    let (attempt, tag) = text.strip_prefix(ATTEMPT_TOKEN_PREFIX)?.split_once('.')?;
    let attempt: AttemptId = attempt.parse().ok()?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    mac(key, attempt)?.verify_slice(&tag).ok()?;
    Some(attempt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use devlab_core::Timestamp;

    #[test]
    fn an_attempts_token_is_good_for_that_attempt_and_key_only() {
        let attempt = AttemptId::new(Timestamp::from_millis(5), 7);
        let other = AttemptId::new(Timestamp::from_millis(5), 8);
        let token = attempt_token(b"key", attempt);
        assert_eq!(parse_attempt_token(b"key", token.reveal()), Some(attempt));
        assert_eq!(parse_attempt_token(b"another key", token.reveal()), None);
        let swapped = token
            .reveal()
            .replace(&attempt.to_string(), &other.to_string());
        assert_eq!(parse_attempt_token(b"key", &swapped), None);
        assert_eq!(parse_attempt_token(b"key", "dla_x.y"), None);
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let secret = Secret::from_text("dl_hidden");
        assert!(!format!("{secret:?}").contains("hidden"));
    }
}
