//! The lab with a real store and real repositories; agents are played by the tests.

mod bench_lab;
mod train;
