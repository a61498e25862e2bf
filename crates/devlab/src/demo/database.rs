//! The database of a demo that `DATABASE_URL` gives one: empty before, and empty again afterwards.
//!
//! *Invariant:* nothing is removed but what this demo has put there: it begins on a database without
//! a lab, and leaves alone one that another server has come to meanwhile.

use std::sync::Arc;

use devlab_core::ServerId;
use devlab_store::dump::{Loading, Source};
use devlab_store::{Store, StoreExt};

use crate::archive::{has_lab, open_store};
use crate::context::Context;
use crate::environment::Environment;
use crate::failure::{Exit, Failure};

/// The variable that names it. A database in `devlab.toml` is that of a person's own lab.
const VARIABLE: &str = "DATABASE_URL";

/// Where it is; the embedded one is used without.
pub(super) fn named(environment: &Environment) -> Option<&str> {
    environment.text(VARIABLE)
}

/// Refuses a database that has a lab.
pub(super) async fn expect_empty(context: &Context) -> anyhow::Result<()> {
    let Some(store) = open(context).await? else {
        return Ok(());
    };
    let is_used = has_lab(&store).await;
    store.close().await?;
    match is_used? {
        false => Ok(()),
        true => Err(Failure::new(
            Exit::Failed,
            format!(
                "the database that {VARIABLE} names has a lab already, and the demo needs an empty \
                 one\n  → name a database without a lab, which the demo empties again, or run it \
                 without PostgreSQL: `env -u {VARIABLE} devlab demo`"
            ),
        )),
    }
}

/// Removes what a demo's server has put there, once it has stopped.
pub(super) async fn empty(context: &Context, own: ServerId) -> anyhow::Result<()> {
    let Some(store) = open(context).await? else {
        return Ok(());
    };
    let emptied = remove_all(&store, own).await;
    store.close().await?;
    emptied
}

async fn remove_all(store: &Arc<dyn Store>, own: ServerId) -> anyhow::Result<()> {
    let servers = store.read(|view| view.servers()).await?;
    if servers.iter().any(|server| server.id != own) {
        let text = "another server uses it, so that nothing was removed";
        return Err(Failure::new(Exit::Failed, text));
    }
    let replace = Loading::Lab { replace: true };
    store.load(replace, Box::new(Nothing)).await?;
    Ok(())
}

async fn open(context: &Context) -> anyhow::Result<Option<Arc<dyn Store>>> {
    if context.settings.database()?.is_none() {
        return Ok(None);
    }
    let folder = context.settings.home()?;
    open_store(context, &folder).await.map(Some)
}

/// No records.
struct Nothing;

impl Source for Nothing {
    fn next(&mut self, _: &'static str, _: &mut String) -> std::io::Result<bool> {
        Ok(false)
    }
}
