//! What may happen to tasks, attempts and trains, and what follows from it.
//!
//! Each public function is one thing that can happen, written as reads and writes of a transaction.
//! None has an effect besides it, so a unit of work that calls them may be run again.
//!
//! | module | what happens |
//! |---|---|
//! | [`schedule`] | tasks and graphs are made; edges are added late |
//! | [`choice`] | one of several alternatives is taken |
//! | [`claim`] | an agent takes work |
//! | [`lease`] | heartbeats, leases that end, agents that come back |
//! | [`complete`] | an attempt ends |
//! | [`finish`] | a task is done, and what that unblocks; composites start and end |
//! | [`train`] | results are merged, verified, published, or sent back |
//! | [`review`] | a person speaks on a patch |
//! | [`person`] | a person cancels, retries, fails, archives, changes a task |
//! | [`agents`] | agents register, drain, go |
//! | [`plan`] | plans are proposed, approved, rejected, and carried out |
//! | [`again`] | what a plan that is proposed again takes over from the revision before it |
//! | [`policy`] | policies are set, and what they mean for tasks |
//! | [`provenance`] | what is stated of published goals, and the keys that sign it |
//! | [`bytes`] | blobs are put, named and removed |
//! | [`lab_id`] | a lab gets its id |
//! | [`retention`] | bytes of goals that ended long ago go |
//! | [`servers`] | servers come and go, share the loops, and hold repositories |
//! | [`start`] | templates start goals: at times, by webhooks |
//! | [`forecast`] | which tasks touch the same, before it conflicts |
//! | [`stuck`] | why a task does not move |

pub mod again;
pub mod agents;
pub mod ask;
mod back;
mod batch;
pub mod boxes;
pub mod bytes;
pub mod choice;
pub mod claim;
pub mod complete;
pub mod finish;
pub mod forecast;
pub mod given;
mod hold;
pub mod lab_id;
pub mod lease;
mod make;
mod path;
pub mod person;
pub mod plan;
pub mod policy;
mod promise;
pub mod provenance;
mod replan;
pub mod retention;
pub mod review;
pub mod schedule;
pub mod servers;
mod slots;
pub mod start;
mod step;
pub mod stuck;
pub mod tell;
pub mod train;
mod verifier;
