//! Secrets, which are stored as hashes only.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devlab_core::check::Sha256Hex;
use devlab_core::tx::Tx;

/// What a token's secret begins with.
pub const TOKEN_PREFIX: &str = "dl_";

/// A secret that is not shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 256 random bits in URL-safe base64, with [`TOKEN_PREFIX`].
    pub fn new(tx: &mut dyn Tx) -> Self {
        Self(format!(
            "{TOKEN_PREFIX}{}",
            URL_SAFE_NO_PAD.encode(random_bytes(tx))
        ))
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

fn random_bytes(tx: &mut dyn Tx) -> [u8; 32] {
    let mut bytes = [0_u8; 32];
    bytes[..16].copy_from_slice(&tx.random().to_le_bytes());
    bytes[16..].copy_from_slice(&tx.random().to_le_bytes());
    bytes
}

/// 256 random bits as hexadecimal digits: a key.
pub(crate) fn random_key(tx: &mut dyn Tx) -> String {
    random_bytes(tx)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let secret = Secret::from_text("dl_hidden");
        assert!(!format!("{secret:?}").contains("hidden"));
    }
}
