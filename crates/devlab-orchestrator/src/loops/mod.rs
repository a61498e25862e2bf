//! Background loops. Each runs on a period and when it is woken, takes no input, looks only at
//! stored state, and can be run twice without harm.

mod attest;
mod boxes;
mod clock;
mod collect;
mod due;
mod forge;
mod forget;
mod leases;
mod presence;
mod retire;
mod schedules;
mod seal;
mod start;
mod tidy;
mod train;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devlab_core::Timestamp;
use devlab_core::server::ServerRole;
use tokio::sync::Notify;

use crate::error::Result;
use crate::lab::Lab;

/// When loops last ran, and what they did.
#[derive(Debug, Default)]
pub(crate) struct Loops {
    reports: Mutex<BTreeMap<&'static str, LoopReport>>,
}

/// When a loop last ran, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopReport {
    /// Name of the loop.
    pub name: &'static str,
    /// When it last ran.
    pub at: Timestamp,
    /// How often it has run since the start.
    pub runs: u64,
    /// Things it has done since the start.
    pub done: u64,
    /// How often it has failed since the start.
    pub failures: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// Loops that run in one place at a time. The others look after this server's own repositories.
const ONE_PLACE: [&str; 4] = [leases::NAME, due::NAME, start::NAME, schedules::NAME];

impl Lab {
    /// Starts the background loops of this server's roles. They end with [`Lab::shut_down`].
    pub fn start_loops(self: &Arc<Self>) {
        if self.is_shared() {
            self.tracker.spawn(presence::run(Arc::clone(self)));
        }
        if self.has_role(ServerRole::Loops) {
            self.tracker.spawn(leases::run(Arc::clone(self)));
            self.tracker.spawn(due::run(Arc::clone(self)));
            self.tracker.spawn(seal::run(Arc::clone(self)));
            self.tracker.spawn(retire::run(Arc::clone(self)));
            self.tracker.spawn(collect::run(Arc::clone(self)));
        }
        if self.has_role(ServerRole::Git) {
            self.tracker.spawn(train::run(Arc::clone(self)));
            self.tracker.spawn(forge::run(Arc::clone(self)));
            self.tracker.spawn(attest::run(Arc::clone(self)));
            self.tracker.spawn(tidy::run(Arc::clone(self)));
        }
        self.tracker.spawn(start::run(Arc::clone(self)));
        self.tracker.spawn(schedules::run(Arc::clone(self)));
        self.tracker.spawn(forget::run(Arc::clone(self)));
    }

    /// Looks soon whether a schedule or a webhook has to make a goal.
    pub fn start_soon(&self) {
        self.wakes.schedules.notify_one();
    }

    /// What the loops last did.
    #[must_use]
    pub fn loop_reports(&self) -> Vec<LoopReport> {
        let reports = self
            .loops
            .reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reports.values().cloned().collect()
    }

    /// Notes one run of a loop. A failure is logged here, once; the loop tries again.
    pub(crate) fn note(&self, name: &'static str, outcome: Result<u64>) -> u64 {
        let mut reports = self
            .loops
            .reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let report = reports.entry(name).or_insert_with(|| LoopReport {
            name,
            at: self.clock.now(),
            runs: 0,
            done: 0,
            failures: 0,
            last_error: None,
        });
        report.at = self.clock.now();
        report.runs += 1;
        match outcome {
            Ok(done) => {
                report.done += done;
                done
            }
            Err(error) => {
                report.failures += 1;
                report.last_error = Some(error.to_string());
                tracing::error!(%error, name, "a loop failed and will try again");
                0
            }
        }
    }

    /// Waits for a wake, for at most `period`. `false` when the lab is shutting down.
    pub(crate) async fn rest(&self, wake: &Notify, period: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = wake.notified() => true,
            () = tokio::time::sleep(period) => true,
        }
    }
}
