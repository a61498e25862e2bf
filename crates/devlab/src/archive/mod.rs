//! Archives: backups, restores, orgs that move; and whether what a lab stores holds.
//!
//! A lab that runs is asked; one that is stopped is opened here, under the lock of its folder.

pub(crate) mod backup;
pub(crate) mod migrate;
pub(crate) mod org;
mod placing;
pub(crate) mod restore;
pub(crate) mod verify;

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use devlab_api::client::{ArchiveBytes, Client, ClientError};
use devlab_core::tx::Page;
use devlab_orchestrator::archive::{Estate, Manifest, PieceReader, Pieces, check_folder, receive};
use devlab_store::blobs::BlobStore;
use devlab_store::{Store, StoreExt};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::args::Output;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::lab::{faults, serve};
use crate::show;

/// Pieces that wait to be written.
const PIECES_WAITING_MAX: usize = 8;
/// Bytes between two looks at the status line.
const STATUS_BYTES: u64 = 4 << 20;

/// Who can give what is asked for.
pub(crate) enum Lab {
    /// One that runs.
    Running(Client),
    /// The one of this folder, which does not.
    Stopped(Stopped),
}

/// A stopped lab that this process has opened.
pub(crate) struct Stopped {
    pub(crate) estate: Estate,
    _lock: File,
}

impl Lab {
    /// The lab that commands talk to, if one runs or was named; otherwise the one of this folder.
    pub(crate) async fn find(context: &Context) -> anyhow::Result<Self> {
        let home = context.home()?;
        if context.settings.url().is_some() || home.server().is_some() {
            return Ok(Self::Running(context.client()?));
        }
        let is_there = home.database().is_dir() || context.settings.database()?.is_some();
        if !is_there {
            return Err(Failure::new(
                Exit::NotFound,
                format!("there is no lab in {}", home.path().display()),
            ));
        }
        Ok(Self::Stopped(Stopped::open(context, &home).await?))
    }
}

impl Stopped {
    async fn open(context: &Context, home: &Home) -> anyhow::Result<Self> {
        let home = Home::ensure(home.path().to_owned())?;
        let lock = home.lock()?;
        home.refuse_restoring()?;
        let store = open_store(context, &home.database()).await?;
        let here = store.is_shared().then(|| home.server_id(context.now()));
        let estate = Estate {
            store,
            blobs: BlobStore::open(&context.settings.blobs()?)?,
            git: serve::git(context),
            repos: home.repos(),
            here: here.transpose()?,
            lab: None,
        };
        std::fs::create_dir_all(&estate.repos)?;
        if let Err(error) = check_folder(&estate.store, &estate.repos).await {
            estate.store.close().await.ok();
            return Err(error.into());
        }
        Ok(Self {
            estate,
            _lock: lock,
        })
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        Ok(self.estate.store.close().await?)
    }
}

/// A store of its own: nobody waits for its effects.
pub(crate) async fn open_store(context: &Context, folder: &Path) -> anyhow::Result<Arc<dyn Store>> {
    let hook = faults::of_store(faults::plan(&context.settings)?);
    serve::open_store(context, folder.to_owned(), Arc::new(|_: &[_]| ()), hook).await
}

/// Whether a store has a lab.
pub(crate) async fn has_lab(store: &Arc<dyn Store>) -> anyhow::Result<bool> {
    let page = Page {
        after: None,
        limit: 1,
    };
    let orgs = store.read(move |view| view.orgs(None, page)).await?;
    Ok(!orgs.is_empty())
}

/// Writes what comes to `to`, whole or not at all, and shows how far it is.
pub(crate) async fn written(
    context: &Context,
    pieces: Pieces,
    to: &Path,
) -> anyhow::Result<Manifest> {
    let to = to.to_owned();
    let shown = context.output == Output::Table && std::io::stderr().is_terminal();
    let work = move || {
        let (mut last, mut next) = (String::new(), 0);
        let mut progress = |name: &str, total: u64| {
            if shown && (total >= next || (last != name && next == 0)) {
                show::status(&format!("\r\x1b[K{} {name}", size(total)));
                name.clone_into(&mut last);
                next = total + STATUS_BYTES;
            }
        };
        let received = receive(PieceReader::new(pieces), &to, &mut progress);
        if shown {
            show::status("\r\x1b[K");
        }
        received
    };
    Ok(tokio::task::spawn_blocking(work).await??)
}

/// What a server sends, as pieces.
pub(crate) async fn forward(mut from: ArchiveBytes, to: mpsc::Sender<std::io::Result<Bytes>>) {
    while let Some(piece) = from.next().await {
        let piece = piece.map_err(|error: ClientError| std::io::Error::other(error.to_string()));
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

/// Takes what a server sends in.
pub(crate) async fn fetched(
    context: &Context,
    from: ArchiveBytes,
    to: &Path,
) -> anyhow::Result<Manifest> {
    let (sender, pieces) = mpsc::channel(PIECES_WAITING_MAX);
    let ((), manifest) = tokio::join!(forward(from, sender), written(context, pieces, to));
    manifest
}

/// A number of bytes, for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        unit => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// Says what was written where.
pub(crate) fn say(context: &Context, manifest: &Manifest, to: &Path) -> anyhow::Result<()> {
    let bytes: u64 = manifest.parts.iter().map(|part| part.bytes).sum();
    let records: u64 = manifest.parts.iter().filter_map(|part| part.records).sum();
    let repositories = manifest
        .parts
        .iter()
        .filter(|part| part.name.starts_with("repos/"));
    let repositories = repositories.count() as u64;
    match context.output {
        Output::Json => show::json(&serde_json::json!({
            "to": to,
            "bytes": bytes,
            "records": records,
            "repositories": repositories,
            "manifest": manifest,
        })),
        Output::Table => show::line(&format!(
            "{}: {}, {}, {}, as of {}",
            to.display(),
            show::count(records, "record"),
            match repositories {
                1 => "1 repository".to_owned(),
                many => format!("{many} repositories"),
            },
            size(bytes),
            manifest.taken_at
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, said) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (3 << 30, "3.0 GiB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }
}
