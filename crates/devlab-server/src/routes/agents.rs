//! Agents, for people.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::agent::Agent;
use devlab_core::id::kind;
use devlab_core::rules::agents;
use devlab_core::tx::Read;
use devlab_core::{AgentId, Refusal};
use devlab_orchestrator::{Lab, scope};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa_axum::routes;

use super::orgs::ListQuery;
use super::support::{self, done, mutate};
use crate::convert;
use crate::extract::{Caller, Mutation, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    let admin = Policy::roles(Roles::ADMIN);
    routes
        .add(read, routes!(all))
        .add(read, routes!(one))
        .add(admin, routes!(drain))
        .add(admin, routes!(resume))
        .add(admin, routes!(remove))
}

pub(super) fn view_of<R: Read + ?Sized>(view: &mut R, id: AgentId) -> devlab_core::Result<Agent> {
    let agent = view.agent(id)?.ok_or(Refusal::NotFound("agent"))?;
    let held = view.attempts_of_agent(id)?;
    Ok(convert::agent(agent, &held, view.now()))
}

/// Agents, newest first.
#[utoipa::path(get, path = "/agents", tag = "agents", operation_id = "agent.list",
    params(ListQuery),
    responses((status = 200, description = "A page", body = List<Agent>)))]
async fn all(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<AxumJson<List<Agent>>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        let org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        let found = view.agents(org, page)?;
        found
            .into_iter()
            .map(|agent| view_of(view, agent.id))
            .collect::<devlab_core::Result<Vec<_>>>()
    });
    Ok(AxumJson(support::list(
        found.await?,
        page,
        |agent| agent.id.uuid(),
        |agent| agent,
    )))
}

/// An agent.
#[utoipa::path(get, path = "/agents/{id}", tag = "agents", operation_id = "agent.get",
    params(("id" = String, Path, description = "The agent")),
    responses((status = 200, description = "The agent", body = Agent)))]
async fn one(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Agent>,
) -> Result<AxumJson<Agent>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::agent(view, &who, id)?;
        view_of(view, id)
    });
    Ok(AxumJson(found.await?))
}

/// No particulars.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Tells an agent to take no new work.
#[utoipa::path(post, path = "/agents/{id}/drain", tag = "agents", operation_id = "agent.drain",
    params(("id" = String, Path, description = "The agent")),
    responses((status = 200, description = "The agent", body = Agent)))]
async fn drain(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Agent>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    let who = caller.principal.clone();
    mutate(&lab, &caller, "agent.drain", idempotency, move |tx| {
        let org = scope::agent(tx, &who, id)?.org;
        agents::drain(tx, id, true)?;
        done(Some(org), id, StatusCode::OK, &view_of(tx, id)?)
    })
    .await
}

/// Lets a draining agent take work again.
#[utoipa::path(post, path = "/agents/{id}/resume", tag = "agents", operation_id = "agent.resume",
    params(("id" = String, Path, description = "The agent")),
    responses((status = 200, description = "The agent", body = Agent)))]
async fn resume(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Agent>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    let who = caller.principal.clone();
    mutate(&lab, &caller, "agent.resume", idempotency, move |tx| {
        let org = scope::agent(tx, &who, id)?.org;
        agents::drain(tx, id, false)?;
        done(Some(org), id, StatusCode::OK, &view_of(tx, id)?)
    })
    .await
}

/// Removes an agent that holds nothing.
#[utoipa::path(delete, path = "/agents/{id}", tag = "agents", operation_id = "agent.remove",
    params(("id" = String, Path, description = "The agent")),
    responses((status = 204, description = "It is gone")))]
async fn remove(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Agent>,
    Mutation { idempotency, .. }: Mutation<Nothing>,
) -> Result<Response> {
    let who = caller.principal.clone();
    mutate(&lab, &caller, "agent.remove", idempotency, move |tx| {
        let org = scope::agent(tx, &who, id)?.org;
        agents::remove(tx, id)?;
        done(Some(org), id, StatusCode::NO_CONTENT, &())
    })
    .await
}
