//! The agent's harness: claim, workspace, driver, checks, outbox.
//!
//! [`harness`] is the agent itself. It stands on:
//! - [`supervise`]: a process of its own that starts a driver and ends every descendant of it,
//!   whatever happens to the agent; [`strays`] cleans up when the supervisor itself was killed.
//! - [`driver`]: runs a command or a script under a supervisor, with its limits, and cancels it.
//! - [`journal`]: what an attempt has done so far, on disk before the next step.
//! - [`log`]: an attempt's output, a byte stream with offsets that waits for its acknowledgement.
//! - [`workspace`]: the folders under an agent's home, their locks and their collection.
//! - [`faults`]: named points at which a test makes the agent die or fail.
//!
//! *Invariant:* no process that an attempt started is left once its driver is reported as over.
//! *Invariant:* nothing in this crate reads the environment; [`driver::passed_through`] takes a
//! lookup.

pub mod driver;
pub mod durable;
pub mod faults;
pub mod harness;
pub mod journal;
pub mod log;
pub mod process;
pub mod strays;
pub mod supervise;
pub mod workspace;
