//! Use cases and background loops of the lab.
//!
//! [`Lab`] is what a server needs to answer its callers: it owns the store, the repositories and
//! the loops, and knows nothing of HTTP. What may happen is decided by `devlab_core::rules`; this
//! crate brings the rules together with the repositories, who ask and wait, and the clock.
//!
//! *Invariant:* no state is kept here that is not in the store or in a repository, except who is
//! waiting ([`wakes`]) and what can be read again (caches).
//! *Invariant:* every loop looks only at stored state, and can be run twice without harm.

pub mod archive;
mod artifacts;
mod assignment;
mod browse;
pub mod choices;
mod error;
mod folder;
mod git_server;
mod homes;
mod lab;
mod logs;
mod loops;
mod moves;
mod mutate;
mod place;
pub mod plans;
mod policies;
mod pool;
pub mod projects;
mod results;
mod retention;
pub mod scope;
mod secrets;
pub mod sessions;
mod source;
mod standing;
pub mod tokens;
mod upstream;
mod wakes;
mod work;

pub use artifacts::NewArtifact;
pub use assignment::Assignment;
pub use devlab_forge::browse::{Folder, FolderEntry};
pub use devlab_forge::inspect::EntryKind;
pub use devlab_store::WriterReport;
pub use devlab_store::blobs::{BlobError, BlobErrorKind};
pub use error::{Error, Result};
pub use git_server::{GitBody, GitCall, GitReply};
pub use homes::ThisServer;
pub use lab::{BytesConfig, FaultHook, Lab, LabConfig, LabParts};
pub use logs::LogPart;
pub use loops::LoopReport;
pub use moves::{Arriving, Move, arrive};
pub use mutate::{Answer, Done, IdempotencyKey, Mutation};
pub use pool::{Pool, Switch};
pub use results::CommitView;
pub use retention::{DueGoal, Holdings, Retired};
pub use secrets::{Secret, TOKEN_PREFIX};
pub use tokens::Bootstrap;
pub use upstream::{BegunSync, Synced, UpstreamSync};
pub use wakes::Wakes;
pub use work::Delivered;
