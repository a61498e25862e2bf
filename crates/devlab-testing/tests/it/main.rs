//! Tests of the workspace as a whole.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may fail the test by panicking"
)]

mod edges;
