//! `devlab restore`.
//!
//! Everything is made in a folder of its own, `restoring/`, and put into place when it is complete.
//! As long as that folder is there no lab starts. A restore that was cut off is begun again, or,
//! when it was putting things into place, ended.
//!
//! Records that go into PostgreSQL are in place at once, before the repositories are. So from the
//! moment at which they may be there, which is noted in `restoring/`, the only way is forward: a
//! restore that fails after that leaves the folder, and is to be done again.
//!
//! *Invariant:* no two labs that were restored have the same id, into whatever folder or database, and
//! none has that of a lab that was there before.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use devlab_core::rules::lab_id::{LAB_ID, lab_id};
use devlab_core::tx::Page;
use devlab_orchestrator::archive::{Archive, Estate, Restored, Step, offer_place, restore};
use devlab_store::blobs::{BlobPlace, BlobStore};
use devlab_store::{Store, StoreExt, postgres, sqlite};

use super::placing::{place, remove};
use super::{open_store, verify};
use crate::args::{Output, Restore};
use crate::context::Context;
use crate::failure::{self, Exit, Failure};
use crate::home::{Home, Restoring};
use crate::lab::{faults, serve};
use crate::show;

pub(crate) async fn run(context: &Context, wanted: &Restore) -> anyhow::Result<()> {
    let home = Home::ensure(context.settings.home()?)?;
    let lock = home.lock()?;
    let last = home.restoring_state()?;
    if let Some(mut last) = last.clone().filter(|last| last.complete) {
        let placed = place(&home, context, &mut last).await;
        placed.map_err(|error| failed(&home, error))?;
        show::note("the restore that was cut off is complete now");
        return show::done(context.output, &serde_json::json!({ "completed": true }));
    }
    let from = wanted.from.clone();
    let archive = tokio::task::spawn_blocking(move || Archive::open(&from)).await??;
    let mut now = begun(context, &home, wanted, last)?;
    // What a restore into this database has begun needs no further word.
    if !wanted.replace && !now.records {
        refuse_used(&home)?;
    }
    begin(&home, &now)?;
    let made = Box::pin(make(context, &home, &archive, &mut now, wanted)).await;
    let restored = made.map_err(|error| failed(&home, error))?;
    now.complete = true;
    // Whatever becomes of the rest, they stay in a database.
    now.records = now.store.is_some();
    home.write_restoring_state(&now)?;
    let placed = place(&home, context, &mut now).await;
    placed.map_err(|error| failed(&home, error))?;
    drop(lock);
    say(context, &home, restored)
}

/// What is noted of a restore that begins. One that goes on with what was cut off makes the same lab,
/// whose records may be in the database and whose blobs are in their place: but not in another
/// database, which would be a second lab with that id.
fn begun(
    context: &Context,
    home: &Home,
    wanted: &Restore,
    last: Option<Restoring>,
) -> anyhow::Result<Restoring> {
    let store = context.settings.database()?;
    let blobs = context.settings.blobs()?;
    let fresh = Restoring {
        archive: wanted.from.display().to_string(),
        lab: format!("{:032x}", rand::random::<u128>()),
        replaces: Vec::new(),
        store: store.map(postgres::place).transpose()?,
        blobs: (!is_own(home, &blobs)).then(|| blobs.describe()),
        began_empty: false,
        take: false,
        records: false,
        complete: false,
        taken: false,
    };
    let Some(last) = last else {
        return Ok(fresh);
    };
    if last.records && last.store != fresh.store {
        if let Some(other) = &last.store {
            show::note(&format!(
                "a restore into {other} was cut off before: its records may be there, without repositories"
            ));
        }
        return Ok(fresh);
    }
    let has_begun_there = last.blobs == fresh.blobs;
    Ok(Restoring {
        lab: last.lab,
        replaces: match last.records {
            true => last.replaces,
            false => Vec::new(),
        },
        began_empty: last.began_empty && has_begun_there,
        take: last.take && last.records && has_begun_there,
        records: last.records,
        ..fresh
    })
}

/// Whether blobs go into the data folder.
fn is_own(home: &Home, place: &BlobPlace) -> bool {
    matches!(place, BlobPlace::Folder(folder) if *folder == home.path().join("blobs"))
}

/// Notes what begins, and removes what the last one has left.
fn begin(home: &Home, now: &Restoring) -> anyhow::Result<()> {
    fs::create_dir_all(home.restoring())?;
    home.write_restoring_state(now)?;
    for entry in fs::read_dir(home.restoring())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        } else if entry.path() != home.restoring_state_path() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// What an error leaves: nothing, unless the records may be in a database by now, or everything is
/// made.
fn failed(home: &Home, error: anyhow::Error) -> anyhow::Error {
    let left = home.restoring_state().ok().flatten();
    match left.filter(|left| left.records || left.complete) {
        Some(left) => {
            let text = format!("{}; {}", failure::words(&error), left.words());
            Failure::new(failure::exit_of(&error), text)
        }
        None => match remove(&home.restoring()) {
            Ok(()) => error,
            Err(left) => error.context(format!("{left:#}")),
        },
    }
}

