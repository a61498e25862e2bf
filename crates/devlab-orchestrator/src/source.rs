//! Repositories on the disks of other servers, to be copied from there.

use std::sync::Arc;
use std::time::Duration;

use devlab_core::auth::Role;
use devlab_core::check::Sha256Hex;
use devlab_core::org::Project;
use devlab_core::server::Server;
use devlab_core::tx::Tx;
use devlab_core::{OrgId, Refusal};
use devlab_forge::transfer::{Credential, Remote};
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;
use crate::secrets::Secret;
use crate::tokens;

/// How long the token is good with which a copy is fetched: longer than the fetches of one copy may
/// take. It is taken back when the copy is done, or given up.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);

/// The home that a repository is fetched from, for as long as this lives.
pub(crate) struct Source {
    /// The repository there.
    pub(crate) remote: Remote,
    lab: Arc<Lab>,
    /// Hash of the token, until that is taken back.
    token: Option<Sha256Hex>,
}

impl Lab {
    /// The home of a project, to copy from: with a token of its own that reads its org, for which
    /// `why` is the note. `None` if the home is not known, or was not heard of lately.
    pub(crate) async fn source_of(
        self: &Arc<Self>,
        project: &Project,
        why: &str,
    ) -> Result<Option<Source>> {
        let Some(home) = project.home.server else {
            return Ok(None);
        };
        let Some(home) = self.peer(home).await? else {
            return Ok(None);
        };
        let source = self.source_at(&home, project.org, project.name.as_str(), why);
        source.await.map(Some)
    }

    /// The same, of a server that is there.
    pub(crate) async fn source_at(
        self: &Arc<Self>,
        home: &Server,
        org: OrgId,
        project: &str,
        why: &str,
    ) -> Result<Source> {
        let found = self.store().read(move |view| view.org(org)).await?;
        let name = found.ok_or(Refusal::NotFound("org"))?.name;
        let base = home.url.trim_end_matches('/');
        let url = format!("{base}/git/{name}/{project}.git");
        // Nothing may be wrong with the address once there is a token.
        let plain = Remote::new(&url, None)?;
        let note = why.to_owned();
        let made = self.store().write(move |tx: &mut dyn Tx| {
            let token = Secret::new(tx);
            tokens::insert(tx, &token, Role::Viewer, Some(org), &note, Some(TOKEN_TTL))?;
            Ok(token)
        });
        let token = made.await?;
        let credential = Credential::basic("devlab", token.reveal());
        Ok(Source {
            remote: plain.with(credential),
            lab: Arc::clone(self),
            token: Some(token.hash()),
        })
    }

    async fn take_back(&self, token: Sha256Hex) {
        let revoked = self.store().write(move |tx: &mut dyn Tx| {
            let Some(mut token) = tx.token_by_hash(&token)? else {
                return Ok(());
            };
            token.revoked_at = Some(tx.now());
            tx.put_token(&token)?;
            tx.effect(devlab_core::tx::Effect::Tokens);
            Ok(())
        });
        if let Err(error) = revoked.await {
            tracing::warn!(%error, "a token for a copy stays valid until it ends");
        }
    }
}

impl Source {
    /// The copy is done: takes the token back.
    pub(crate) async fn leave(mut self) {
        if let Some(token) = self.token.clone() {
            self.lab.take_back(token).await;
            self.token = None;
        }
    }
}

impl Drop for Source {
    /// A copy that was given up. A lab that ends waits for this.
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            let lab = Arc::clone(&self.lab);
            let back = async move { lab.take_back(token).await };
            drop(self.lab.tracker.spawn(back));
        }
    }
}
