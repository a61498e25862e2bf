//! The end of a restore: what was made is put into place. Can be cut off anywhere, and done again.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use devlab_orchestrator::archive::offer_place;
use devlab_store::blobs::BlobStore;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::{Home, Restoring};
use crate::lab::faults;

/// Folder of a store in SQLite, in the data folder.
const STORE: &str = "db";
/// What is put into place, by its name in the data folder.
const PLACED: [&str; 4] = ["repos", "blobs", STORE, "lab-id"];
/// Where what was there before goes, until the end.
const BEFORE: &str = "before";

/// Puts what was made into the data folder, and notes whose the place of blobs is.
///
/// # Errors
/// It stays as far as it came, and is to be done again: `state` says so. Only if another lab has come
/// to have the place of blobs meanwhile, the state says that nothing is made but the records.
pub(super) async fn place(
    home: &Home,
    context: &Context,
    state: &mut Restoring,
) -> anyhow::Result<()> {
    let plan = faults::plan(&context.settings)?;
    if !state.taken {
        drop(plan.hit("restore.made"));
        take_blobs(home, context, state).await?;
        drop(plan.hit("restore.taken"));
        state.taken = true;
        home.write_restoring_state(state)?;
    }
    let (folder, before) = (home.restoring(), home.restoring().join(BEFORE));
    fs::create_dir_all(&before)?;
    for name in PLACED {
        let (made, place) = (folder.join(name), home.path().join(name));
        drop(plan.hit("restore.place"));
        // Whoever forgets the database would find the lab that was here before.
        let is_over = name == STORE && state.store.is_some();
        if !made.exists() && !is_over {
            continue;
        }
        if place.exists() {
            fs::rename(&place, before.join(name))
                .with_context(|| format!("cannot move {}", place.display()))?;
        }
        drop(plan.hit("restore.between"));
        if made.exists() {
            fs::rename(&made, &place)
                .with_context(|| format!("cannot make {}", place.display()))?;
        }
    }
    fs::File::open(home.path())?.sync_all()?;
    // The state last: a folder without it counts as one that had not begun.
    remove(&before)?;
    fs::remove_file(home.restoring_state_path())?;
    remove(&folder)
}

/// Notes at the place of blobs that it is the new lab's. Only now: a restore that fails takes nothing
/// from the lab that had it, and leaves no place to a lab that there never was.
async fn take_blobs(home: &Home, context: &Context, state: &mut Restoring) -> anyhow::Result<()> {
    let Some(noted) = state.blobs.clone() else {
        return Ok(());
    };
    let place = context.settings.blobs()?;
    let named = place.describe();
    if named != noted {
        return Err(Failure::new(
            Exit::Failed,
            format!(
                "sealed logs and artifacts were restored into {noted}, and DEVLAB_BLOBS leads to \
                 {named} now\n  → give the DEVLAB_BLOBS that the restore was begun with"
            ),
        ));
    }
    let blobs = BlobStore::open(&place)?;
    if state.take {
        return Ok(blobs.take_over(&state.lab).await?);
    }
    if blobs.claim(&state.lab).await? == state.lab {
        return Ok(());
    }
    // It was nobody's when this began. Nothing is in place yet but records in a database: another place
    // of blobs can be given.
    state.complete = false;
    home.write_restoring_state(state)?;
    let refused = offer_place(&blobs, false).await.err();
    Err(refused.map_or_else(
        || anyhow!("{noted} was another lab's for a moment"),
        Into::into,
    ))
}

/// Removes a folder, if it is there.
///
/// # Errors
/// With its path.
pub(super) fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(anyhow!(error)).with_context(|| format!("cannot remove {}", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
