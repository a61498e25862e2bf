//! Tokens: made, found, and the first ones of a lab.

use std::time::Duration;

use devlab_core::auth::{AuditEntry, Principal, Role, Token};
use devlab_core::check::Sha256Hex;
use devlab_core::event::{EventKind, NewEvent};
use devlab_core::limits::PAGE_MAX;
use devlab_core::name::Name;
use devlab_core::org::Org;
use devlab_core::tx::{Effect, Read, Tx};
use devlab_core::{OrgId, Refusal, TokenId};
use devlab_store::StoreExt;

use crate::error::Result;
use crate::lab::Lab;
use crate::secrets::Secret;
use crate::sessions;

/// Name of the org that every lab has.
pub const DEFAULT_ORG: &str = "default";
/// Setting that holds `<hash of the code> <end in ms>` of the one-time login.
const LOGIN_SETTING: &str = "login_code";
/// How long the one-time login link of the first start is good.
const LOGIN_TTL: Duration = Duration::from_secs(24 * 3600);
/// Longest time that a token may be given: ten years, after which nobody remembers it.
const TOKEN_TTL_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long the token is good that a login link is exchanged for.
const SESSION_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a start made.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The default org.
    pub org: OrgId,
    /// A global admin's token for the user who started the lab; on the first start only.
    pub admin: Option<Secret>,
    /// The code of a one-time login link; on the first start only.
    pub login_code: Option<Secret>,
}

/// Stores a token for a secret.
pub(crate) fn insert(
    tx: &mut dyn Tx,
    secret: &Secret,
    role: Role,
    org: Option<OrgId>,
    note: &str,
    expires_in: Option<Duration>,
) -> devlab_core::Result<Token> {
    let now = tx.now();
    let token = Token {
        id: TokenId::new(now, tx.random()),
        hash: secret.hash(),
        role,
        org,
        note: note.to_owned(),
        expires_at: expires_in.map(|ttl| now.plus(ttl)),
        revoked_at: None,
        created_at: now,
    };
    tx.put_token(&token)?;
    tx.effect(Effect::Tokens);
    Ok(token)
}

impl Lab {
    /// Makes the default org, and on the first start an admin's token and a login code. `operator`
    /// seeds an operator's token of the default org with a secret of the caller's choice.
    ///
    /// # Errors
    /// Storage only.
    pub async fn bootstrap(&self, operator: Option<Secret>) -> Result<Bootstrap> {
        let done = self.store().write(move |tx| {
            let name: Name = DEFAULT_ORG.parse()?;
            let known = tx.org_by_name(&name)?;
            let is_first = known.is_none();
            let org = match known {
                Some(org) => org,
                None => create_org(tx, name)?,
            };
            if let Some(secret) = &operator
                && tx.token_by_hash(&secret.hash())?.is_none()
            {
                insert(
                    tx,
                    secret,
                    Role::Operator,
                    Some(org.id),
                    "ORCHESTRATOR_TOKEN",
                    None,
                )?;
            }
            if !is_first {
                return Ok(Bootstrap {
                    org: org.id,
                    admin: None,
                    login_code: None,
                });
            }
            let admin = Secret::new(tx);
            insert(tx, &admin, Role::Admin, None, "first start", None)?;
            let code = Secret::new(tx);
            let end = tx.now().plus(LOGIN_TTL).as_millis();
            tx.put_setting(LOGIN_SETTING, &format!("{} {end}", code.hash()))?;
            Ok(Bootstrap {
                org: org.id,
                admin: Some(admin),
                login_code: Some(code),
            })
        });
        Ok(done.await?)
    }

    /// Makes sure that the user who started the lab has an admin's token: makes one if `known` is
    /// not (any more) that of a global admin, because a start was cut off before it could write it
    /// down, or its file is gone.
    ///
    /// # Errors
    /// Storage only.
    pub async fn ensure_admin(&self, known: Option<Secret>) -> Result<Option<Secret>> {
        let done = self.store().write(move |tx| {
            if let Some(secret) = &known
                && let Some(token) = tx.token_by_hash(&secret.hash())?
                && token.is_valid(tx.now())
                && token.role == Role::Admin
                && token.org.is_none()
            {
                return Ok(None);
            }
            let admin = Secret::new(tx);
            insert(
                tx,
                &admin,
                Role::Admin,
                None,
                "start without credentials",
                None,
            )?;
            Ok(Some(admin))
        });
        Ok(done.await?)
    }

    /// A token for the lab's own agents of an org: made anew at each start, which ends those of
    /// starts before that have the same note.
    ///
    /// # Errors
    /// Storage only.
    pub async fn agent_token(&self, org: OrgId, note: String) -> Result<Secret> {
        let done = self.store().write(move |tx| {
            let page = devlab_core::tx::Page {
                after: None,
                limit: PAGE_MAX,
            };
            for token in tx.tokens(Some(org), page)? {
                if token.role == Role::Agent && token.note == note && token.revoked_at.is_none() {
                    revoke(tx, token.id)?;
                }
            }
            let secret = Secret::new(tx);
            insert(tx, &secret, Role::Agent, Some(org), &note, None)?;
            Ok(secret)
        });
        Ok(done.await?)
    }

