//! Which databases are ours, which versions we know, and how old ones become new.

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;
use refinery::{Migration, Runner};
use rusqlite::{Connection, OptionalExtension};

use super::errors::storage_error;
use crate::Migrated;

/// Marks a file as ours, in the header of the file (bytes 68 to 71): `devl`.
const MAIN_ID: i32 = 0x6465_766c;
/// The same for the file of logs: `devL`.
const LOGS_ID: i32 = 0x6465_764c;

const MAIN_MIGRATIONS: &[(&str, &str)] = &[
    (
        "V1__initial",
        include_str!("../../migrations/main/V1__initial.sql"),
    ),
    (
        "V2__servers",
        include_str!("../../migrations/main/V2__servers.sql"),
    ),
    (
        "V3__bytes",
        include_str!("../../migrations/main/V3__bytes.sql"),
    ),
    (
        "V5__plans",
        include_str!("../../migrations/main/V5__plans.sql"),
    ),
    (
        "V6__retention",
        include_str!("../../migrations/main/V6__retention.sql"),
    ),
    (
        "V7__policies",
        include_str!("../../migrations/main/V7__policies.sql"),
    ),
    (
        "V8__questions",
        include_str!("../../migrations/main/V8__questions.sql"),
    ),
    (
        "V9__provenance",
        include_str!("../../migrations/main/V9__provenance.sql"),
    ),
    (
        "V10__schedules",
        include_str!("../../migrations/main/V10__schedules.sql"),
    ),
    (
        "V11__choices",
        include_str!("../../migrations/main/V11__choices.sql"),
    ),
    (
        "V12__paths",
        include_str!("../../migrations/main/V12__paths.sql"),
    ),
    (
        "V13__made",
        include_str!("../../migrations/main/V13__made.sql"),
    ),
    (
        "V14__promises",
        include_str!("../../migrations/main/V14__promises.sql"),
    ),
];
const LOGS_MIGRATIONS: &[(&str, &str)] = &[
    (
        "V1__initial",
        include_str!("../../migrations/logs/V1__initial.sql"),
    ),
    (
        "V3__open",
        include_str!("../../migrations/logs/V3__open.sql"),
    ),
];

/// The schema of one of our databases.
pub(super) struct Schema {
    application_id: i32,
    migrations: &'static [(&'static str, &'static str)],
}

impl Schema {
    pub(super) fn main() -> Self {
        Self {
            application_id: MAIN_ID,
            migrations: MAIN_MIGRATIONS,
        }
    }

    pub(super) fn logs() -> Self {
        Self {
            application_id: LOGS_ID,
            migrations: LOGS_MIGRATIONS,
        }
    }

    /// Refuses a file that another program wrote, before anything in it is changed.
    pub(super) fn refuse_foreign(&self, conn: &Connection) -> Result<(), StorageError> {
        let sql = |error: rusqlite::Error| storage_error(&error);
        let id: i32 = conn
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(sql)?;
        if id == self.application_id {
            return Ok(());
        }
        let tables: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(sql)?;
        if id == 0 && tables == 0 {
            return Ok(());
        }
        Err(StorageError::new(
            StorageErrorKind::Other,
            "this is a database of another program; move it away, or choose another folder with \
             DEVLAB_HOME",
        ))
    }

    /// Applies what is missing, all or nothing.
    ///
    /// # Errors
    /// `TooNew` if a newer devlab has been here.
    pub(super) fn migrate(&self, conn: &mut Connection) -> Result<Migrated, StorageError> {
        let migrations = self.migrations()?;
        let known = migrations.iter().map(|m| i64::from(m.version())).max();
        let known = known.unwrap_or(0);
        let found = version(conn).map_err(|error| storage_error(&error))?;
        if found > known {
            return Err(StorageError::new(
                StorageErrorKind::TooNew,
                format!(
                    "it has schema version {found}, and this devlab knows versions up to {known}"
                ),
            ));
        }
        let migrated = Migrated {
            from: found,
            to: known,
        };
        if found == known {
            return Ok(migrated);
        }
        conn.pragma_update(None, "application_id", self.application_id)
            .map_err(|error| storage_error(&error))?;
        Runner::new(&migrations)
            .set_grouped(true)
            .run(conn)
            .map_err(|error| migration_error(&error))?;
        Ok(migrated)
    }

    fn migrations(&self) -> Result<Vec<Migration>, StorageError> {
        self.migrations
            .iter()
            .map(|(name, sql)| Migration::unapplied(name, sql).map_err(|e| migration_error(&e)))
            .collect()
    }
}

/// Version of the schema in the file; 0 if there is none yet.
fn version(conn: &Connection) -> rusqlite::Result<i64> {
    let table = conn
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    match table {
        Some(()) => conn.query_row(
            "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        ),
        None => Ok(0),
    }
}

fn migration_error(error: &refinery::Error) -> StorageError {
    use std::error::Error as _;
    let sql = error
        .source()
        .and_then(|source| source.downcast_ref::<rusqlite::Error>());
    match sql {
        Some(sql) => storage_error(sql),
        None => StorageError::new(
            StorageErrorKind::Other,
            format!("its schema could not be brought up to date: {error}"),
        ),
    }
}
