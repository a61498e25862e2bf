//! Typed, sortable ids with a prefix that a person can read.
//!
//! An id is a UUID version 7 (RFC 9562 §5.7: 48 bits of Unix milliseconds, then randomness), so
//! ids sort by creation. Its text form is the kind's prefix, an underscore, and the 128 bits in
//! lower-case Crockford base32, 26 characters: `task_01jd3v6p5x8e9rk2m4n6q8t0vw`. Text sorts like
//! the bits do.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::time::Timestamp;

/// Crockford's base32 alphabet in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters that 128 bits take at 5 bits each.
const TEXT_LEN: usize = 26;

/// What an id names; gives the prefix of its text form.
pub trait Kind: 'static {
    /// The prefix, without the underscore.
    const PREFIX: &'static str;
}

/// An id of one kind of thing. Ids of different kinds are different types.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// The kinds of things that have ids.
pub mod kind {
    use super::Kind;

    /// An organisation (tenant).
    pub enum Org {}
    /// A project (one repository).
    pub enum Project {}
    /// A task.
    pub enum Task {}
    /// An attempt at a task; also its fencing token.
    pub enum Attempt {}
    /// An agent process.
    pub enum Agent {}
    /// A candidate of a train.
    pub enum Candidate {}
    /// A receipt of a check.
    pub enum Receipt {}
    /// A patch under review.
    pub enum Patch {}
    /// A file that an attempt left.
    pub enum Artifact {}
    /// An access token.
    pub enum Token {}
    /// A server of the lab, with its disk.
    pub enum Server {}
    /// A template of goals, started on a schedule or by a webhook.
    pub enum Template {}

    impl Kind for Org {
        const PREFIX: &'static str = "org";
    }
    impl Kind for Project {
        const PREFIX: &'static str = "proj";
    }
    impl Kind for Task {
        const PREFIX: &'static str = "task";
    }
    impl Kind for Attempt {
        const PREFIX: &'static str = "att";
    }
    impl Kind for Agent {
        const PREFIX: &'static str = "agent";
    }
    impl Kind for Candidate {
        const PREFIX: &'static str = "cand";
    }
    impl Kind for Receipt {
        const PREFIX: &'static str = "rcpt";
    }
    impl Kind for Patch {
        const PREFIX: &'static str = "patch";
    }
    impl Kind for Artifact {
        const PREFIX: &'static str = "art";
    }
    impl Kind for Token {
        const PREFIX: &'static str = "tok";
    }
    impl Kind for Server {
        const PREFIX: &'static str = "srv";
    }
    impl Kind for Template {
        const PREFIX: &'static str = "sched";
    }
}

/// Id of an organisation.
pub type OrgId = Id<kind::Org>;
/// Id of a project.
pub type ProjectId = Id<kind::Project>;
/// Id of a task.
pub type TaskId = Id<kind::Task>;
/// Id of an attempt: the fence that every write of an agent carries.
pub type AttemptId = Id<kind::Attempt>;
/// Id of an agent.
pub type AgentId = Id<kind::Agent>;
/// Id of a candidate.
pub type CandidateId = Id<kind::Candidate>;
/// Id of a receipt.
pub type ReceiptId = Id<kind::Receipt>;
/// Id of a patch.
pub type PatchId = Id<kind::Patch>;
/// Id of an artifact.
pub type ArtifactId = Id<kind::Artifact>;
/// Id of an access token (not the secret).
pub type TokenId = Id<kind::Token>;
/// Id of a server: of its data folder, so that it outlives its process.
pub type ServerId = Id<kind::Server>;
/// Id of a template of goals.
pub type TemplateId = Id<kind::Template>;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {prefix} id: expected {prefix}_ and {TEXT_LEN} base32 characters")]
pub struct ParseIdError {
    prefix: &'static str,
}

