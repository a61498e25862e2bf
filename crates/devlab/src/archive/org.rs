//! `devlab org export` and `devlab org import`.

use std::path::Path;

use bytes::Bytes;
use devlab_core::name::Name;
use devlab_core::server::ServerRole;
use devlab_core::{OrgId, Refusal};
use devlab_orchestrator::archive::{Archive, Estate, import_org, take};
use devlab_store::StoreExt;
use devlab_store::dump::Scope;
use futures::Stream;
use tokio::sync::mpsc;

use super::{Lab, fetched, say, written};
use crate::args::{Export, Import};
use crate::client::orgs::show_org;
use crate::context::Context;
use crate::failure::{Exit, Failure};

pub(crate) async fn export(context: &Context, export: &Export) -> anyhow::Result<()> {
    let manifest = match Lab::find(context).await? {
        Lab::Running(client) => {
            fetched(context, client.export_org(&export.org).await?, &export.to).await?
        }
        Lab::Stopped(lab) => {
            let id = org_of(&lab.estate, &export.org).await?;
            let (pieces, work) = take(lab.estate.clone(), Scope::Org(id), context.now());
            let (taken, manifest) = tokio::join!(work, written(context, pieces, &export.to));
            let manifest = match taken {
                Ok(_) => manifest?,
                Err(error) => return Err(manifest.err().unwrap_or(error.into())),
            };
            lab.close().await?;
            manifest
        }
    };
    say(context, &manifest, &export.to)
}

async fn org_of(estate: &Estate, given: &str) -> anyhow::Result<OrgId> {
    let given = given.to_owned();
    let found = estate.store.read(move |view| {
        let by_id = given.parse::<OrgId>().ok();
        Ok(match by_id {
            Some(id) => view.org(id)?,
            None => view.org_by_name(&given.parse::<Name>()?)?,
        })
    });
    let org = found.await?.ok_or(Refusal::NotFound("org"));
    Ok(org
        .map_err(|error| Failure::not_found(error.to_string()))?
        .id)
}

pub(crate) async fn import(context: &Context, import: &Import) -> anyhow::Result<()> {
    match Lab::find(context).await? {
        Lab::Running(client) => {
            let bytes = bytes_of(&import.from).await?;
            let org = client.import_org(bytes, import.name.as_deref()).await?;
            show_org(context, &org)
        }
        Lab::Stopped(lab) => {
            expect_place(context, &lab.estate)?;
            let from = import.from.clone();
            let archive = tokio::task::spawn_blocking(move || Archive::open(&from)).await??;
            let name = import.name.as_deref().map(str::parse::<Name>);
            let until = context.now().plus(context.settings.lease()?);
            let estate = &lab.estate;
            let id = Box::pin(import_org(estate, &archive, name.transpose()?, until)).await?;
            let org = estate.store.read(move |view| view.org(id)).await?;
            let org = org.ok_or(Refusal::NotFound("org"))?;
            lab.close().await?;
            show_org(
                context,
                &devlab_api::project::Org {
                    id: org.id,
                    name: org.name.to_string(),
                    retention: org.retention.map(|kept| kept.to_string()),
                    created_at: org.created_at,
                },
            )
        }
    }
}

/// Refuses a folder whose server would have repositories and nothing that looks after them.
fn expect_place(context: &Context, estate: &Estate) -> anyhow::Result<()> {
    if !estate.store.is_shared() || context.settings.roles()?.has(ServerRole::Git) {
        return Ok(());
    }
    let problem = "this server takes no repositories: import on one that has the role git, or send \
                   it to a lab that runs";
    Err(Failure::new(Exit::Usage, problem))
}

/// An archive as the bytes of one file, whichever form it has.
async fn bytes_of(
    from: &Path,
) -> anyhow::Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static> {
    let path = from.to_owned();
    let archive = tokio::task::spawn_blocking(move || Archive::open(&path)).await??;
    let (to, pieces) = mpsc::channel(super::PIECES_WAITING_MAX);
    drop(tokio_util::task::TaskTracker::new().spawn(async move {
        if let Err(error) = archive.send(&to).await {
            drop(to.send(Err(std::io::Error::other(error.to_string()))).await);
        }
    }));
    Ok(futures::stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    }))
}
