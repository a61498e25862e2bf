//! Repositories on the disks of other servers, to be copied from there.

use std::time::Duration;

use devlab_core::auth::Role;
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

/// How long the token is good with which a copy is fetched.
const TOKEN_TTL: Duration = Duration::from_secs(2 * 3600);

/// The home that a repository is fetched from. Give it back with [`Lab::leave_source`].
pub(crate) struct Source {
    /// The repository there.
    pub(crate) remote: Remote,
    token: Secret,
}

impl Lab {
    /// The home of a project, to copy from: with a token of its own that reads its org, for which
    /// `why` is the note. `None` if the home is not known, or was not heard of lately.
    pub(crate) async fn source_of(&self, project: &Project, why: &str) -> Result<Option<Source>> {
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
        &self,
        home: &Server,
        org: OrgId,
        project: &str,
        why: &str,
    ) -> Result<Source> {
        let note = why.to_owned();
        let made = self.store().write(move |tx: &mut dyn Tx| {
            let token = Secret::new(tx);
            tokens::insert(tx, &token, Role::Viewer, Some(org), &note, Some(TOKEN_TTL))?;
            let org = tx.org(org)?.ok_or(Refusal::NotFound("org"))?;
            Ok((token, org))
        });
        let (token, org) = made.await?;
        let base = home.url.trim_end_matches('/');
        let url = format!("{base}/git/{}/{project}.git", org.name);
        let credential = Credential::basic("devlab", token.reveal());
        let remote = Remote::new(&url, Some(credential))?;
        Ok(Source { remote, token })
    }

    /// Takes the token of a copy back.
    pub(crate) async fn leave_source(&self, source: Source) {
        let secret = source.token;
        let revoked = self.store().write(move |tx: &mut dyn Tx| {
            let Some(mut token) = tx.token_by_hash(&secret.hash())? else {
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
