//! The files of a store: the folder, the lock, the databases and how they are opened.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors::{io_error, storage_error};
use super::schema::Schema;
use crate::Migrated;

/// State of the lab.
pub(super) const MAIN_FILE: &str = "devlab.sqlite";
/// Logs of attempts.
pub(super) const LOGS_FILE: &str = "logs.sqlite";
/// Held by the process that has the folder open.
const LOCK_FILE: &str = "devlab.lock";
/// How often, and how long apart, a lock is tried again that somebody holds.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);
/// Longest wait for a lock of SQLite. Only a person with a database shell can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps: more than there are.
const STATEMENTS_MAX: usize = 256;
/// A write-ahead log that has grown beyond this, in bytes, is cut when it is used up.
const WAL_BYTES_KEPT: i64 = 16 * 1024 * 1024;
/// Page cache of a connection that only copies pages from file to file, in KiB.
const CHECKPOINT_CACHE_KIB: i64 = 64;
/// Bytes that a disk must have free for its trouble to be blamed on something else.
const FREE_BYTES_MIN: u64 = 64 * 1024;

/// Makes the folder if needed and takes its lock, which lasts as long as the file is open.
pub(super) fn lock(dir: &Path) -> Result<File, StorageError> {
    let what = |verb: &str, path: &Path| format!("cannot {verb} {}", path.display());
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| io_error(&what("make the folder", dir), &e))?;
    let path = dir.join(LOCK_FILE);
    let file = open_private(&path)?;
    match lock_soon(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::new(
            StorageErrorKind::Busy,
            format!(
                "another devlab has {} open; stop it (devlab down), or choose another folder with \
                 DEVLAB_HOME",
                dir.display()
            ),
        )),
        Err(TryLockError::Error(e)) => Err(io_error(&what("lock", &path), &e)),
    }
}

/// Takes the lock, waiting a moment for it: a child that was forked by the process before it keeps
/// the lock until it has started its program.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    file.try_lock()
}

/// Opens a file for writing, made readable for its user only.
fn open_private(path: &Path) -> Result<File, StorageError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| io_error(&format!("cannot open {} for writing", path.display()), &e))
}

/// A database file of ours.
pub(super) struct Database {
    pub(super) path: PathBuf,
    pub(super) schema: Schema,
}

impl Database {
    pub(super) fn main(dir: &Path) -> Self {
        Self {
            path: dir.join(MAIN_FILE),
            schema: Schema::main(),
        }
    }

    pub(super) fn logs(dir: &Path) -> Self {
        Self {
            path: dir.join(LOGS_FILE),
            schema: Schema::logs(),
        }
    }

    /// Opens the connection that writes, and brings the schema up to date.
    ///
    /// # Errors
    /// With the path and what to do, by kind of trouble.
    pub(super) fn open_writer(&self, cache_kib: i64) -> Result<Connection, StorageError> {
        Ok(self.migrate(cache_kib)?.0)
    }

    /// The same, and says what bringing the schema up to date came to.
    ///
    /// # Errors
    /// As [`Self::open_writer`].
    pub(super) fn migrate(&self, cache_kib: i64) -> Result<(Connection, Migrated), StorageError> {
        // SQLite gives its other files the mode of this one.
        drop(open_private(&self.path)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = self.connect(flags, cache_kib)?;
        self.schema
            .refuse_foreign(&conn)
            .map_err(|e| self.advise(e))?;
        self.set_up(&conn).map_err(|e| self.advise(e))?;
        let migrated = self.schema.migrate(&mut conn).map_err(|e| self.advise(e))?;
        Ok((conn, migrated))
    }

    /// Opens a connection that reads.
    ///
    /// # Errors
    /// As [`Self::open_writer`].
    pub(super) fn open_reader(&self, cache_kib: i64) -> Result<Connection, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        self.connect(flags, cache_kib)
    }

