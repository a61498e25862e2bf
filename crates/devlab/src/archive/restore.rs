//! `devlab restore`.
//!
//! Everything is made in a folder of its own, `restoring/`, and put into place when it is complete.
//! As long as that folder is there no lab starts. A restore that was cut off is begun again, or,
//! when it was putting things into place, ended.
//!
//! Records that go into PostgreSQL are in place at once, before the repositories are. So from the
//! moment at which they may be there, which is noted in `restoring/`, the only way is forward: a
//! restore that fails after that leaves the folder, and is to be done again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use devlab_core::check::Sha256Hex;
use devlab_core::rules::lab_id::lab_id;
use devlab_core::tx::Page;
use devlab_orchestrator::archive::{Archive, Estate, Restored, Step, offer_place, restore};
use devlab_store::blobs::{BlobPlace, BlobStore};
use devlab_store::{Store, StoreExt, postgres};

use super::{open_store, verify};
use crate::args::{Output, Restore};
use crate::context::Context;
use crate::failure::{self, Exit, Failure};
use crate::home::{Home, Restoring};
use crate::lab::{faults, serve};
use crate::show;

/// What is put into place, by its name in the data folder.
const PLACED: [&str; 4] = ["repos", "blobs", "db", "lab-id"];
/// Digits of a lab's id.
const LAB_ID_DIGITS: usize = 32;
/// Where what was there before goes, until the end.
const BEFORE: &str = "before";

pub(crate) async fn run(context: &Context, wanted: &Restore) -> anyhow::Result<()> {
    let home = Home::ensure(context.settings.home()?)?;
    let lock = home.lock()?;
    let last = home.restoring_state()?;
    if last.as_ref().is_some_and(|last| last.complete) {
        place(&home, context)?;
        show::note("the restore that was cut off is complete now");
        return show::done(context.output, &serde_json::json!({ "completed": true }));
    }
    let from = wanted.from.clone();
    let archive = tokio::task::spawn_blocking(move || Archive::open(&from)).await??;
    if !wanted.replace {
        refuse_used(&home)?;
    }
    let store = context.settings.database()?;
    let store = store.map(postgres::place).transpose()?;
    let mut now = Restoring {
        archive: wanted.from.display().to_string(),
        lab: None,
        replaces: None,
        records: again(last.as_ref(), store.as_deref()),
        store,
        complete: false,
    };
    if let Some(last) = last.filter(|_| now.records) {
        now.lab = last.lab;
        now.replaces = last.replaces;
    }
    begin(&home, &now)?;
    let made = Box::pin(make(context, &home, &archive, &mut now, wanted)).await;
    let restored = made.map_err(|error| failed(&home, error))?;
    now.complete = true;
    home.write_restoring_state(&now)?;
    place(&home, context)?;
    drop(lock);
    say(context, &home, restored)
}

/// Whether a restore that was cut off has begun to put records into the same database: they are
/// replaced without a further word.
fn again(last: Option<&Restoring>, store: Option<&str>) -> bool {
    let Some(last) = last.filter(|last| last.records) else {
        return false;
    };
    let is_same = last.store.as_deref() == store;
    if let (false, Some(other)) = (is_same, &last.store) {
        show::note(&format!(
            "a restore into {other} was cut off before: its records may be there, without repositories"
        ));
    }
    is_same
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

/// What an error leaves: nothing, unless the records may be in a database by now.
fn failed(home: &Home, error: anyhow::Error) -> anyhow::Error {
    let left = home.restoring_state().ok().flatten();
    match left.filter(|left| left.records) {
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
    if now.lab.is_none() {
        now.lab = Some(new_id(context, home, before.as_deref())?);
        now.replaces.clone_from(&before);
    }
    home.write_restoring_state(now)?;
    let made = match before {
        // A database that others may use has to be empty.
        Some(_) if !replace => Err(used("the database that DATABASE_URL names")),
        Some(_) | None => {
            let take = wanted.take_blobs;
            Box::pin(into_place(
                context, home, &estate, archive, now, replace, take,
            ))
            .await
        }
    };
    let has_begun = || home.restoring_state().ok().flatten() != Some(now.clone());
    if made.is_err() && has_begun() && is_as_before(&store, before.as_deref()).await {
        home.write_restoring_state(now)?;
    }
    store.close().await?;
    made
}

/// Restores, with the place of blobs: that of a lab that is replaced becomes the new one's, and that
/// of another one if a person has said that it does not go on.
async fn into_place(
    context: &Context,
    home: &Home,
    estate: &Estate,
    archive: &Archive,
    now: &Restoring,
    replace: bool,
    take: bool,
) -> anyhow::Result<Restored> {
    let lab = now.lab.as_deref().unwrap_or_default();
    let owner = estate.blobs.owner().await?;
    let is_replaced = replace && owner.is_some() && owner == now.replaces;
    let take = take || is_replaced;
    offer_place(&estate.blobs, lab, take).await?;
    let restored = restored(context, home, estate, archive, now, replace).await?;
    if take {
        estate.blobs.take_over(lab).await?;
    }
    Ok(restored)
}

/// Id of a lab that is made. It goes with the data folder and with what was in the database, so that a
/// restore that is begun again makes the same one, and is never that of the archive: the lab that was
/// archived may go on.
fn new_id(context: &Context, home: &Home, before: Option<&str>) -> anyhow::Result<String> {
    let folder = home.server_id(context.now())?;
    let of = format!(
        "restored into {folder} after {}",
        before.unwrap_or("nothing")
    );
    let mut id = Sha256Hex::of(of.as_bytes()).to_string();
    id.truncate(LAB_ID_DIGITS);
    Ok(id)
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
    let lab = now.lab.as_deref().unwrap_or_default();
    Ok(restore(estate, archive, lab, replace, &say).await?)
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
    fs::remove_file(home.restoring_state_path())?;
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
