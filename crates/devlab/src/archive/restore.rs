//! `devlab restore`.
//!
//! Everything is made in a folder of its own, `restoring/`, and put into place when it is complete.
//! As long as that folder is there no lab starts. A restore that was cut off is begun again, or,
//! when it was putting things into place, ended.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use devlab_orchestrator::archive::{Archive, Estate, Restored, Step, restore};
use devlab_store::Store;
use devlab_store::blobs::{BlobPlace, BlobStore};
use serde::{Deserialize, Serialize};

use super::{has_lab, open_store, verify};
use crate::args::{Output, Restore};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::{Home, write_private};
use crate::lab::{faults, serve};
use crate::show;

/// What is put into place, by its name in the data folder.
const PLACED: [&str; 4] = ["repos", "blobs", "db", "lab-id"];
/// Where what was there before goes, until the end.
const BEFORE: &str = "before";

/// How far a restore is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    archive: String,
    /// Everything is made; it only has to be put into place.
    complete: bool,
}

pub(crate) async fn run(context: &Context, wanted: &Restore) -> anyhow::Result<()> {
    let home = Home::ensure(context.settings.home()?)?;
    let lock = home.lock()?;
    let last = state(&home)?;
    if last.as_ref().is_some_and(|last| last.complete) {
        place(&home, context)?;
        show::note("the restore that was cut off is complete now");
        return show::done(context.output, &serde_json::json!({ "completed": true }));
    }
    let from = wanted.from.clone();
    let archive = tokio::task::spawn_blocking(move || Archive::open(&from)).await??;
    let is_again = last.is_some();
    if !wanted.replace {
        refuse_used(&home)?;
    }
    let folder = home.restoring();
    remove(&folder)?;
    let estate = Estate {
        store: store(context, &home, wanted.replace || is_again).await?,
        blobs: BlobStore::open(&blobs(context, &home)?)?,
        git: serve::git(context),
        repos: folder.join("repos"),
        // Nobody has what is only being made.
        here: None,
        lab: None,
    };
    let mut now = State {
        archive: wanted.from.display().to_string(),
        complete: false,
    };
    write_state(&home, &now)?;
    let replace = wanted.replace || is_again;
    let restored = Box::pin(restored(context, &estate, &archive, replace)).await;
    estate.store.close().await?;
    let restored = match restored {
        Ok(restored) => restored,
        Err(error) => {
            // Nothing was put into place.
            remove(&folder)?;
            return Err(error);
        }
    };
    now.complete = true;
    write_state(&home, &now)?;
    place(&home, context)?;
    drop(lock);
    say(context, &home, restored)
}

async fn restored(
    context: &Context,
    estate: &Estate,
    archive: &Archive,
    replace: bool,
) -> anyhow::Result<Restored> {
    let plan = faults::plan(&context.settings)?;
    let shown = context.output == Output::Table;
    let say = move |step: Step<'_>| {
        let (point, words) = match step {
            Step::Checking => (
                "restore.checking",
                "comparing the archive with its manifest".into(),
            ),
            Step::Repository(name) => ("restore.repository", format!("repository of {name}")),
            Step::Blobs => ("restore.blobs", "sealed logs and artifacts".to_owned()),
            Step::Records => ("restore.records", "records".to_owned()),
            Step::Looking => ("restore.looking", "looking at what was restored".to_owned()),
        };
        if shown {
            show::note(&words);
        }
        // Only a test that ends this process here is served.
        drop(plan.hit(point));
    };
    Ok(restore(estate, archive, replace, &say).await?)
}

/// Where blobs are restored to: a folder of the lab's own is put into place with the rest; another
/// place takes them at once, since what it has under their names is the same.
fn blobs(context: &Context, home: &Home) -> anyhow::Result<BlobPlace> {
    let place = context.settings.blobs()?;
    let own = home.path().join("blobs");
    Ok(match place {
        BlobPlace::Folder(folder) if folder == own => {
            BlobPlace::Folder(home.restoring().join("blobs"))
        }
        place => place,
    })
}

