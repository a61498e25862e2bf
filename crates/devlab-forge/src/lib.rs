//! Repositories, trains and patches on plain git.
//!
//! The only crate that runs git. A repository here is always bare and always ours: what a driver
//! can write (its tree, and the `.git` in it) is only ever read as files, never as configuration.
//!
//! *Invariant:* every git process starts from [`git::Git`], with a cleared environment, no hooks,
//! no filters, no file-system monitor, a time limit and an output limit.
//! *Invariant:* a credential reaches git through its environment, never through its arguments.
//! *Invariant:* every change of a ref names the value it replaces.
//!
//! A process costs about four milliseconds, so each operation says how many it starts.

pub mod browse;
pub mod bundle;
pub mod candidate;
pub mod commit;
pub mod error;
pub mod forge;
pub mod git;
pub mod http;
pub mod import;
pub mod inspect;
mod name;
mod notes;
mod objects;
pub mod publish;
pub mod refs;
mod replace;
pub mod repo;
pub mod transfer;
mod tree;
pub mod worktree;

pub use error::{Error, Result};
pub use git::{Git, GitBinary};
pub use name::{Oid, RefName};
pub use repo::BareRepo;
