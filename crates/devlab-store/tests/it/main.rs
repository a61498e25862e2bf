//! Tests of the stores.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests too, which the lint does not see"
)]

mod blobs;
mod conformance;
mod dump;
mod durability;
mod faults;
mod files;
mod lab;
mod postgres;
mod silent;
mod turns;
