//! Mutations by people and administrators: with an audit entry and, if wanted, a remembered answer,
//! both in the mutation's own transaction.

use devlab_core::auth::{AuditEntry, Principal};
use devlab_core::check::Sha256Hex;
use devlab_core::limits::IDEMPOTENCY_TTL;
use devlab_core::tx::{Read, Remembered, Tx};
use devlab_core::{OrgId, Refusal};
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;

/// Who asks for a mutation, and how to tell a repeated one.
#[derive(Debug, Clone)]
pub struct Mutation {
    /// Who.
    pub who: Principal,
    /// Request id, for the audit log.
    pub request_id: String,
    /// What it is, such as `task.cancel`.
    pub action: &'static str,
    /// Set if the caller sent an `Idempotency-Key`.
    pub idempotency: Option<IdempotencyKey>,
}

/// A caller's `Idempotency-Key`, with what it was sent for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Under which the answer is remembered: the caller's token, the route, and the key.
    pub key: String,
    /// Hash of what was asked.
    pub body: Sha256Hex,
}

/// What a mutation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Org that it concerns; `None` for the whole lab.
    pub org: Option<OrgId>,
    /// Id of what it was done to.
    pub target: String,
    /// What the caller is told.
    pub answer: Answer,
}

/// What a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
    /// Whether it was remembered from an earlier request with the same key.
    pub replayed: bool,
}

impl Answer {
    /// A fresh answer.
    #[must_use]
    pub fn new(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            replayed: false,
        }
    }
}

/// What a request with this key was told before.
fn known_answer<R: Read + ?Sized>(
    view: &mut R,
    sent: &IdempotencyKey,
) -> devlab_core::Result<Option<Answer>> {
    let Some(known) = view.remembered(&sent.key)? else {
        return Ok(None);
    };
    if known.body != sent.body {
        return Err(Refusal::IdempotencyMismatch.into());
    }
    Ok(Some(Answer {
        status: known.status,
        body: known.answer,
        replayed: true,
    }))
}

impl Lab {
    /// What a request with this key was told before: asked by mutations that do something outside
    /// their transaction, such as moving a ref, before they do it.
    ///
    /// # Errors
    /// [`Refusal::IdempotencyMismatch`] if the key was used with another body.
    pub async fn remembered(&self, sent: IdempotencyKey) -> Result<Option<Answer>> {
        let found = self.store().read(move |view| known_answer(view, &sent));
        Ok(found.await?)
    }

    /// Runs a mutation in one transaction with its audit entry and its remembered answer.
    ///
    /// # Errors
    /// Those of `unit`; [`Refusal::IdempotencyMismatch`] if the key was used with another body.
    pub async fn mutate<F>(&self, mutation: Mutation, mut unit: F) -> Result<Answer>
    where
        F: FnMut(&mut dyn Tx) -> devlab_core::Result<Done> + Send + 'static,
    {
        let answer = self.store().write(move |tx| {
            if let Some(sent) = &mutation.idempotency
                && let Some(known) = known_answer(tx, sent)?
            {
                return Ok(known);
            }
            let done = unit(tx)?;
            tx.append_audit(&AuditEntry {
                org: done.org,
                at: tx.now(),
                actor: mutation.who.display(),
                action: mutation.action,
                target: done.target,
                request_id: mutation.request_id.clone(),
            })?;
            if let Some(sent) = &mutation.idempotency {
                let expires_at = tx.now().plus(IDEMPOTENCY_TTL);
                tx.remember(
                    &sent.key,
                    &Remembered {
                        body: sent.body.clone(),
                        status: done.answer.status,
                        answer: done.answer.body.clone(),
                        expires_at,
                    },
                )?;
            }
            Ok(done.answer)
        });
        Ok(answer.await?)
    }
}
