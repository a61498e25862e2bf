//! Signatures: ed25519 keys and DSSE envelopes (`protocol.md` of DSSE v1.0.2).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::Sha256Hex;
use crate::error::StorageErrorKind;
use crate::error::{Refusal, StorageError};

/// Bytes of a public key, and of the seed of a secret one (RFC 8032, §5.1.5).
const KEY_BYTES: usize = 32;

/// A public key. Its text form is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// What envelopes call it: the SHA-256 of its bytes.
    #[must_use]
    pub fn id(&self) -> Sha256Hex {
        Sha256Hex::of(&self.0)
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(message, signature).is_ok()
    }
}

/// A secret key. It is not shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; KEY_BYTES]);

impl SecretKey {
    /// The key of some random bits.
    #[must_use]
    pub fn new(bits: [u128; 2]) -> Self {
        let mut seed = [0; KEY_BYTES];
        let (one, other) = seed.split_at_mut(KEY_BYTES / 2);
        one.copy_from_slice(&bits[0].to_le_bytes());
        other.copy_from_slice(&bits[1].to_le_bytes());
        Self(seed)
    }

    /// The text that is stored.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex(&self.0)
    }

    fn pair(&self) -> Result<Ed25519KeyPair, StorageError> {
        Ed25519KeyPair::from_seed_unchecked(&self.0)
            .map_err(|error| StorageError::new(StorageErrorKind::Other, error.to_string()))
    }

    /// The public half.
    ///
    /// # Errors
    /// It is no key; no 32 bytes are none.
    pub fn public(&self) -> Result<PublicKey, StorageError> {
        let pair = self.pair()?;
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(pair.public_key().as_ref());
        Ok(PublicKey(bytes))
    }
}

/// A payload with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// What the payload is.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// The payload, in base64.
    pub payload: String,
    /// One, in what devlab writes.
    pub signatures: Vec<Signature>,
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// [`PublicKey::id`] of who signed.
    pub keyid: Sha256Hex,
    /// The signature, in base64.
    pub sig: String,
}

/// Signs a payload.
///
/// # Errors
/// As [`SecretKey::public`].
pub fn sign(payload_type: &str, payload: &[u8], key: &SecretKey) -> Result<Envelope, StorageError> {
    let signature = key.pair()?.sign(&pae(payload_type, payload));
    Ok(Envelope {
        payload_type: payload_type.to_owned(),
        payload: STANDARD.encode(payload),
        signatures: vec![Signature {
            keyid: key.public()?.id(),
            sig: STANDARD.encode(signature),
        }],
    })
}

/// The payload of an envelope that this key has signed; otherwise why it is not to be believed.
///
/// # Errors
/// In words.
pub fn open(envelope: &Envelope, payload_type: &str, key: &PublicKey) -> Result<Vec<u8>, String> {
    if envelope.payload_type != payload_type {
        return Err(format!(
            "its payload is said to be {}, and not {payload_type}",
            shown(&envelope.payload_type)
        ));
    }
    let payload = STANDARD
        .decode(&envelope.payload)
        .map_err(|_| "its payload is not base64".to_owned())?;
    let [signature] = &envelope.signatures[..] else {
        return Err(format!("it has {} signatures", envelope.signatures.len()));
    };
    if signature.keyid != key.id() {
        return Err(format!(
            "it is signed by the key {}, which is not its org's",
            signature.keyid
        ));
    }
    let bytes = STANDARD
        .decode(&signature.sig)
        .map_err(|_| "its signature is not base64".to_owned())?;
    match key.signed(&pae(payload_type, &payload), &bytes) {
        true => Ok(payload),
        false => Err("its signature does not match what it says: it was altered".to_owned()),
    }
}

/// What is signed: DSSE's pre-authentication encoding.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<[u8; KEY_BYTES], Refusal> {
    let wrong = || Refusal::invalid("key", "expected 64 lower-case hexadecimal digits");
    // The same form as a digest: nothing else is one.
    let digits: Sha256Hex = text.parse().map_err(|_| wrong())?;
    let mut bytes = [0; KEY_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_str().as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

impl FromStr for PublicKey {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        unhex(text).map(Self)
    }
}
impl FromStr for SecretKey {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        unhex(text).map(Self)
    }
}
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test of RFC 8032, §7.1: an empty message.
    #[test]
    fn keys_are_those_of_the_rfc() {
        let secret: SecretKey = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
            .parse()
            .unwrap();
        let public = secret.public().unwrap();
        assert_eq!(
            public.to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
            5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(hex(secret.pair().unwrap().sign(b"").as_ref()), signature);
        assert_eq!(format!("{secret:?}"), "SecretKey(…)");
    }

    /// The example of DSSE's `protocol.md`.
    #[test]
    fn what_is_signed_is_what_dsse_says() {
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        let text = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }

    #[test]
    fn an_envelope_opens_with_its_key_and_as_it_was() {
        let (ours, other) = (SecretKey::new([1, 2]), SecretKey::new([1, 3]));
        let public = ours.public().unwrap();
        let envelope = sign("t", b"said", &ours).unwrap();
        assert_eq!(open(&envelope, "t", &public).unwrap(), b"said");
        let refused = |envelope: &Envelope, key: &SecretKey| {
            open(envelope, "t", &key.public().unwrap()).unwrap_err()
        };
        assert!(refused(&envelope, &other).contains("not its org's"));
        let mut altered = envelope.clone();
        altered.payload = STANDARD.encode("sad");
        assert!(refused(&altered, &ours).contains("altered"));
        let mut altered = envelope.clone();
        altered.payload_type = "u".to_owned();
        assert!(refused(&altered, &ours).contains("said to be u"));
        let mut altered = envelope.clone();
        altered.signatures.push(envelope.signatures[0].clone());
        assert!(refused(&altered, &ours).contains("2 signatures"));
        let mut altered = envelope;
        altered.signatures[0].keyid = other.public().unwrap().id();
        assert!(refused(&altered, &ours).contains("not its org's"));
    }
}
