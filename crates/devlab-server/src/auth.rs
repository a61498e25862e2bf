//! Who calls: tokens, and a short memory of them.
//!
//! A token's secret has 256 random bits and is looked up by its SHA-256. What was found is
//! remembered for [`REMEMBERED_FOR`] at most, and only until some token changes
//! ([`Directory::generation`]), so a call costs a hash and a look into a map.

mod attempt;
mod secret;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use devlab_core::attempt::Attempt;
use devlab_core::auth::{Principal, Role, Token};
use devlab_core::check::Sha256Hex;
use devlab_core::{AttemptId, Clock, TemplateId, Timestamp, TokenId};
use devlab_orchestrator::Lab;
use hyper::HeaderMap;
use sha2::{Digest, Sha256};

use crate::context::RequestId;
use crate::forward::FORWARDED;
use crate::problem::{ApiError, Kind, Result};
use crate::rate::Limiter;
pub use attempt::AttemptKey;

/// How long a token is believed without asking the store again.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// Most tokens that are remembered.
const REMEMBERED_MAX: usize = 4_096;

/// Where tokens and attempts are looked up: the lab.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The token with this hash, if there is one.
    async fn token(&self, hash: Sha256Hex) -> devlab_core::Result<Option<Token>>;
    /// An attempt, if there is one.
    async fn attempt(&self, id: AttemptId) -> devlab_core::Result<Option<Attempt>>;
    /// A number that changes whenever a token does: what was found before is asked for again.
    fn generation(&self) -> u64;
}

#[async_trait]
impl Directory for Lab {
    async fn token(&self, hash: Sha256Hex) -> devlab_core::Result<Option<Token>> {
        self.read(move |view| view.token_by_hash(&hash)).await
    }

    async fn attempt(&self, id: AttemptId) -> devlab_core::Result<Option<Attempt>> {
        self.read(move |view| view.attempt(id)).await
    }

    fn generation(&self) -> u64 {
        self.wakes().token_generation()
    }
}

#[derive(Clone)]
struct Known {
    principal: Principal,
    expires_at: Option<Timestamp>,
    /// By the monotonic clock.
    asked_at: Duration,
    generation: u64,
}

type Digest32 = [u8; 32];

/// Finds out who calls.
pub struct Auth {
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    attempt_key: AttemptKey,
    known: RwLock<HashMap<Digest32, Known>>,
    /// One look at a time, so that a thousand agents with one token cost one look, not a thousand.
    asking: tokio::sync::Mutex<()>,
}

impl Auth {
    /// Looks tokens up in `directory`; attempts' tokens are signed with `attempt_key`.
    #[must_use]
    pub fn new(
        directory: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
        attempt_key: AttemptKey,
    ) -> Self {
        Self {
            directory,
            clock,
            attempt_key,
            known: RwLock::new(HashMap::new()),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    /// The token that an attempt shows to git. It is good while the attempt may write.
    #[must_use]
    pub fn attempt_token(&self, attempt: AttemptId) -> String {
        self.attempt_key.token(attempt)
    }

    /// The key that a webhook's deliveries are signed with: made from the lab's key, so that it is
    /// stored nowhere.
    pub(crate) fn hook_key(&self, id: TemplateId, number: u32) -> [u8; 32] {
        self.attempt_key.hook_key(id, number)
    }

    /// What proves that a server of the lab has passed on the request with this id.
    pub(crate) fn mark(&self, request: &RequestId) -> String {
        self.attempt_key.mark(request.as_str())
    }

    /// Whether a server of the lab has passed on the request with this id.
    pub(crate) fn is_passed_on(&self, headers: &HeaderMap, request: &RequestId) -> bool {
        let mark = headers.get(&FORWARDED).and_then(|mark| mark.to_str().ok());
        mark.is_some_and(|mark| self.attempt_key.is_mark(request.as_str(), mark))
    }

    /// Who sends these headers, as `Authorization: Bearer` or `X-Auth-Token`.
    pub(crate) async fn caller(&self, headers: &HeaderMap, limiter: &Limiter) -> Result<Principal> {
        let secret = secret::of_program(headers).ok_or_else(|| unauthorized("there is none"))?;
        self.principal(secret, limiter).await
    }

    /// The same for git: also the password of `Basic`, and an attempt's own token.
    pub(crate) async fn git_caller(
        &self,
        headers: &HeaderMap,
        limiter: &Limiter,
    ) -> Result<Principal> {
        let secret = secret::of_git(headers).ok_or_else(|| unauthorized("there is none"))?;
        match self.attempt_key.verify(&secret) {
            Some(attempt) => self.attempt_principal(attempt).await,
            None => self.principal(&secret, limiter).await,
        }
    }

    async fn attempt_principal(&self, id: AttemptId) -> Result<Principal> {
        match self.directory.attempt(id).await? {
            Some(attempt) if attempt.state.may_write() => Ok(Principal {
                // There is no stored token; the attempt's id says who it was.
                token: TokenId::from_uuid(id.uuid()),
                role: Role::Agent,
                org: Some(attempt.org),
                attempt: Some(id),
            }),
            Some(_) | None => Err(unauthorized("its attempt is over")),
        }
    }

    async fn principal(&self, secret: &str, limiter: &Limiter) -> Result<Principal> {
        let digest: Digest32 = Sha256::digest(secret.as_bytes()).into();
        if let Some(principal) = self.remembered(&digest)? {
            return Ok(principal);
        }
        let _one_at_a_time = self.asking.lock().await;
        // Somebody else may have asked in the meantime.
        if let Some(principal) = self.remembered(&digest)? {
            return Ok(principal);
        }
        // Read before the look: if a token changes during it, what it found counts as old.
        let generation = self.directory.generation();
        let token = self.directory.token(Sha256Hex::of(secret.as_bytes()));
        let valid = token
            .await?
            .filter(|token| token.is_valid(self.clock.now()));
        let Some(token) = valid else {
            self.forget(&digest);
            // Only who shows a token that is not valid pays: those who do so must not be able to
            // shut out a token that is, and was not seen before. A look is one indexed read.
            limiter.check_guess()?;
            return Err(unauthorized("it is unknown, revoked or over"));
        };
        let principal = Principal {
            token: token.id,
            role: token.role,
            org: token.org,
            attempt: None,
        };
        let known = Known {
            principal: principal.clone(),
            expires_at: token.expires_at,
            asked_at: self.clock.monotonic(),
            generation,
        };
        self.remember(digest, known);
        Ok(principal)
    }

    /// The caller, if it is remembered and fresh; an error if its token has expired since.
    fn remembered(&self, digest: &Digest32) -> Result<Option<Principal>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = known.get(digest) else {
            return Ok(None);
        };
        if entry.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(unauthorized("it is unknown, revoked or over"));
        }
        let age = self.clock.monotonic().saturating_sub(entry.asked_at);
        let fresh = age < REMEMBERED_FOR && entry.generation == self.directory.generation();
        Ok(fresh.then(|| entry.principal.clone()))
    }

    fn forget(&self, digest: &Digest32) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.remove(digest);
    }

    fn remember(&self, digest: Digest32, entry: Known) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            let now = entry.asked_at;
            known.retain(|_, old| now.saturating_sub(old.asked_at) < REMEMBERED_FOR);
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
        }
        known.insert(digest, entry);
    }
}

/// No valid token: the caller learns why as far as that helps nobody who guesses.
fn unauthorized(why: &'static str) -> ApiError {
    ApiError::new(
        Kind::UNAUTHORIZED,
        format!("the request needs a token, but {why}"),
    )
}
