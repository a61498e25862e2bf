//! The server's machinery over real connections, with a few routes of the tests' own.

#![expect(clippy::unwrap_used, reason = "fixtures of tests fail by panicking")]

mod bench;
mod connections;
mod fixture;
mod requests;
