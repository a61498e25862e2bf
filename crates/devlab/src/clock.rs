//! The clock of this process; a test can move it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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
            read: Mutex::new(Offset {
                millis: read_offset(path),
                at: Duration::ZERO,
            }),
        }),
    }
}

struct MovedClock {
    system: SystemClock,
    path: PathBuf,
    read: Mutex<Offset>,
}

/// What the file said.
struct Offset {
    millis: i64,
    /// When, by the monotonic clock.
    at: Duration,
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        // One reads for all, so that nobody puts back what the file said before.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.system.monotonic();
        if at.saturating_sub(read.at) >= READ_EVERY {
            read.millis = read_offset(&self.path);
            read.at = at;
        }
        let offset = read.millis;
        drop(read);
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