    /// Exchanges a one-time login code for an admin's token, and leaves an audit entry. A wrong code
    /// writes nothing: anybody may send one.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if the code is wrong, used or over: which of these is not said.
    pub async fn login(&self, code: Secret, request_id: String) -> Result<(Token, Secret)> {
        let hash = code.hash();
        self.store()
            .read(move |view| check_login(view, &hash))
            .await?;
        let done = self.store().write(move |tx| {
            // Again, since another may have used it in the meantime.
            check_login(tx, &code.hash())?;
            tx.put_setting(LOGIN_SETTING, "")?;
            let secret = Secret::new(tx);
            let token = insert(
                tx,
                &secret,
                Role::Admin,
                None,
                "login link",
                Some(SESSION_TTL),
            )?;
            tx.append_audit(&AuditEntry {
                org: None,
                at: tx.now(),
                actor: "login link".to_owned(),
                action: "login",
                target: token.id.to_string(),
                request_id: request_id.clone(),
            })?;
            Ok((token, secret))
        });
        Ok(done.await?)
    }

    /// Who a secret belongs to, and until when that may be believed without asking again.
    ///
    /// # Errors
    /// Storage only; `None` if it is unknown, revoked or over.
    pub async fn principal(&self, hash: Sha256Hex) -> Result<Option<(Principal, Token)>> {
        let found = self.store().read(move |view| {
            let now = view.now();
            Ok(view
                .token_by_hash(&hash)?
                .filter(|token| token.is_valid(now)))
        });
        Ok(found.await?.map(|token| {
            let principal = Principal {
                token: token.id,
                role: token.role,
                org: token.org,
                attempt: None,
            };
            (principal, token)
        }))
    }
}

/// Whether a login code may be used now.
fn check_login<R: Read + ?Sized>(view: &mut R, hash: &Sha256Hex) -> devlab_core::Result<()> {
    let stored = view.setting(LOGIN_SETTING)?.unwrap_or_default();
    let (good, end) = stored.split_once(' ').unwrap_or(("", "0"));
    let now = view.now().as_millis();
    let is_open = end.parse::<i64>().is_ok_and(|end| now < end);
    if !is_open || good.parse::<Sha256Hex>().ok().as_ref() != Some(hash) {
        return Err(Refusal::NotFound("login code").into());
    }
    Ok(())
}

/// Stores a new org.
///
/// # Errors
/// [`Refusal::NameTaken`].
pub fn create_org(tx: &mut dyn Tx, name: Name) -> devlab_core::Result<Org> {
    if tx.org_by_name(&name)?.is_some() {
        return Err(Refusal::NameTaken {
            kind: "org",
            name: name.to_string(),
        }
        .into());
    }
    let now = tx.now();
    let org = Org {
        id: OrgId::new(now, tx.random()),
        name,
        retention: None,
        created_at: now,
    };
    tx.insert_org(&org)?;
    tx.append_event(&NewEvent {
        org: org.id,
        kind: EventKind::OrgCreated,
        project: None,
        task: None,
        attempt: None,
        data: serde_json::json!({ "name": org.name }),
    })?;
    Ok(org)
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it may do.
    pub role: Role,
    /// Its org.
    pub org: Option<OrgId>,
    /// What it is for.
    pub note: String,
    /// How long it is good.
    pub expires_in: Option<Duration>,
}

/// Makes a token. A global one is an admin's or for metrics; the others belong to an org.
///
/// # Errors
/// [`Refusal::Forbidden`] if the maker is not allowed to make such a one; [`Refusal::Invalid`].
pub fn create(
    tx: &mut dyn Tx,
    who: &Principal,
    new: &NewToken,
) -> devlab_core::Result<(Token, Secret)> {
    devlab_core::name::check_text("note", &new.note, 200)?;
    if let Some(ttl) = new.expires_in
        && (ttl.is_zero() || ttl > TOKEN_TTL_MAX)
    {
        let problem = format!("must be between 1 and {}", TOKEN_TTL_MAX.as_secs());
        return Err(Refusal::invalid("expires_in_secs", problem).into());
    }
    match new.org {
        Some(org) if !who.sees(org) => return Err(Refusal::NotFound("org").into()),
        Some(_) if new.role == Role::Metrics => {
            return Err(Refusal::invalid("org", "a metrics token has none").into());
        }
        None if who.org.is_some() => return Err(Refusal::Forbidden.into()),
        None if !matches!(new.role, Role::Admin | Role::Metrics) => {
            return Err(Refusal::invalid("org", "say which org, by id or name").into());
        }
        Some(_) | None => {}
    }
    let secret = Secret::new(tx);
    let token = insert(tx, &secret, new.role, new.org, &new.note, new.expires_in)?;
    Ok((token, secret))
}

/// Revokes a token, and the sessions that were opened with it. One that is revoked stays so.
///
/// # Errors
/// [`Refusal::NotFound`].
pub fn revoke(tx: &mut dyn Tx, id: TokenId) -> devlab_core::Result<Token> {
    let mut token = tx.token(id)?.ok_or(Refusal::NotFound("token"))?;
    if token.revoked_at.is_none() {
        token.revoked_at = Some(tx.now());
        tx.put_token(&token)?;
        tx.effect(Effect::Tokens);
        sessions::end_those_of(tx, token.org, id)?;
    }
    Ok(token)
}
