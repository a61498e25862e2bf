//! The lab with a real store and real repositories; agents are played by the tests.

#![expect(clippy::unwrap_used, reason = "a failing fixture fails its test")]

mod bench_lab;
mod folder;
mod places;
mod shares;
mod train;
