//! The keys that provenance is signed with.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::provenance::{OrgKey, OrgKeys};
use devlab_core::OrgId;
use devlab_core::provenance::{self, note::chain};
use devlab_core::rules::provenance::{keys, rotate};
use devlab_orchestrator::{Lab, scope};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa_axum::routes;

use super::support::{done, mutate};
use crate::extract::{Caller, Mutation, Path};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes
        .add(Policy::roles(Roles::READ), routes!(all))
        .add(Policy::roles(Roles::ADMIN), routes!(add))
}

/// Only the public halves.
fn convert(org: OrgId, keys: Vec<provenance::OrgKey>) -> Option<OrgKeys> {
    let root = chain(&keys).first()?.public;
    let keys = keys.into_iter().map(|key| OrgKey {
        number: key.number,
        key: key.public,
        keyid: key.public.id().to_string(),
        rotation: key.rotation,
        created_at: key.created_at,
    });
    Some(OrgKeys {
        org,
        root,
        keys: keys.collect(),
    })
}

/// The public keys of an org, oldest first. `root` is what a verifier of provenance has to know; each
/// key after it is signed by the one before it.
#[utoipa::path(get, path = "/orgs/{org}/keys", tag = "orgs", operation_id = "org.keys",
    params(("org" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The keys", body = OrgKeys)))]
async fn all(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
) -> Result<AxumJson<OrgKeys>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let org = scope::org(view, &who, Some(&given))?.id;
        Ok((org, view.org_keys(org)?))
    });
    let (org, mut found) = found.await?;
    if found.last().is_none_or(|newest| newest.secret.is_none()) {
        // It is made when it is asked for first, or signs first.
        found = lab.write(move |tx| keys(tx, org)).await?;
    }
    let found = convert(org, found).ok_or(devlab_core::Refusal::NotFound("key"))?;
    Ok(AxumJson(found))
}

/// No particulars.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Gives an org a new key, which signs from now on. The old one signs that, and nothing after it.
#[utoipa::path(post, path = "/orgs/{org}/keys", tag = "orgs", operation_id = "org.rotate_key",
    params(("org" = String, Path, description = "Id or name")),
    responses((status = 201, description = "All keys", body = OrgKeys)))]
async fn add(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    let who = caller.principal.clone();
    mutate(&lab, &caller, "org.rotate_key", idempotency, move |tx| {
        let org = scope::org(tx, &who, Some(&given))?.id;
        let keys = convert(org, rotate(tx, org)?);
        let keys = keys.ok_or(devlab_core::Refusal::NotFound("key"))?;
        done(Some(org), org, StatusCode::CREATED, &keys)
    })
    .await
}
