//! Sessions of the dashboard.
//!
//! A session is a token of its own, with what the one that it was opened with may do, whose secret
//! has two halves: the browser keeps one in a cookie that no script can read, and the page sends the
//! other in a header. Cookies ignore ports, so another server on the same host may receive the first
//! half; without the second it is of no use.

use std::time::Duration;

use devlab_core::auth::{AuditEntry, Principal, Role, Token};
use devlab_core::tx::{Page, Tx};
use devlab_core::{OrgId, Refusal, TokenId};
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;
use crate::secrets::Secret;
use crate::tokens;

/// How long a session lasts, unless the token that opened it ends before.
pub const SESSION_TTL: Duration = Duration::from_secs(12 * 3600);
/// What a session's note begins with; the id of the token that it was opened with follows.
const NOTE: &str = "dashboard session of ";
/// Tokens read at a time when sessions are looked for.
const TOKENS_PAGE: u32 = 200;

/// A session, on the one occasion on which its secrets are known.
#[derive(Debug)]
pub struct Session {
    /// Its token.
    pub token: Token,
    /// The half for the cookie.
    pub cookie: Secret,
    /// The half for the header.
    pub header: Secret,
}

/// The secret of a session from its halves.
#[must_use]
pub fn whole(cookie: &str, header: &str) -> Secret {
    // Neither half has a dot.
    Secret::from_text(format!("{cookie}.{header}"))
}

impl Lab {
    /// Opens a session for whoever has shown a token, and leaves an audit entry.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a token that is not a person's, and for a session: another one that
    /// it had opened would outlive the token that both come from.
    pub async fn open_session(&self, who: Principal, request_id: String) -> Result<Session> {
        match who.role {
            Role::Admin | Role::Operator | Role::Viewer => {}
            Role::Agent | Role::Metrics => return Err(Refusal::Forbidden.into()),
        }
        let opened = self.store().write(move |tx| {
            let now = tx.now();
            let with = tx.token(who.token)?.filter(|token| token.is_valid(now));
            let with = with.filter(|token| !token.note.starts_with(NOTE));
            let with = with.ok_or(Refusal::Forbidden)?;
            let (cookie, header) = (Secret::new(tx), Secret::new(tx));
            let left = with.expires_at.map(|end| end.since(now));
            let ttl = left.map_or(SESSION_TTL, |left| left.min(SESSION_TTL));
            let secret = whole(cookie.reveal(), header.reveal());
            let note = format!("{NOTE}{}", with.id);
            let token = tokens::insert(tx, &secret, with.role, with.org, &note, Some(ttl))?;
            tx.append_audit(&AuditEntry {
                org: with.org,
                at: now,
                actor: who.display(),
                action: "session.open",
                target: token.id.to_string(),
                request_id: request_id.clone(),
            })?;
            Ok(Session {
                token,
                cookie,
                header,
            })
        });
        Ok(opened.await?)
    }

    /// Ends a session: its caller's token, if that is one.
    ///
    /// # Errors
    /// Storage only.
    pub async fn end_session(&self, who: Principal, request_id: String) -> Result<()> {
        let ended = self.store().write(move |tx| {
            let session = tx.token(who.token)?;
            let Some(session) = session.filter(|token| token.note.starts_with(NOTE)) else {
                return Ok(());
            };
            tokens::revoke(tx, session.id)?;
            tx.append_audit(&AuditEntry {
                org: session.org,
                at: tx.now(),
                actor: who.display(),
                action: "session.end",
                target: session.id.to_string(),
                request_id: request_id.clone(),
            })
        });
        Ok(ended.await?)
    }
}

/// Ends the sessions that were opened with a token.
pub(crate) fn end_those_of(
    tx: &mut dyn Tx,
    org: Option<OrgId>,
    id: TokenId,
) -> devlab_core::Result<()> {
    let note = format!("{NOTE}{id}");
    let mut after = None;
    loop {
        let page = Page {
            after,
            limit: TOKENS_PAGE,
        };
        let found = tx.tokens(org, page)?;
        for mut token in found.iter().cloned() {
            if token.note == note && token.revoked_at.is_none() {
                token.revoked_at = Some(tx.now());
                tx.put_token(&token)?;
            }
        }
        // Sessions are younger than what they were opened with, and lists begin with the newest.
        match found.last() {
            Some(last) if last.id > id => after = Some(last.id.uuid()),
            Some(_) | None => return Ok(()),
        }
    }
}
