//! Names of git objects and refs: those of the rules, so that nothing unvalidated reaches a command
//! line.

pub use devlab_core::{Oid, RefName};
