//! devlab-forge against real git.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

mod attempt;
mod bundle;
mod candidate;
mod forge;
mod http;
mod import;
mod objects;
mod repo;
mod reset;
mod same;
mod shared;
mod support;
mod worktree;
