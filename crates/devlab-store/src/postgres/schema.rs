//! Which versions of the schema we know, and how old ones become new.

use std::time::Duration;

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;
use refinery::{Migration, Runner};

use super::connect::Target;
use super::errors::{answered, no_answer, storage_error};
use crate::Migrated;

const MIGRATIONS: &[(&str, &str)] = &[
    (
        "V1__initial",
        include_str!("../../migrations/postgres/V1__initial.sql"),
    ),
    (
        "V2__servers",
        include_str!("../../migrations/postgres/V2__servers.sql"),
    ),
    (
        "V3__bytes",
        include_str!("../../migrations/postgres/V3__bytes.sql"),
    ),
    (
        "V5__plans",
        include_str!("../../migrations/postgres/V5__plans.sql"),
    ),
    (
        "V6__retention",
        include_str!("../../migrations/postgres/V6__retention.sql"),
    ),
    (
        "V7__policies",
        include_str!("../../migrations/postgres/V7__policies.sql"),
    ),
    (
        "V8__questions",
        include_str!("../../migrations/postgres/V8__questions.sql"),
    ),
    (
        "V9__provenance",
        include_str!("../../migrations/postgres/V9__provenance.sql"),
    ),
    (
        "V10__schedules",
        include_str!("../../migrations/postgres/V10__schedules.sql"),
    ),
    (
        "V11__choices",
        include_str!("../../migrations/postgres/V11__choices.sql"),
    ),
    (
        "V12__paths",
        include_str!("../../migrations/postgres/V12__paths.sql"),
    ),
    (
        "V13__made",
        include_str!("../../migrations/postgres/V13__made.sql"),
    ),
    (
        "V14__promises",
        include_str!("../../migrations/postgres/V14__promises.sql"),
    ),
];
/// Key of the lock that is held while a schema is brought up to date: `devlab` as bytes.
const LOCK: i64 = 0x6465_766c_6162;

/// How long a schema may take to be brought up to date: a step that rewrites a large table, or makes an
/// index of it, takes minutes.
const MIGRATION_MAX: Duration = Duration::from_secs(1800);

/// What processes have left that are long gone: each start makes a row. One that lives asks for its own
/// while a commit of its is in question, which is far shorter, even if it stands still meanwhile.
const FORGET_WRITERS: &str = "DELETE FROM writers WHERE at < now() - interval '30 days'";

/// Applies what is missing, all or nothing. Several may try at once: one does it, the others wait.
/// Removes what processes have left that are long gone.
///
/// # Errors
/// `TooNew` if a newer devlab has been here; `Away` if another process takes long to do it.
pub(super) async fn migrate(target: &Target) -> Result<Migrated, StorageError> {
    let mut client = target.plain("migration").await?;
    // Whoever waits for others to end gets no answer that long.
    let locked = client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]);
    let locked = answered(target.answer_max, locked).await;
    locked.map_err(done_by_another)?;
    let outcome = apply(target, &mut client).await;
    if outcome.is_ok() {
        let forgotten = client.execute(FORGET_WRITERS, &[]);
        if let Err(error) = answered(target.answer_max, forgotten).await {
            tracing::warn!(%error, "what processes have left that are gone is not removed");
        }
    }
    // The lock ends with the connection at the latest.
    let unlocked = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]);
    answered(target.answer_max, unlocked).await?;
    outcome
}

async fn apply(
    target: &Target,
    client: &mut tokio_postgres::Client,
) -> Result<Migrated, StorageError> {
    let migrations: Vec<Migration> = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql).map_err(|e| migration_error(&e)))
        .collect::<Result<_, _>>()?;
    let known = migrations.iter().map(|m| i64::from(m.version())).max();
    let known = known.unwrap_or(0);
    let found = answered(target.answer_max, version(client)).await?;
    if found > known {
        return Err(StorageError::new(
            StorageErrorKind::TooNew,
            format!("it has schema version {found}, and this devlab knows versions up to {known}"),
        ));
    }
    let migrated = Migrated {
        from: found,
        to: known,
    };
    if found == known {
        return Ok(migrated);
    }
    let runner = Runner::new(&migrations).set_grouped(true);
    match tokio::time::timeout(MIGRATION_MAX, runner.run_async(client)).await {
        Ok(Ok(_)) => Ok(migrated),
        Ok(Err(error)) => Err(migration_error(&error)),
        Err(_) => Err(no_answer()),
    }
}

/// The error of whoever did not get the lock in time: to come again is right.
fn done_by_another(error: StorageError) -> StorageError {
    if error.kind != StorageErrorKind::Busy {
        return error;
    }
    let detail = "another process brings its schema up to date";
    StorageError::new(StorageErrorKind::Away, detail)
}

/// Version of the schema; 0 if there is none yet.
async fn version(client: &tokio_postgres::Client) -> Result<i64, tokio_postgres::Error> {
    const EXISTS: &str = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    const VERSION: &str = "SELECT coalesce(max(version), 0)::int8 FROM refinery_schema_history";
    if !client.query_one(EXISTS, &[]).await?.get::<_, bool>(0) {
        return Ok(0);
    }
    Ok(client.query_one(VERSION, &[]).await?.get(0))
}

fn migration_error(error: &refinery::Error) -> StorageError {
    use std::error::Error as _;
    let sql = error
        .source()
        .and_then(|source| source.downcast_ref::<tokio_postgres::Error>());
    match sql {
        Some(sql) => storage_error(sql),
        None => StorageError::new(
            StorageErrorKind::Other,
            format!("its schema could not be brought up to date: {error}"),
        ),
    }
}
