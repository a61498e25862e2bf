//! Commands that run parts of the lab in processes of this machine.

pub(crate) mod agent;
mod away;
pub(crate) mod daemon;
pub(crate) mod drain;
pub(crate) mod faults;
pub(crate) mod logs;
pub(crate) mod serve;
pub(crate) mod share;
pub(crate) mod signals;
pub(crate) mod telemetry;
pub(crate) mod up;
