//! The keys that provenance is signed with.

use devlab_core::provenance::{Envelope, PublicKey};
use devlab_core::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The public keys of an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrgKeys {
    /// Org.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// The first one that this lab has made, as 64 hexadecimal digits: what a verifier has to know.
    #[schema(value_type = String)]
    pub root: PublicKey,
    /// All of them, oldest first. The last one signs.
    pub keys: Vec<OrgKey>,
}

/// A public key of an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrgKey {
    /// From 1, without gaps.
    pub number: u32,
    /// An ed25519 key, as 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// What envelopes call it: the SHA-256 of its bytes.
    pub keyid: String,
    /// What the key before says of it, as a DSSE envelope; absent for a first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub rotation: Option<Envelope>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}
