//! In-process servers, builders and proxies for tests.
//!
//! [`TestServer`] is the product without its binary: a lab on a temporary folder with a real
//! SQLite file, real repositories and a real listener. What a test needs besides is a method of it:
//! orgs, tokens, projects with files, agents that do what the test says. [`raw`] sends what no
//! proper client sends; [`CutProxy`] stands between a client and a server and breaks things;
//! [`HandClock`] moves when it is told to.
//!
//! Everything here panics when it cannot do what it is asked: a test fails there and then.

#![expect(
    clippy::unwrap_used,
    reason = "fixtures of tests fail by panicking, at the place that failed"
)]

mod agent;
mod clock;
pub mod git;
mod proxy;
pub mod raw;
mod server;

use std::time::Duration;

pub use agent::ScriptedAgent;
pub use clock::HandClock;
pub use proxy::{CutProxy, Faults};
pub use server::{Setup, TestServer};

/// Longest wait for anything that should happen soon. Reaching it fails a test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `condition` to give something, asking again every few milliseconds.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub async fn until<T, F, Fut>(what: &str, mut condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    /// Time between two looks, where there is nothing to be woken by.
    const EVERY: Duration = Duration::from_millis(5);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited for {what}");
        tokio::time::sleep(EVERY).await;
    }
}
