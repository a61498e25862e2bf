//! Tokens and the first login.

use devlab_core::auth::Role;
use devlab_core::{OrgId, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Id.
    #[schema(value_type = String, example = "tok_01jd3v6p5x8e9rk2m4n6q8t0vw")]
    pub id: TokenId,
    /// `admin`, `operator`, `viewer`, `agent` or `metrics`.
    #[schema(value_type = String)]
    pub role: Role,
    /// Org; absent for a global one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub org: Option<OrgId>,
    /// What it is for.
    pub note: String,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// Makes a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// `admin`, `operator`, `viewer`, `agent` or `metrics`.
    pub role: String,
    /// Org, by id or name. Only a global admin may leave it out, for a global admin's or a metrics
    /// token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub note: String,
    /// Seconds until it stops working; never if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_secs: Option<u64>,
}

/// A new token. The secret is shown this once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// Its secret, for `Authorization: Bearer`.
    pub secret: String,
}

/// Exchanges the one-time code of a login link for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The code in the link.
    pub code: String,
}
