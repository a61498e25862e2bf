//! The pure rules of devlab.
//!
//! Everything here is synchronous and does no I/O: ids, entities, the state machine of a task
//! ([`state`]), and the rules that decide what happens ([`rules`]). Rules read and write through
//! the [`tx::Tx`] trait, which a store implements; the same rules therefore run in property tests
//! on an in-memory transaction and in production on a database.
//!
//! *Invariant:* nothing in this crate knows HTTP, SQL, git's command line or a process.
//! *Invariant:* the state of a task is changed only by [`rules`], which asks
//! [`state::transition`] first.

pub mod ask;
pub mod attempt;
pub mod auth;
pub mod bytes;
pub mod check;
pub mod choice;
pub mod error;
pub mod event;
pub mod git;
pub mod id;
pub mod label;
pub mod limit;
pub mod limits;
pub mod name;
pub mod org;
pub mod patch;
pub mod paths;
pub mod pattern;
pub mod plan;
pub mod policy;
pub mod project_file;
pub mod provenance;
pub mod rules;
pub mod server;
pub mod share;
pub mod state;
pub mod task;
pub mod template;
pub mod time;
pub mod train;
pub mod tx;

pub use error::{Error, Refusal, Result, StorageError};
pub use git::{Oid, RefName};
pub use id::{
    AgentId, ArtifactId, AttemptId, CandidateId, OrgId, PatchId, ProjectId, ReceiptId, ServerId,
    TaskId, TemplateId, TokenId,
};
pub use time::{Clock, SystemClock, Timestamp};
