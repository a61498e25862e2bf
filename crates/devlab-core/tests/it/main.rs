//! The rules, run on an in-memory transaction: directed tests, one rule each, and a simulator that
//! does random things in random order and checks every invariant after each.
#![expect(
    clippy::unwrap_used,
    reason = "clippy's allowance for tests does not cover their helper functions"
)]

mod asks;
mod batches;
mod blobs;
mod choices;
mod done;
mod forecasts;
mod graph;
mod holds;
mod invariants;
mod lab;
mod lease;
mod limits;
mod mem;
mod mem_bytes;
mod mem_index;
mod mem_read;
mod mem_templates;
mod mem_write;
mod persons;
mod plans;
mod policies;
mod promises;
mod replans;
mod retention;
mod seasons;
mod servers;
mod simulator;
mod starts;
mod trains;
mod verifiers;
mod world;
mod world_asks;
mod world_choices;
mod world_claims;
mod world_plans;
mod world_policies;
