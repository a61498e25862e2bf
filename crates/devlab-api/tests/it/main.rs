//! The client against a scripted server over real connections.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may fail the test by panicking"
)]

mod calls;
mod responder;
mod streams;
