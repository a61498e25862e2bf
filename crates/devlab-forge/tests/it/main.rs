//! devlab-forge against real git.

mod candidate;
mod forge;
mod http;
mod import;
mod repo;
mod support;
mod worktree;
