//! Moving the write-ahead log into the database, without holding up the writer.
//!
//! A thread of its own copies most of the pages while the writer goes on. It cannot finish, because
//! the writer adds to the end meanwhile; so the writer copies the short rest between two batches,
//! and its next commit begins the log anew.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use devlab_core::StorageError;
use rusqlite::Connection;

use super::errors::storage_error;
use crate::jobs::Jobs;

/// Pages in the log (4 MiB) from which on they are moved.
pub(super) const MOVE_PAGES: u32 = 1024;
/// Pages in the log (64 MiB) that the writer moves itself, should the thread fall behind.
const MOVE_PAGES_MAX: u32 = 16 * 1024;

/// What the writer and the thread know of each other.
pub(super) struct Checkpoints {
    /// Pages in the log after the last commit.
    pages: AtomicU32,
    /// Whether the thread has copied what there was when it was asked.
    copied: AtomicBool,
    /// At most one request waits.
    requests: Jobs<()>,
}

impl Checkpoints {
    /// Counts the pages of the writer's commits from now on.
    ///
    /// # Errors
    /// If SQLite does not take the hook.
    pub(super) fn watch(writer: &mut Connection) -> Result<Arc<Self>, StorageError> {
        let checkpoints = Arc::new(Self {
            pages: AtomicU32::new(0),
            copied: AtomicBool::new(false),
            requests: Jobs::new(1),
        });
        let seen = Arc::clone(&checkpoints);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            let pages = u32::try_from(pages).unwrap_or(0);
            seen.pages.store(pages, Ordering::Relaxed);
            Ok(())
        };
        writer
            .wal_hook(Some(hook))
            .map_err(|error| storage_error(&error))?;
        Ok(checkpoints)
    }

    /// Called by the writer between batches.
    pub(super) fn after_batch(&self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < MOVE_PAGES {
            return;
        }
        if self.copied.swap(false, Ordering::Acquire) || pages > MOVE_PAGES_MAX {
            checkpoint(writer);
        } else {
            // Refused while a request waits, which is as good.
            drop(self.requests.push(()));
        }
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.requests.close();
    }

    /// What the thread does.
    pub(super) fn run(&self, conn: &Connection) {
        let mut requests = VecDeque::new();
        while self.requests.wait(&mut requests, 1) {
            requests.clear();
            checkpoint(conn);
            self.copied.store(true, Ordering::Release);
        }
    }
}

/// Copies what no reader still needs to find in the log. A failure costs space, nothing else.
fn checkpoint(conn: &Connection) {
    if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log could not be moved into the database");
    }
}
