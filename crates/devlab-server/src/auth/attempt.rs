//! Tokens of attempts, for git: an id and a MAC, so that nothing has to be stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devlab_core::{AttemptId, TemplateId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "dla_";
/// Length of an attempt's id as text: its prefix, and 128 bits in base32.
const ID_LEN: usize = "att_".len() + 26;

/// The lab's key for attempts' tokens: the stored setting `attempt_token_key`.
#[derive(Clone)]
pub struct AttemptKey(Hmac<Sha256>);

impl AttemptKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC pads a key that is shorter than its block with zeros (RFC 2104 §2).
        let mut block = [0_u8; 64];
        block[..key.len()].copy_from_slice(key);
        Self(Hmac::new(&block.into()))
    }

    /// From 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let mut key = [0; 32];
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self::new(&key))
    }

    /// `dla_<attempt>_<mac>`.
    pub(super) fn token(&self, attempt: AttemptId) -> String {
        let attempt = attempt.to_string();
        let mac = self.mac(&attempt).finalize().into_bytes();
        format!("{PREFIX}{attempt}_{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// The attempt whose token this is. Does not say whether it still lives.
    pub(super) fn verify(&self, token: &str) -> Option<AttemptId> {
        // The MAC's own alphabet has an underscore, so count from the front.
        let (attempt, mac) = token.strip_prefix(PREFIX)?.split_at_checked(ID_LEN)?;
        let id: AttemptId = attempt.parse().ok()?;
        let mac = URL_SAFE_NO_PAD.decode(mac.strip_prefix('_')?).ok()?;
        self.mac(attempt).verify_slice(&mac).ok()?;
        Some(id)
    }

    /// What proves to another server of the lab that one of its own has passed a request on.
    pub(super) fn mark(&self, request: &str) -> String {
        // No attempt's id looks like this.
        let mac = self.mac(&format!("passed on {request}")).finalize();
        URL_SAFE_NO_PAD.encode(mac.into_bytes())
    }

    pub(super) fn is_mark(&self, request: &str, mark: &str) -> bool {
        let mac = URL_SAFE_NO_PAD.decode(mark).unwrap_or_default();
        let mark = self.mac(&format!("passed on {request}"));
        mark.verify_slice(&mac).is_ok()
    }

    /// The key of a webhook with its number.
    pub(super) fn hook_key(&self, id: TemplateId, number: u32) -> [u8; 32] {
        let mac = self.mac(&format!("webhook {number} {id}")).finalize();
        mac.into_bytes().into()
    }

    fn mac(&self, attempt: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(attempt.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use devlab_core::Timestamp;

    use super::*;

    #[test]
    fn only_the_key_makes_a_token_and_only_for_its_attempt() {
        let key = AttemptKey::from_hex(&"0a".repeat(32)).unwrap();
        let other = AttemptKey::new(&[1; 32]);
        for i in 0..50 {
            let at = Timestamp::from_millis(1_700_000_000_000);
            let (id, next) = (AttemptId::new(at, i), AttemptId::new(at, i + 1));
            let token = key.token(id);
            assert_eq!(key.verify(&token), Some(id), "{token}");
            assert_eq!(other.verify(&token), None);
            let swapped = token.replace(&id.to_string(), &next.to_string());
            assert_eq!(key.verify(&swapped), None);
            assert_eq!(key.verify(&token[..token.len() - 1]), None);
        }
        assert_eq!(key.verify("dla_"), None);
        assert_eq!(key.verify("dla_é"), None);
    }

    #[test]
    fn the_mac_is_hmac_sha_256_of_the_id() {
        // The expected value comes from another implementation of HMAC.
        let key = AttemptKey::from_hex(&"0a".repeat(32)).unwrap();
        let id: AttemptId = "att_01jd3v6p5x8e9rk2m4n6q8t0vw".parse().unwrap();
        let mac = "7gz2YBLuHF-Hp2vfDoVErVcog__CNOmwIzxxnLbZZ8I";
        assert_eq!(key.token(id), format!("dla_{id}_{mac}"));
    }

    #[test]
    fn a_key_is_64_digits() {
        for text in ["", "0a", &"0g".repeat(32), &"é".repeat(32)] {
            assert!(AttemptKey::from_hex(text).is_none(), "{text}");
        }
    }
}
