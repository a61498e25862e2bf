//! Tests of the workspace as a whole: its crates, and the HTTP interface of a real server.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may fail the test by panicking"
)]

mod artifacts;
mod bad_input;
mod browse;
mod conflicts;
mod contract;
mod dns_rebinding;
mod edges;
mod git_http;
mod idempotency;
mod openapi;
mod pages;
mod plans;
mod policies;
mod retention;
mod sealed_logs;
mod tenancy;
mod work;

/// How a task is done in a test where nobody does it.
fn driver() -> devlab_api::task::Driver {
    devlab_api::task::Driver::Command(devlab_api::task::Command {
        argv: vec!["true".to_owned()],
        ..Default::default()
    })
}
