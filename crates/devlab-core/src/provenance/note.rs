//! Notes: the signed links of a goal, and the keys that signed them.

use serde::{Deserialize, Serialize};

use crate::check::Sha256Hex;
use crate::error::{Error, Refusal, Result};
use crate::id::OrgId;
use crate::time::Timestamp;

use super::dsse::{self, Envelope, PublicKey, SecretKey};
use super::link::{Link, Placed, Statement, Subject};
use super::{LINK_TYPE, LINKS_MAX, NOTE_BYTES_MAX, PAYLOAD_TYPE, ROTATION_TYPE, STATEMENT_TYPE};

/// Version of the form of notes.
pub const FORMAT: u32 = 1;

/// A key of an org. The highest number signs; the others have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgKey {
    /// Org.
    pub org: OrgId,
    /// From 1, without gaps.
    pub number: u32,
    /// The public half.
    pub public: PublicKey,
    /// The secret half; absent if the org came from another lab, which has kept it.
    pub secret: Option<SecretKey>,
    /// What the key before says of it; absent for a first one.
    pub rotation: Option<Envelope>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a key says of the one that takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Org.
    pub org: OrgId,
    /// Number of the new key.
    pub number: u32,
    /// The new key.
    pub key: PublicKey,
    /// The key that signs this.
    pub replaces: PublicKey,
    /// When.
    pub at: Timestamp,
}

impl Rotation {
    /// What the statement is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject::new(
            format!("{} key {}", self.org, self.number),
            "sha256",
            self.key.id(),
        )
    }
}

/// The provenance of a merge commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// [`FORMAT`] of who wrote it.
    pub format: u32,
    /// Rotations, oldest first: each signed by the key before.
    pub keys: Vec<Envelope>,
    /// Links, in order: signed by the last key.
    pub links: Vec<Envelope>,
}

fn payload<P: Serialize>(subject: Subject, kind: &str, predicate: P) -> Result<Vec<u8>> {
    let statement = Statement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: vec![subject],
        predicate_type: kind.to_owned(),
        predicate,
    };
    serde_json::to_vec(&statement).map_err(|error| {
        Error::Storage(crate::StorageError::new(
            crate::error::StorageErrorKind::Other,
            format!("a statement cannot be written: {error}"),
        ))
    })
}

/// The keys since the last first one: an org that came from another lab begins anew, because that
/// lab's key cannot vouch for this one's.
#[must_use]
pub fn chain(keys: &[OrgKey]) -> &[OrgKey] {
    let first = keys.iter().rposition(|key| key.rotation.is_none());
    &keys[first.unwrap_or(0)..]
}

/// What an old key says of a new one.
///
/// # Errors
/// The old one has no secret half.
pub fn rotate(old: &OrgKey, new: PublicKey, at: Timestamp) -> Result<Envelope> {
    let rotation = Rotation {
        org: old.org,
        number: old.number + 1,
        key: new,
        replaces: old.public,
        at,
    };
    let payload = payload(rotation.subject(), ROTATION_TYPE, &rotation)?;
    let secret = old.secret.as_ref().ok_or(Refusal::NotFound("key"))?;
    Ok(dsse::sign(PAYLOAD_TYPE, &payload, secret)?)
}

impl Note {
    /// Signs links with the newest of an org's keys.
    ///
    /// # Errors
    /// There is no key; [`Refusal::Limit`] for too many links.
    pub fn sign(keys: &[OrgKey], links: Vec<Link>) -> Result<Self> {
        let newest = keys.last().and_then(|key| key.secret.as_ref());
        let newest = newest.ok_or(Refusal::NotFound("key"))?;
        if links.len() > LINKS_MAX {
            return Err(too_much("links of a goal's provenance", LINKS_MAX));
        }
        let mut signed = Vec::with_capacity(links.len());
        let mut previous = None;
        for (number, link) in links.into_iter().enumerate() {
            let placed = Placed {
                number: u32::try_from(number).unwrap_or(u32::MAX),
                previous,
                link,
            };
            let payload = payload(placed.link.subject(), LINK_TYPE, &placed)?;
            previous = Some(Sha256Hex::of(&payload));
            signed.push(dsse::sign(PAYLOAD_TYPE, &payload, newest)?);
        }
        Ok(Self {
            format: FORMAT,
            keys: chain(keys)
                .iter()
                .filter_map(|key| key.rotation.clone())
                .collect(),
            links: signed,
        })
    }

    /// Its text: an envelope on each line.
    ///
    /// # Errors
    /// [`Refusal::Limit`] if it is too long.
    pub fn to_text(&self) -> Result<String> {
        let list = |envelopes: &[Envelope]| -> Vec<String> {
            let lines = envelopes.iter().map(serde_json::to_string);
            lines.map(std::result::Result::unwrap_or_default).collect()
        };
        let text = format!(
            "{{\"format\":{},\"keys\":[\n{}\n],\"links\":[\n{}\n]}}\n",
            self.format,
            list(&self.keys).join(",\n"),
            list(&self.links).join(",\n"),
        );
        match text.len() > NOTE_BYTES_MAX {
            true => Err(too_much("bytes of a goal's provenance", NOTE_BYTES_MAX)),
            false => Ok(text),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is none, or a newer devlab's, in words.
    pub fn from_text(text: &[u8]) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        if text.len() > NOTE_BYTES_MAX {
            return Err(format!("is longer than {NOTE_BYTES_MAX} bytes"));
        }
        let damaged = |error: serde_json::Error| format!("is not what devlab writes: {error}");
        let Version { format } = serde_json::from_slice(text).map_err(damaged)?;
        if format != FORMAT {
            return Err(format!(
                "has format {format}, and this devlab knows format {FORMAT}: use the devlab that \
                 wrote it, or one that came after"
            ));
        }
        serde_json::from_slice(text).map_err(damaged)
    }
}

fn too_much(what: &'static str, limit: usize) -> Error {
    let limit = limit as u64;
    Refusal::Limit { what, limit }.into()
}
