//! The clock of this process; a test can move it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use devlab_core::{Clock, SystemClock, Timestamp};

/// How often the file of a moved clock is read again, at most.
const READ_EVERY: Duration = Duration::from_millis(20);

/// The machine's clock; with a file, moved by the milliseconds that the file says. For tests only.
pub(crate) fn clock(moved_by: Option<&Path>) -> Arc<dyn Clock> {
    match moved_by {
        None => Arc::new(SystemClock::new()),
        Some(path) => Arc::new(MovedClock {
            system: SystemClock::new(),
            path: path.to_owned(),
            offset_ms: AtomicI64::new(read_offset(path)),
            read_at_ms: AtomicU64::new(0),
        }),
    }
}

struct MovedClock {
    system: SystemClock,
    path: PathBuf,
    offset_ms: AtomicI64,
    /// By the monotonic clock.
    read_at_ms: AtomicU64,
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let at = u64::try_from(self.system.monotonic().as_millis()).unwrap_or(u64::MAX);
        let last = self.read_at_ms.load(Ordering::Relaxed);
        if Duration::from_millis(at.saturating_sub(last)) >= READ_EVERY {
            self.read_at_ms.store(at, Ordering::Relaxed);
            self.offset_ms
                .store(read_offset(&self.path), Ordering::Relaxed);
        }
        let offset = self.offset_ms.load(Ordering::Relaxed);
        Timestamp::from_millis(self.system.now().as_millis().saturating_add(offset))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

/// A file that is missing or unreadable moves nothing.
fn read_offset(path: &Path) -> i64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_moves_the_clock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("offset");
        std::fs::write(&path, "3600000\n").unwrap();
        let moved = clock(Some(&path));
        let hour = moved.now().since(SystemClock::new().now());
        assert!(
            hour > Duration::from_secs(3599) && hour < Duration::from_secs(3601),
            "{hour:?}"
        );
    }
}
