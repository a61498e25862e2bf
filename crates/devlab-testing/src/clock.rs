//! A clock that a test moves.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use devlab_core::{Clock, SystemClock, Timestamp};

/// The machine's clock, moved by hand: time passes by itself, and a test adds to it.
#[derive(Debug, Default)]
pub struct HandClock {
    machine: SystemClock,
    /// Milliseconds that passed by hand, on both clocks.
    passed: AtomicI64,
    /// Milliseconds that the wall clock alone was put forward or back.
    jumped: AtomicI64,
}

impl HandClock {
    /// At the machine's time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass: the wall clock and the monotonic clock both go forward.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.passed.fetch_add(millis, Ordering::SeqCst);
    }

    /// Puts the wall clock forward or back, as a person or a time server does; the monotonic clock
    /// does not notice.
    pub fn jump(&self, millis: i64) {
        self.jumped.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        let moved = self.passed.load(Ordering::SeqCst) + self.jumped.load(Ordering::SeqCst);
        Timestamp::from_millis(self.machine.now().as_millis() + moved)
    }

    fn monotonic(&self) -> Duration {
        let passed = u64::try_from(self.passed.load(Ordering::SeqCst)).unwrap_or(0);
        self.machine.monotonic() + Duration::from_millis(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_moves_the_wall_clock_only() {
        let clock = HandClock::new();
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        clock.jump(-3_600_000);
        assert!(clock.now() < wall);
        assert!(clock.monotonic() - monotonic < Duration::from_secs(60));
        clock.advance(Duration::from_secs(7_200));
        assert!(clock.now() > wall);
        assert!(clock.monotonic() - monotonic >= Duration::from_secs(7_200));
    }
}
