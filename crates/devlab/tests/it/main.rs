//! The `devlab` executable, as people and scripts use it: real processes, real repositories.

mod archive;
mod artifacts;
mod asks;
mod bench;
mod bucket;
mod chaos;
mod choices;
mod cli;
mod conflicts;
mod dashboard;
mod demo;
mod failover;
mod feedback;
mod nouns;
mod pair;
mod plans;
mod policies;
mod provenance;
mod replans;
mod roles;
mod run;
mod schedules;
mod servers;
mod shares;
mod trains;
mod up;
