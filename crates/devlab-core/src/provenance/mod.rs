//! Provenance: the way from a goal to the commit that it became, as signed statements that can be
//! verified without a lab.
//!
//! Each step is a [`Link`], an in-toto statement in a DSSE envelope. A link names the digest of the
//! one before, so that none can be left out, put in or swapped; what it says of commits and trees is
//! held against the repository. The links of a goal are a [`Note`], attached to the merge commit of
//! the goal under [`NOTES_REF`]. The org's keys are a chain of their own: each is signed by the one
//! before it. `docs/provenance.md` says what that proves and what it does not.
//!
//! Everything here is a function of its input: who reads records and repositories is elsewhere
//! ([`crate::rules::provenance`], and the `devlab` binary).

pub mod dsse;
pub mod history;
pub mod link;
pub mod note;
pub mod verify;

pub use dsse::{Envelope, PublicKey, SecretKey};
pub use history::{Commit, History};
pub use link::Link;
pub use note::{Note, OrgKey, Rotation};
pub use verify::{Broken, Verified, verify};

/// Ref that the notes are under.
pub const NOTES_REF: &str = "refs/notes/devlab";
/// Type of a payload: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Type of a statement (in-toto attestation framework, `spec/v1/statement.md`).
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Predicate of a link.
pub const LINK_TYPE: &str = "https://devlab.invalid/provenance/link/v1";
/// Predicate of a new key.
pub const ROTATION_TYPE: &str = "https://devlab.invalid/provenance/rotation/v1";

/// Most links of a note.
pub const LINKS_MAX: usize = 50_000;
/// Longest note, in bytes: room for so many links.
pub const NOTE_BYTES_MAX: usize = 64 << 20;
/// Most keys that an org may have had.
pub const KEYS_MAX: u32 = 256;
