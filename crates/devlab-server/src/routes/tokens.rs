//! Tokens, the first login, the audit log, and who one is.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::token::{CreateToken, Login, NewToken, Token};
use devlab_api::{AuditEntry, List, WhoAmI};
use devlab_core::auth::Role;
use devlab_core::id::kind;
use devlab_core::tx::AuditFilter;
use devlab_core::{Refusal, Timestamp};
use devlab_orchestrator::{Lab, Secret, scope, tokens};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::orgs::ListQuery;
use super::support::{self, done, mutate};
use crate::context::Context;
use crate::convert;
use crate::extract::{Caller, Json, Mutation, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Why making a token is not repeatable.
const NO_KEY: &str = "making a token is not repeatable, because its secret is stored nowhere: leave \
    the header out; if an answer was lost, revoke the token that was made and make another";

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let admin = Policy::roles(Roles::ADMIN);
    routes
        .add(Policy::roles(Roles::ALL), routes!(whoami))
        .add(admin, routes!(all))
        .add(admin, routes!(create))
        .add(admin, routes!(revoke))
        .add(admin, routes!(audit))
        .add(Policy::public(), routes!(login))
}

/// Who the caller is.
#[utoipa::path(get, path = "/whoami", tag = "tokens", operation_id = "whoami",
    responses((status = 200, description = "The caller", body = WhoAmI)))]
async fn whoami(Extension(lab): Extension<Arc<Lab>>, caller: Caller) -> Result<AxumJson<WhoAmI>> {
    let who = caller.principal;
    let org = match who.org {
        Some(id) => lab.read(move |view| view.org(id)).await?,
        None => None,
    };
    Ok(AxumJson(WhoAmI {
        token: who.token.to_string(),
        role: who.role.to_string(),
        org: who.org.map(|org| org.to_string()),
        org_name: org.map(|org| org.name.to_string()),
    }))
}

/// Tokens, newest first, without their secrets.
#[utoipa::path(get, path = "/tokens", tag = "tokens", operation_id = "token.list",
    params(ListQuery),
    responses((status = 200, description = "A page", body = List<Token>)))]
async fn all(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<AxumJson<List<Token>>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        let org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        view.tokens(org, page)
    });
    Ok(AxumJson(support::list(
        found.await?,
        page,
        |token| token.id.uuid(),
        convert::token,
    )))
}

/// Makes a token. Its secret is shown this once and stored nowhere, so it cannot be shown again for
/// an `Idempotency-Key`: a request that has one is refused. If an answer was lost, look for the
/// token in the list by its note, revoke it, and make another.
#[utoipa::path(post, path = "/tokens", tag = "tokens", operation_id = "token.create",
    request_body = CreateToken,
    responses((status = 201, description = "The token and its secret", body = NewToken)))]
async fn create(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<CreateToken>,
) -> Result<Response> {
    if idempotency.is_some() {
        return Err(Refusal::invalid("Idempotency-Key", NO_KEY).into());
    }
    let role: Role = body.role.parse()?;
    let who = caller.principal.clone();
    mutate(&lab, &caller, "token.create", None, move |tx| {
        let org = match (&body.org, who.org) {
            (Some(given), _) => Some(scope::org(tx, &who, Some(given))?.id),
            (None, own) => own,
        };
        let new = tokens::NewToken {
            role,
            org,
            note: body.note.clone(),
            expires_in: body.expires_in_secs.map(Duration::from_secs),
        };
        let (token, secret) = tokens::create(tx, &who, &new)?;
        let id = token.id;
        let answer = NewToken {
            token: convert::token(token),
            secret: secret.reveal().to_owned(),
        };
        done(org, id, StatusCode::CREATED, &answer)
    })
    .await
}

/// No particulars.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Revokes a token: it stops working at once.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", operation_id = "token.revoke",
    params(("id" = String, Path, description = "The token")),
    responses((status = 204, description = "It is revoked")))]
async fn revoke(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Token>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    let who = caller.principal.clone();
    mutate(&lab, &caller, "token.revoke", idempotency, move |tx| {
        let org = scope::token(tx, &who, id)?.org;
        tokens::revoke(tx, id)?;
        done(org, id, StatusCode::NO_CONTENT, &())
    })
    .await
}

/// Exchanges the one-time code of the first start's login link for an admin's token.
#[utoipa::path(post, path = "/login", tag = "tokens", operation_id = "login",
    request_body = Login,
    responses((status = 200, description = "The token and its secret", body = NewToken)))]
async fn login(
    Extension(lab): Extension<Arc<Lab>>,
    Extension(context): Extension<Context>,
    Json(body): Json<Login>,
) -> Result<AxumJson<NewToken>> {
    let request_id = context.request_id.as_str().to_owned();
    let code = Secret::from_text(body.code);
    let (token, secret) = lab.login(code, request_id).await?;
    Ok(AxumJson(NewToken {
        token: convert::token(token),
        secret: secret.reveal().to_owned(),
    }))
}

/// Most words of a search.
const WORDS_MAX: usize = 8;
/// Longest search, in bytes.
const TEXT_BYTES_MAX: usize = 400;

/// Which entries of the audit log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct AuditQuery {
    /// Org, by id or name. Default: the caller's, or every org for a global token.
    org: Option<String>,
    /// Words, at most eight: each stands in the action, the target, the actor or the request id.
    text: Option<String>,
    /// At this time or later: `2026-01-31T12:00:00Z`.
    since: Option<String>,
    /// Before this time.
    until: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most items: 1 to 500, default 50.
    limit: Option<u32>,
}

impl AuditQuery {
    /// The filter, without the org.
    fn filter(&self) -> std::result::Result<AuditFilter, Refusal> {
        let time = |field: &str, text: &Option<String>| {
            let parsed = text.as_deref().map(str::parse::<Timestamp>).transpose();
            parsed.map_err(|_| Refusal::invalid(field, "is not a time like 2026-01-31T12:00:00Z"))
        };
        let text = self.text.as_deref().unwrap_or_default();
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if words.len() > WORDS_MAX || text.len() > TEXT_BYTES_MAX {
            return Err(Refusal::invalid(
                "text",
                format!("has more than {WORDS_MAX} words, or more than {TEXT_BYTES_MAX} bytes"),
            ));
        }
        Ok(AuditFilter {
            org: None,
            words,
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
        })
    }
}

/// The audit log, newest first. `next` is the place that the next page begins before.
#[utoipa::path(get, path = "/audit", tag = "tokens", operation_id = "audit.list",
    params(AuditQuery),
    responses((status = 200, description = "A page", body = List<AuditEntry>)))]
async fn audit(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<AxumJson<List<AuditEntry>>> {
    let mut filter = query.filter()?;
    let before = query.cursor.as_deref().map(str::parse::<u64>).transpose();
    let before = before.map_err(|_| Refusal::invalid("cursor", "is not the `next` of a page"))?;
    let limit = support::limit(query.limit)?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        filter.org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        view.audit_log(&filter, before, limit)
    });
    let found = found.await?;
    let is_full = u32::try_from(found.len()).unwrap_or(u32::MAX) >= limit;
    let next = found
        .last()
        .filter(|_| is_full)
        .map(|(seq, _)| seq.to_string());
    let items = found.into_iter().map(|(seq, entry)| AuditEntry {
        seq,
        at: entry.at.to_string(),
        actor: entry.actor,
        action: entry.action,
        target: entry.target,
        request_id: entry.request_id,
        org: entry.org.map(|org| org.to_string()),
    });
    Ok(AxumJson(List {
        items: items.collect(),
        next,
    }))
}
