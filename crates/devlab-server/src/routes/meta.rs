//! The server itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use devlab_api::{Cluster, Health, List, Peer, StoreInfo};
use devlab_core::OrgId;
use devlab_core::limits::PAGE_MAX;
use devlab_core::rules::agents;
use devlab_core::server::Server;
use devlab_core::tx::{Page, Read};
use devlab_orchestrator::{Lab, scope};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::convert;
use crate::extract::{Caller, Query};
use crate::metrics::METRICS_TYPE;
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::{ApiError, Kind, Result};

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    routes
        .add(Policy::public(), routes!(health))
        .add(Policy::public(), routes!(ready))
        .add(Policy::roles(Roles::METRICS), routes!(metrics))
        .add(read, routes!(peers))
        .add(read, routes!(clusters))
        .add(Policy::roles(Roles::ADMIN), routes!(store))
}

fn ok() -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
    })
}

/// Says that the process answers.
#[utoipa::path(get, path = "/health", tag = "server", operation_id = "health",
    responses((status = 200, description = "It does", body = Health)))]
async fn health() -> Json<Health> {
    ok()
}

/// Says that the server can work: its store answers.
#[utoipa::path(get, path = "/ready", tag = "server", operation_id = "ready",
    responses((status = 200, description = "It can", body = Health)))]
async fn ready(Extension(lab): Extension<Arc<Lab>>) -> Result<Json<Health>> {
    lab.read(|view| view.last_event()).await?;
    Ok(ok())
}

/// Counters in the text format of OpenMetrics. They count the whole lab, so an org's admin is
/// refused.
#[utoipa::path(get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses((status = 200, description = "The counters", body = String,
        content_type = "application/openmetrics-text")))]
async fn metrics(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
) -> Result<Response> {
    if caller.principal.org.is_some() {
        let detail = "the counters are those of all orgs, and this token is one org's";
        return Err(ApiError::new(Kind::FORBIDDEN, detail));
    }
    let read = lab.read(|view| {
        Ok((
            view.queue_len(None)?,
            view.live_attempts()?.len(),
            view.task_counts(None)?,
        ))
    });
    let (queued, live, tasks) = read.await?;
    app.metrics.queue_len.set(queued);
    app.metrics
        .live_attempts
        .set(u64::try_from(live).unwrap_or(u64::MAX));
    for (state, count) in tasks {
        app.metrics.set_tasks(state, count);
    }
    app.metrics.set_loops(&lab.loop_reports());
    let blobs = lab.blobs().health();
    app.metrics.set_blobs(blobs.good, blobs.failed);
    app.metrics.set_writer(&lab.store().writer());
    let mut response = app.metrics.render().into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
    Ok(response)
}

/// Servers of the lab, oldest first. Their addresses and how many repositories they have are for
/// global tokens.
#[utoipa::path(get, path = "/peers", tag = "server", operation_id = "peer.list",
    responses((status = 200, description = "All of them", body = List<Peer>)))]
async fn peers(Extension(lab): Extension<Arc<Lab>>, caller: Caller) -> Result<Json<List<Peer>>> {
    let is_global = caller.principal.org.is_none();
    let own = lab.this_server().id;
    let (servers, now) = lab.servers().await?;
    let seen = |(server, projects): (Server, u64)| {
        let this = server.id == own;
        // A server whose store is its own does not say again and again that it is there.
        let there = this || server.is_there(now);
        convert::peer(server, this, there, is_global.then_some(projects))
    };
    Ok(Json(List {
        items: servers.into_iter().map(seen).collect(),
        next: None,
    }))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ClustersQuery {
    /// Agents of this org are counted. Default: those of the caller's, or of every org for a
    /// global token.
    org: Option<String>,
}

/// Places where agents run.
#[utoipa::path(get, path = "/clusters", tag = "server", operation_id = "cluster.list",
    params(ClustersQuery),
    responses((status = 200, description = "All of them", body = List<Cluster>)))]
async fn clusters(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<ClustersQuery>,
) -> Result<Json<List<Cluster>>> {
    let who = caller.principal;
    let online = lab.read(move |view| {
        let org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        online(view, org)
    });
    let local = Cluster {
        name: "local".to_owned(),
        runtime: "local".to_owned(),
        agents: online.await?,
        capacity: lab.config().local_agents,
        isolation: "process".to_owned(),
    };
    Ok(Json(List {
        items: vec![local],
        next: None,
    }))
}

/// Agents, of one org or of all, that are there.
fn online<R: Read + ?Sized>(view: &mut R, org: Option<OrgId>) -> devlab_core::Result<u32> {
    let now = view.now();
    let mut online = 0;
    let mut page = Page {
        after: None,
        limit: PAGE_MAX,
    };
    loop {
        let found = view.agents(org, page)?;
        for agent in &found {
            let held = view.attempts_of_agent(agent.id)?;
            online += u32::from(agents::is_online(agent, &held, now));
        }
        match found.last() {
            Some(last) if found.len() >= PAGE_MAX as usize => page.after = Some(last.id.uuid()),
            Some(_) | None => return Ok(online),
        }
    }
}

/// Settings of the store, read back from the database, such as its durability.
#[utoipa::path(get, path = "/store", tag = "server", operation_id = "store.get",
    responses((status = 200, description = "The settings", body = StoreInfo)))]
async fn store(Extension(lab): Extension<Arc<Lab>>) -> Result<Json<StoreInfo>> {
    let mut settings: BTreeMap<_, _> = lab.store().describe().await?.into_iter().collect();
    let blobs = lab.blobs();
    settings.insert("blobs".to_owned(), blobs.place().to_owned());
    if let Some(trouble) = lab.blobs_trouble() {
        settings.insert("blobs_trouble".to_owned(), trouble);
    }
    Ok(Json(StoreInfo { settings }))
}
