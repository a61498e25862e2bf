//! Patches.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::patch::{CreateComment, Patch, PatchComment};
use devlab_core::id::kind;
use devlab_core::patch::PatchState;
use devlab_core::rules::review::{self, Remark};
use devlab_core::{Oid, ProjectId, Refusal};
use devlab_orchestrator::{Lab, scope};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::support::{self, PartQuery, done, mutate};
use crate::convert_patch;
use crate::extract::{Caller, Mutation, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Largest diff that is sent, in bytes.
const DIFF_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    routes
        .add(read, routes!(all))
        .add(read, routes!(one))
        .add(read.at_home(), routes!(diff))
        .add(read, routes!(comments))
        .add(Policy::roles(Roles::CHANGE), routes!(comment))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct PatchesQuery {
    /// Org, by id or name. Default: the caller's, or every org for a global token.
    org: Option<String>,
    /// Project, by id.
    #[param(value_type = Option<String>)]
    project: Option<ProjectId>,
    /// `open`, `merged` or `closed`.
    #[param(value_type = Option<String>)]
    state: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most items: 1 to 500, default 50.
    limit: Option<u32>,
}

fn state_of(text: Option<&str>) -> Result<Option<PatchState>> {
    match text {
        None | Some("") => Ok(None),
        Some("open") => Ok(Some(PatchState::Open)),
        Some("merged") => Ok(Some(PatchState::Merged)),
        Some("closed") => Ok(Some(PatchState::Closed)),
        Some(_) => Err(Refusal::invalid("state", "is open, merged or closed").into()),
    }
}

/// Patches, newest first.
#[utoipa::path(get, path = "/patches", tag = "patches", operation_id = "patch.list",
    params(PatchesQuery),
    responses((status = 200, description = "A page", body = List<Patch>)))]
async fn all(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<PatchesQuery>,
) -> Result<AxumJson<List<Patch>>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let state = state_of(query.state.as_deref())?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        let org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        view.patches(org, query.project, state, page)
    });
    Ok(AxumJson(support::list(
        found.await?,
        page,
        |patch| patch.id.uuid(),
        convert_patch::patch,
    )))
}

/// A patch with the newest of its discussion.
#[utoipa::path(get, path = "/patches/{id}", tag = "patches", operation_id = "patch.get",
    params(("id" = String, Path, description = "The patch")),
    responses((status = 200, description = "The patch", body = Patch)))]
async fn one(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Patch>,
) -> Result<AxumJson<Patch>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let patch = scope::patch(view, &who, id)?;
        Ok(convert_patch::discussed(patch, view.patch_comments(id)?))
    });
    Ok(AxumJson(found.await?))
}

/// The discussion of a patch, oldest first.
#[utoipa::path(get, path = "/patches/{id}/comments", tag = "patches",
    operation_id = "patch.comments",
    params(("id" = String, Path, description = "The patch"), PartQuery),
    responses((status = 200, description = "A page", body = List<PatchComment>)))]
async fn comments(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Patch>,
    Query(query): Query<PartQuery>,
) -> Result<AxumJson<List<PatchComment>>> {
    let limit = usize::try_from(query.limit()?).unwrap_or(usize::MAX);
    let after = match &query.cursor {
        None => 0,
        Some(text) => text
            .parse::<u32>()
            .map_err(|_| Refusal::invalid("cursor", "is not the `next` of a page"))?,
    };
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::patch(view, &who, id)?;
        view.patch_comments(id)
    });
    let mut found = found.await?;
    found.retain(|comment| comment.number > after);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    let next = last.map(|last| last.number.to_string());
    let items = found
        .into_iter()
        .map(convert_patch::patch_comment)
        .collect();
    Ok(AxumJson(List { items, next }))
}

/// What a patch changes, as a unified diff. A diff over 8 MiB is cut, and its last line says so.
#[utoipa::path(get, path = "/patches/{id}/diff", tag = "patches", operation_id = "patch.diff",
    params(("id" = String, Path, description = "The patch")),
    responses((status = 200, description = "A diff", body = String, content_type = "text/x-diff")))]
async fn diff(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Patch>,
) -> Result<Response> {
    Ok(support::diff(
        lab.patch_diff(&caller.principal, id, DIFF_BYTES_MAX)
            .await?,
    ))
}

/// Speaks on a patch. With a verdict it is a review: `accept` lets it go on into its target,
/// `reject` sends its task back to work with these words. Words without a verdict do the same, unless
/// `rework` is false.
#[utoipa::path(post, path = "/patches/{id}/comments", tag = "patches",
    operation_id = "patch.comment",
    params(("id" = String, Path, description = "The patch")), request_body = CreateComment,
    responses((status = 201, description = "The patch", body = Patch)))]
async fn comment(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Patch>,
    Mutation { body, idempotency }: Mutation<CreateComment>,
) -> Result<Response> {
    let head: Option<Oid> = body.head.as_deref().map(str::parse).transpose()?;
    let who = caller.principal.clone();
    mutate(&lab, &caller, "patch.comment", idempotency, move |tx| {
        let org = scope::patch(tx, &who, id)?.org;
        let remark = Remark {
            author: who.display(),
            body: body.body.clone(),
            verdict: body.verdict,
            head: head.clone(),
            rework: body.rework.unwrap_or(true),
        };
        review::remark(tx, id, remark)?;
        let patch = scope::patch(tx, &who, id)?;
        let view = convert_patch::discussed(patch, tx.patch_comments(id)?);
        done(Some(org), id, StatusCode::CREATED, &view)
    })
    .await
}
