//! Waiting longer after each failure.

use std::time::Duration;

/// First wait.
const FIRST: Duration = Duration::from_millis(100);
/// Longest wait: a server that is back is noticed within it.
pub(super) const LONGEST: Duration = Duration::from_secs(5);
/// Longest wait that a server may ask for.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// Doubling waits with jitter, so that many agents do not come back at the same moment.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
}

impl Pause {
    /// How long to wait after one more failure; at least what the server asked for.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let part = rand::random_range(0.5..=1.0);
        full.mul_f64(part)
            .max(asked.unwrap_or_default().min(ASKED_MAX))
    }

    pub(super) async fn wait(&mut self, asked: Option<Duration>) {
        tokio::time::sleep(self.next(asked)).await;
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_again() {
        let mut pause = Pause::default();
        let waits: Vec<_> = (0..40).map(|_| pause.next(None)).collect();
        assert!(waits[0] <= FIRST);
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits[39] >= LONGEST / 2);
        assert_eq!(
            pause.next(Some(Duration::from_secs(3_600))),
            ASKED_MAX,
            "a server may not silence an agent"
        );
        pause.reset();
        assert!(pause.next(None) <= FIRST);
    }
}
