//! Archives of a lab that runs, for those who ask it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use devlab_core::auth::{AuditEntry, Principal};
use devlab_core::limits::PAGE_MAX;
use devlab_core::name::Name;
use devlab_core::rules::servers;
use devlab_core::tx::Page;
use devlab_core::{OrgId, Refusal};
use devlab_store::dump::Scope;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::read::Archive;
use super::receive::{PieceReader, receive};
use super::verify::{Report, verify};
use super::{Estate, Pieces, bad, blocking, import_org, take};
use crate::error::Result;
use crate::lab::Lab;

/// The bytes of an archive that comes in.
pub type Body = BoxStream<'static, std::io::Result<Bytes>>;

/// Largest archive that is taken in over the network.
const BODY_BYTES_MAX: u64 = 1 << 40;
/// How long its sender may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long one archive waits for the end of another.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// Pieces of it that wait to be written.
const PIECES_WAITING_MAX: usize = 8;

/// Who asks for an archive, for the audit log.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who.
    pub who: Principal,
    /// Request id.
    pub request_id: String,
}

impl Lab {
    /// Where this lab keeps what an archive is made of.
    #[must_use]
    pub fn estate(&self) -> Estate {
        Estate {
            store: Arc::clone(self.store()),
            blobs: Arc::clone(self.blobs()),
            git: self.git.clone(),
            repos: self.repos().to_owned(),
            here: self.is_shared().then(|| self.this_server().id),
            lab: None,
        }
    }

    /// One archive at a time.
    async fn archive_turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.archives).acquire_owned();
        // Closed it never is.
        match tokio::time::timeout(TURN_WAIT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                let text = "an archive is being taken or taken in: try again when it is done";
                Err(Refusal::Conflict(text.to_owned()).into())
            }
        }
    }

    /// Takes an archive of the lab, or of one org. It is made while its pieces are read.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] while another one is being taken; storage.
    pub async fn take_archive(
        self: &Arc<Self>,
        asked: Asked,
        org: Option<OrgId>,
    ) -> Result<Pieces> {
        let turn = self.archive_turn().await?;
        let scope = org.map_or(Scope::Lab, Scope::Org);
        let action = match org {
            None => "lab.backup",
            Some(_) => "org.export",
        };
        self.note_asked(asked, action, org).await?;
        let estate = Estate {
            lab: Some(Arc::clone(self)),
            ..self.estate()
        };
        let (pieces, work) = take(estate, scope, self.clock.now());
        let lab = Arc::clone(self);
        drop(self.tracker.spawn(async move {
            tokio::select! {
                taken = work => match taken {
                    Ok(taken) => tracing::info!(parts = taken.parts.len(), "an archive was taken"),
                    Err(error) => tracing::warn!(%error, "an archive was not taken"),
                },
                () = lab.stop.cancelled() => tracing::warn!("an archive was cut off by the end of the lab"),
            }
            drop(turn);
        }));
        Ok(pieces)
    }

    /// Holds records and repositories against each other; see [`verify`]. One at a time: each reads
    /// everything and makes every merge again.
    ///
    /// # Errors
    /// As [`verify`]; [`Refusal::Conflict`] while somebody else looks.
    pub async fn look(self: &Arc<Self>) -> Result<Report> {
        let Ok(Ok(_turn)) = tokio::time::timeout(TURN_WAIT, self.looks.acquire()).await else {
            let text = "the lab is being verified: try again when that is done";
            return Err(Refusal::Conflict(text.to_owned()).into());
        };
        let estate = Estate {
            lab: Some(Arc::clone(self)),
            ..self.estate()
        };
        verify(&estate).await
    }

    /// Takes an org in, under its own name or another.
    ///
    /// # Errors
    /// As [`import_org`]; [`Refusal::Conflict`] while another archive is being taken.
    pub async fn take_org_in(
        self: &Arc<Self>,
        asked: Asked,
        body: Body,
        name: Option<Name>,
    ) -> Result<OrgId> {
        let turn = self.archive_turn().await?;
        let scratch = self.estate().scratch()?;
        let file = scratch.path().join("org.tar");
        let archive = received(body, file).await?;
        let lease_until = self.clock.now().plus(self.config.rules.lease_term);
        let id = Box::pin(import_org(&self.estate(), &archive, name, lease_until)).await?;
        self.adopt_org(id).await?;
        self.note_asked(asked, "org.import", Some(id)).await?;
        drop(turn);
        Ok(id)
    }

    /// This server is the home of what it has made. One that is killed before it says so adopts it
    /// at its next start.
    async fn adopt_org(&self, org: OrgId) -> Result<()> {
        let own = self.this_server().id;
        let adopted = self.write(move |tx| {
            let mut after = None;
            loop {
                let page = Page {
                    after,
                    limit: PAGE_MAX,
                };
                let projects = tx.projects(Some(org), page)?;
                let Some(last) = projects.last() else {
                    return Ok(());
                };
                after = Some(last.id.uuid());
                for project in projects {
                    servers::adopt(tx, project.id, own)?;
                }
            }
        });
        Ok(adopted.await?)
    }

    async fn note_asked(
        &self,
        asked: Asked,
        action: &'static str,
        org: Option<OrgId>,
    ) -> Result<()> {
        let noted = self.write(move |tx| {
            tx.append_audit(&AuditEntry {
                org,
                at: tx.now(),
                actor: asked.who.display(),
                action,
                target: org.map_or_else(|| "lab".to_owned(), |org| org.to_string()),
                request_id: asked.request_id.clone(),
            })
        });
        Ok(noted.await?)
    }
}

/// Writes what comes to a file.
async fn received(mut body: Body, file: std::path::PathBuf) -> Result<Archive> {
    let (to, pieces) = mpsc::channel(PIECES_WAITING_MAX);
    let writing = blocking(move || {
        receive(PieceReader::new(pieces), &file, &mut |_, _| ())?;
        Archive::open(&file)
    });
    let sending = async move {
        let mut total = 0;
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, body.next()).await;
            let Some(piece) = next.map_err(|_| bad("its sender has fallen silent"))? else {
                return Ok(());
            };
            total += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            if total > BODY_BYTES_MAX {
                return Err(bad(format!("it is larger than {BODY_BYTES_MAX} bytes")));
            }
            // Who writes has found something wrong, and says so.
            if to.send(piece).await.is_err() {
                return Ok(());
            }
        }
    };
    let (sent, written) = futures::future::join(sending, writing).await;
    sent?;
    written
}