/// The store that is restored into. A database that others may use has to be empty.
async fn store(context: &Context, home: &Home, replace: bool) -> anyhow::Result<Arc<dyn Store>> {
    fs::create_dir_all(home.restoring())?;
    let store = open_store(context, &home.restoring().join("db")).await;
    let store = store.inspect_err(|_| {
        remove(&home.restoring()).ok();
    })?;
    if replace || context.settings.database()?.is_none() {
        return Ok(store);
    }
    if !has_lab(&store).await? {
        return Ok(store);
    }
    store.close().await?;
    remove(&home.restoring())?;
    Err(used("the database that DATABASE_URL names"))
}

fn used(what: &str) -> anyhow::Error {
    Failure::new(
        Exit::Failed,
        format!(
            "{what} has a lab already\n  → restore into an empty one, or give --replace, which \
             removes what is there"
        ),
    )
}

fn refuse_used(home: &Home) -> anyhow::Result<()> {
    let has_some =
        |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let used_ones = [home.database(), home.repos()];
    match used_ones.iter().find(|folder| has_some(folder)) {
        Some(_) => Err(used(&home.path().display().to_string())),
        None => Ok(()),
    }
}

/// What the last restore has left; `None` if none was cut off.
fn state(home: &Home) -> anyhow::Result<Option<State>> {
    if !home.restoring().exists() {
        return Ok(None);
    }
    match fs::read(home.restore_state()) {
        Ok(text) => Ok(Some(
            serde_json::from_slice(&text).context("restoring/state.json is damaged")?,
        )),
        // It was cut off before it began.
        Err(_) => Ok(None),
    }
}

fn write_state(home: &Home, state: &State) -> anyhow::Result<()> {
    write_private(&home.restore_state(), &serde_json::to_vec_pretty(state)?)
}

/// Puts what was made into the data folder. Can be cut off anywhere, and done again.
fn place(home: &Home, context: &Context) -> anyhow::Result<()> {
    let plan = faults::plan(&context.settings)?;
    let (folder, before) = (home.restoring(), home.restoring().join(BEFORE));
    fs::create_dir_all(&before)?;
    for name in PLACED {
        let (made, place) = (folder.join(name), home.path().join(name));
        drop(plan.hit("restore.place"));
        if !made.exists() {
            continue;
        }
        if place.exists() {
            fs::rename(&place, before.join(name))
                .with_context(|| format!("cannot move {}", place.display()))?;
        }
        drop(plan.hit("restore.between"));
        fs::rename(&made, &place).with_context(|| format!("cannot make {}", place.display()))?;
    }
    fs::File::open(home.path())?.sync_all()?;
    // The state last: a folder without it counts as one that had not begun.
    remove(&before)?;
    fs::remove_file(home.restore_state())?;
    remove(&folder)
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(anyhow!(error)).with_context(|| format!("cannot remove {}", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn say(context: &Context, home: &Home, restored: Restored) -> anyhow::Result<()> {
    let report = verify::to_wire(restored.report);
    let records: u64 = restored.records.iter().map(|(_, count)| count).sum();
    match context.output {
        Output::Json => {
            let counts: std::collections::BTreeMap<_, _> =
                restored.records.iter().copied().collect();
            show::json(&serde_json::json!({
                "home": home.path(),
                "taken_at": restored.manifest.taken_at,
                "records": counts,
                "report": report,
            }))?;
        }
        Output::Table => {
            show::line(&format!(
                "restored {} of {} into {}",
                show::count(records, "record"),
                restored.manifest.taken_at,
                home.path().display()
            ))?;
            verify::table(&report)?;
            if report.ok {
                show::line("`devlab up` starts it; agents register anew by themselves")?;
            }
        }
    }
    verify::holds(&report)
}