    /// Opens a connection that moves the write-ahead log into the database.
    ///
    /// # Errors
    /// As [`Self::open_writer`].
    pub(super) fn open_checkpointer(&self) -> Result<Connection, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = self.connect(flags, CHECKPOINT_CACHE_KIB)?;
        // What is moved has to be on the disk before the log that holds it is overwritten.
        conn.pragma_update(None, "synchronous", "FULL")
            .map_err(|error| self.advise(storage_error(&error)))?;
        Ok(conn)
    }

    fn connect(&self, flags: OpenFlags, cache_kib: i64) -> Result<Connection, StorageError> {
        let open = || -> rusqlite::Result<Connection> {
            let conn = Connection::open_with_flags(&self.path, flags)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
            // Negative is KiB; without the sign it would be pages.
            conn.pragma_update(None, "cache_size", -cache_kib)?;
            conn.pragma_update(None, "foreign_keys", false)?;
            conn.pragma_update(None, "trusted_schema", false)?;
            // A statement's plan is made once, not anew for each value that is bound to it: the writer
            // spent a twentieth of its time on planning.
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            // Savepoints keep what they may have to restore here, not in a file.
            conn.pragma_update(None, "temp_store", "MEMORY")?;
            Ok(conn)
        };
        open().map_err(|error| self.advise(storage_error(&error)))
    }

    fn set_up(&self, conn: &Connection) -> Result<(), StorageError> {
        let sql = |error: rusqlite::Error| storage_error(&error);
        if conn.is_readonly("main").map_err(sql)? {
            return Err(StorageError::new(
                StorageErrorKind::ReadOnly,
                "its user may not write it",
            ));
        }
        let mode: String = conn
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
            .map_err(sql)?;
        if mode != "wal" {
            return Err(StorageError::new(
                StorageErrorKind::Other,
                format!(
                    "its file system allows no write-ahead log (journal mode {mode}); use a local disk"
                ),
            ));
        }
        conn.pragma_update(None, "synchronous", "FULL")
            .map_err(sql)?;
        conn.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)
            .map_err(sql)?;
        // See `checkpoint`: a thread of its own does it.
        conn.pragma_update(None, "wal_autocheckpoint", 0)
            .map_err(sql)
    }

    /// Adds the path, and what a person can do.
    fn advise(&self, error: StorageError) -> StorageError {
        let error = match self.path.parent() {
            Some(dir) => blame_full_disk(dir, error),
            None => error,
        };
        let advice = match error.kind {
            StorageErrorKind::Full => {
                "free some space and start again; nothing that was acknowledged is lost"
            }
            StorageErrorKind::ReadOnly => {
                "make the folder writable for this user, or choose another with DEVLAB_HOME"
            }
            StorageErrorKind::Corrupt => {
                "keep a copy of the folder and restore the database from a backup"
            }
            StorageErrorKind::Busy => "close the program that has it open",
            StorageErrorKind::TooNew => {
                "use the newer devlab, or restore a backup from before the upgrade"
            }
            StorageErrorKind::Closed | StorageErrorKind::Away | StorageErrorKind::Other => {
                return StorageError::new(
                    error.kind,
                    format!("{}: {}", self.path.display(), error.detail),
                );
            }
        };
        StorageError::new(
            error.kind,
            format!("{}: {}; {advice}", self.path.display(), error.detail),
        )
    }
}

/// SQLite reports some failures of a full disk only as a failed I/O: look at the disk, and say
/// what it is.
pub(super) fn blame_full_disk(dir: &Path, error: StorageError) -> StorageError {
    if error.kind != StorageErrorKind::Other {
        return error;
    }
    match rustix::fs::statvfs(dir) {
        Ok(disk) if disk.f_bavail.saturating_mul(disk.f_frsize) < FREE_BYTES_MIN => {
            StorageError::new(StorageErrorKind::Full, error.detail)
        }
        Ok(_) | Err(_) => error,
    }
}
