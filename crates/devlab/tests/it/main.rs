//! The `devlab` executable, as people and scripts use it: real processes, real repositories.

mod bench;
mod chaos;
mod cli;
mod demo;
mod nouns;
mod run;
mod servers;
mod up;
