//! Jumps of the wall clock.

use std::time::Duration;

use devlab_core::{Clock, Timestamp};

/// How far wall time and monotonic time may drift apart between two looks before it is a jump.
const JUMP: Duration = Duration::from_millis(1_500);

/// Compares the wall clock with the monotonic one.
#[derive(Debug)]
pub(super) struct JumpDetector {
    wall: Timestamp,
    monotonic: Duration,
}

impl JumpDetector {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            monotonic: clock.monotonic(),
        }
    }

    /// Whether the wall clock has jumped, either way, since the last look. A machine that slept
    /// looks like a jump forward, which is what it is for leases.
    pub(super) fn jumped(&mut self, clock: &dyn Clock) -> bool {
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let expected = self.wall.plus(monotonic.saturating_sub(self.monotonic));
        self.wall = wall;
        self.monotonic = monotonic;
        wall.since(expected).max(expected.since(wall)) > JUMP
    }
}