impl<K> Id<K> {
    /// Wraps stored bits.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// Makes a new id from a time and 128 random bits, of which 74 are used.
    #[must_use]
    pub fn new(at: Timestamp, random: u128) -> Self {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        let mut bytes = [0_u8; 10];
        bytes.copy_from_slice(&random.to_le_bytes()[..10]);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    /// Makes the id of what was made together with this one, and after it: it has the same time and
    /// sorts behind it, by a random step (RFC 9562, section 6.2, method 2).
    #[must_use]
    pub fn next(self, random: u128) -> Self {
        // After the 48 bits of the time there are 4 of the version, 12 that are random, 2 of the
        // variant, and 62 that are random.
        const LOW: u128 = (1 << 62) - 1;
        const HIGH: u128 = 0xfff << 64;
        let bits = self.0.as_u128();
        let random_bits = ((bits & HIGH) >> 2) | (bits & LOW);
        let step = (random & u128::from(u32::MAX)) + 1;
        // At the very end it begins anew, and what follows stands before what was first: one id in
        // 2⁴² is so near to it.
        let next = random_bits + step;
        let next = ((next << 2) & HIGH) | (next & LOW);
        Self::from_uuid(Uuid::from_u128((bits & !(HIGH | LOW)) | next))
    }

    /// The bits.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The bits as bytes, big-endian: sorts like the id.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }
}

fn encode(mut bits: u128) -> [u8; TEXT_LEN] {
    let mut text = [b'0'; TEXT_LEN];
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET[usize::from((bits & 31) as u8)];
        bits >>= 5;
    }
    text
}

fn decode(text: &[u8]) -> Option<u128> {
    // The first character carries 3 bits: anything above `7` would overflow.
    if text.len() != TEXT_LEN || !(b'0'..=b'7').contains(&text[0]) {
        return None;
    }
    let mut bits = 0_u128;
    for byte in text {
        let value = ALPHABET.iter().position(|letter| letter == byte)?;
        bits = (bits << 5) | u128::try_from(value).ok()?;
    }
    Some(bits)
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = encode(self.0.as_u128());
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(|rest| decode(rest.as_bytes()))
            .map(|bits| Self::from_uuid(Uuid::from_u128(bits)))
            .ok_or(ParseIdError { prefix: K::PREFIX })
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_sorts_by_time() {
        let early = TaskId::new(Timestamp::from_millis(1_700_000_000_000), u128::MAX);
        let late = TaskId::new(Timestamp::from_millis(1_700_000_000_001), 0);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<TaskId>().unwrap(), early);
        assert_eq!(early.to_string().len(), "task_".len() + TEXT_LEN);
    }

    #[test]
    fn what_is_made_together_sorts_as_it_was_made() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        // The last one goes on in the bits before the variant.
        for random in [0, 7, 1 << 79, 0xffff_ffff_ffff_ffff_ff00] {
            let mut last = TaskId::new(at, random);
            let time = last.bytes()[..6].to_vec();
            for step in [0, 1, u128::MAX, 1 << 31] {
                let next = last.next(step);
                assert!(last < next, "{last} {next}");
                assert_eq!(next.bytes()[..6], time);
                let uuid = next.uuid();
                assert_eq!(uuid.get_version_num(), 7);
                assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
                last = next;
            }
        }
        let end = TaskId::new(at, u128::MAX).next(0);
        assert_eq!(end, TaskId::new(at, 0), "the time is as it was");
    }

    #[test]
    fn another_kind_another_length_or_another_alphabet_is_refused() {
        let id = OrgId::new(Timestamp::from_millis(1), 7).to_string();
        assert!(id.parse::<TaskId>().is_err());
        assert!(id[..id.len() - 1].parse::<OrgId>().is_err());
        assert!(
            "org_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<OrgId>().is_err(),
            "would overflow"
        );
        assert!("org_0000000000000000000000000u".parse::<OrgId>().is_err());
        assert!("org_é000000000000000000000000".parse::<OrgId>().is_err());
    }
}
