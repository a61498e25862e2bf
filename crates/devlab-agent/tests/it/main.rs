//! Tests of the agent's ground with real processes and real files.
#![expect(
    clippy::unwrap_used,
    reason = "fixtures of tests: a panic is the report"
)]

mod harness;
mod journal;
mod lab;
#[cfg(target_os = "linux")]
mod rogue;
mod run;
mod workspace;
