//! Commands that work in a person's checkout.
//!
//! *Invariant:* only commands that say so change its branches or files: `task checkout` and
//! `project sync`. The others read it, push from it, and remember the project in its configuration.

mod able;
pub(crate) mod feedback;
pub(crate) mod git;
mod head;
mod held;
mod input;
pub(crate) mod project;
pub(crate) mod run;
pub(crate) mod sync;
pub(crate) mod task;
mod watch;

pub(crate) use project::slug;
