//! `devlab db migrate`.

use std::time::Duration;

use anyhow::Context as _;
use devlab_core::error::StorageErrorKind;
use devlab_store::{Migrated, postgres, sqlite};
use serde::Serialize;

use crate::context::Context;
use crate::home::Home;
use crate::show;

/// How long another process may have the files open, which may be migrating them itself.
const BUSY_MAX: Duration = Duration::from_secs(60);
/// How often they are tried.
const TRY_EVERY: Duration = Duration::from_millis(200);

#[derive(Serialize)]
struct Row {
    store: String,
    from: i64,
    to: i64,
    done: String,
}

fn row(store: impl Into<String>, Migrated { from, to }: Migrated) -> Row {
    let done = match from {
        0 => format!("made, version {to}"),
        from if from == to => format!("up to date, version {to}"),
        from => format!("brought from version {from} to {to}"),
    };
    Row {
        store: store.into(),
        from,
        to,
        done,
    }
}

pub(crate) async fn run(context: &Context) -> anyhow::Result<()> {
    let rows = match context.settings.database()? {
        Some(url) => {
            let migrated = postgres::migrate(url).await;
            vec![row(
                "PostgreSQL",
                migrated.context("cannot migrate the store in PostgreSQL")?,
            )]
        }
        None => files(context).await?,
    };
    show::list(context.output, &rows, &["store", "schema"], |row| {
        vec![row.store.clone(), row.done.clone()]
    })
}

async fn files(context: &Context) -> anyhow::Result<Vec<Row>> {
    let home = Home::ensure(context.settings.home()?)?;
    home.refuse_restoring()?;
    let end = tokio::time::Instant::now() + BUSY_MAX;
    loop {
        let dir = home.database();
        let migrated = tokio::task::spawn_blocking(move || sqlite::migrate(&dir)).await?;
        match migrated {
            Ok([main, logs]) => {
                return Ok(vec![row("devlab.sqlite", main), row("logs.sqlite", logs)]);
            }
            // A lab that runs has migrated what it has open.
            Err(error)
                if error.kind == StorageErrorKind::Busy
                    && home.server().is_none()
                    && tokio::time::Instant::now() < end =>
            {
                tokio::time::sleep(TRY_EVERY).await;
            }
            Err(error) => return Err(error).context("cannot migrate the store"),
        }
    }
}