/// Makes everything in the folder, and puts the records into the store.
async fn make(
    context: &Context,
    home: &Home,
    archive: &Archive,
    now: &mut Restoring,
    wanted: &Restore,
) -> anyhow::Result<Restored> {
    let replace = wanted.replace || now.records;
    let store = open_store(context, &home.restoring().join("db")).await?;
    let estate = Estate {
        store: Arc::clone(&store),
        blobs: BlobStore::open(&blobs(context, home)?)?,
        git: serve::git(context),
        repos: home.restoring().join("repos"),
        // Nobody has what is only being made.
        here: None,
        lab: None,
    };
    let before = lab_in(&store).await?;
    now.replaces.extend(before.clone());
    now.replaces.extend(lab_of_folder(home));
    now.take |= wanted.take_blobs;
    let made = match before {
        // A database that others may use has to be empty.
        Some(_) if !replace => Err(used("the database that DATABASE_URL names")),
        Some(_) | None => Box::pin(into_place(context, home, &estate, archive, now, replace)).await,
    };
    let has_begun = || home.restoring_state().ok().flatten() != Some(now.clone());
    if made.is_err() && has_begun() && is_as_before(&store, before.as_deref()).await {
        home.write_restoring_state(now)?;
    }
    store.close().await?;
    match made {
        Err(error) => Err(with_what_stays(home, &estate.blobs, error).await),
        made => made,
    }
}

/// Restores, with the place of blobs: that of a lab that is removed becomes the new one's in the end,
/// and that of another one if a person has said that it does not go on.
async fn into_place(
    context: &Context,
    home: &Home,
    estate: &Estate,
    archive: &Archive,
    now: &mut Restoring,
    replace: bool,
) -> anyhow::Result<Restored> {
    if now.blobs.is_none() {
        // It is put into place with the rest.
        estate.blobs.claim(&now.lab).await?;
    } else {
        let owner = estate.blobs.owner().await?;
        let is_removed = |owner: &String| replace && now.replaces.contains(owner);
        now.take |= owner.as_ref().is_some_and(is_removed);
        now.began_empty &= owner.is_none();
        if !now.began_empty {
            offer_place(&estate.blobs, now.take).await?;
            now.began_empty = owner.is_none() && !now.take;
        }
    }
    home.write_restoring_state(now)?;
    restored(context, home, estate, archive, now, replace).await
}

/// The error, with what a restore that failed leaves where nobody else may take it for its own.
async fn with_what_stays(home: &Home, blobs: &BlobStore, error: anyhow::Error) -> anyhow::Error {
    let left = home.restoring_state().ok().flatten();
    // One that has to be done again knows of them.
    let is_over = left.is_some_and(|left| left.began_empty && !left.records);
    if !is_over || blobs.is_empty().await.unwrap_or(true) {
        return error;
    }
    let (words, place) = (failure::words(&error), blobs.place());
    let text = format!(
        "{words}; sealed logs and artifacts that it has put into {place} stay there\n  → empty it, \
         or add --take-blobs the next time"
    );
    Failure::new(failure::exit_of(&error), text)
}

/// Id of the lab in the folder's own store, which is removed in the end; `None` without one, or for
/// one that is damaged.
fn lab_of_folder(home: &Home) -> Option<String> {
    let found = sqlite::setting(&home.database(), LAB_ID);
    found.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot see which lab it is that is replaced");
        None
    })
}

/// Id of the lab in a store, which one that is older than ids gets here; `None` without a lab. Waits
/// for the end of a load that may be under way.
async fn lab_in(store: &Arc<dyn Store>) -> anyhow::Result<Option<String>> {
    let page = Page {
        after: None,
        limit: 1,
    };
    let found = store.write(move |tx| {
        if tx.orgs(None, page)?.is_empty() {
            return Ok(None);
        }
        lab_id(tx).map(Some)
    });
    Ok(found.await?)
}

/// Whether it is certain that no records came into a store: a lab that is replaced loses its id.
async fn is_as_before(store: &Arc<dyn Store>, before: Option<&str>) -> bool {
    let after = lab_in(store).await;
    after.is_ok_and(|after| after.as_deref() == before)
}

async fn restored(
    context: &Context,
    home: &Home,
    estate: &Estate,
    archive: &Archive,
    now: &Restoring,
    replace: bool,
) -> anyhow::Result<Restored> {
    let plan = faults::plan(&context.settings)?;
    let shown = context.output == Output::Table;
    let begun = Restoring {
        records: true,
        ..now.clone()
    };
    let (home, is_shared) = (home.clone(), estate.store.is_shared());
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
        if step == Step::Records && is_shared {
            let noted = home.write_restoring_state(&begun);
            noted.map_err(|error| devlab_orchestrator::Error::Io {
                what: "cannot note that the records come".to_owned(),
                source: std::io::Error::other(format!("{error:#}")),
            })?;
        }
        plan.hit(point)
            .map_err(devlab_orchestrator::Error::Injected)
    };
    Ok(restore(estate, archive, &now.lab, replace, &say).await?)
}

/// Where blobs are restored to: a folder of the lab's own is put into place with the rest; another
/// place takes them at once, since what it has under their names is the same.
fn blobs(context: &Context, home: &Home) -> anyhow::Result<BlobPlace> {
    let place = context.settings.blobs()?;
    Ok(match is_own(home, &place) {
        true => BlobPlace::Folder(home.restoring().join("blobs")),
        false => place,
    })
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

fn say(context: &Context, home: &Home, restored: Restored) -> anyhow::Result<()> {
    let (report, unseen) = match restored.report {
        Ok(report) => (Some(verify::to_wire(report)), None),
        Err(error) => (None, Some(failure::words(&error.into()))),
    };
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
            if let Some(report) = &report {
                verify::table(report)?;
            }
            if report.as_ref().is_some_and(|report| report.ok) {
                show::line("`devlab up` starts it; agents register anew by themselves")?;
            }
        }
    }
    if let Some(report) = &report {
        return verify::holds(report);
    }
    Err(Failure::new(
        Exit::Failed,
        format!(
            "everything is in place, but nobody could look at it: {}\n  → run `devlab verify`",
            unseen.unwrap_or_default()
        ),
    ))
}
