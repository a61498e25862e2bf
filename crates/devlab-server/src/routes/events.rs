//! The event stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::event::Event;
use devlab_core::{OrgId, TokenId};
use devlab_orchestrator::{Lab, scope};
use futures::stream;
use serde::Deserialize;
use tokio::sync::watch;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::support;
use crate::app::AppState;
use crate::convert;
use crate::extract::{Caller, LastEventId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;
use crate::sse::{self, SseEvent};

/// Events that a stream reads at a time.
const BATCH: u32 = 500;
/// Time between two looks of one stream: under load many events come with one look.
const PACE: Duration = Duration::from_millis(20);

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    routes
        .add(read, routes!(events))
        .add(read.waiting(), routes!(stream_them))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct EventsQuery {
    /// Only events after this place. Default: 0, the beginning; on a stream: now.
    after: Option<u64>,
    /// Org, by id or name. Default: the caller's, or every org for a global token.
    org: Option<String>,
    /// Most items of a page: 1 to 500, default 50.
    limit: Option<u32>,
}

async fn org_of(lab: &Arc<Lab>, caller: &Caller, given: Option<String>) -> Result<Option<OrgId>> {
    let who = caller.principal.clone();
    let found = lab.read(move |view| match &given {
        Some(org) => Ok(Some(scope::org(view, &who, Some(org))?.id)),
        None => Ok(who.org),
    });
    Ok(found.await?)
}

/// Events in order, after a place. Pass `next` as `after`.
#[utoipa::path(get, path = "/events", tag = "events", operation_id = "event.list",
    params(EventsQuery),
    responses((status = 200, description = "A page", body = List<Event>)))]
async fn events(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<EventsQuery>,
) -> Result<AxumJson<List<Event>>> {
    let limit = support::limit(query.limit)?;
    let org = org_of(&lab, &caller, query.org).await?;
    let after = query.after.unwrap_or(0);
    let found = lab.read(move |view| view.events(org, after, limit)).await?;
    let is_full = u32::try_from(found.len()).unwrap_or(u32::MAX) >= limit;
    let next = found
        .last()
        .filter(|_| is_full)
        .map(|event| event.seq.to_string());
    let items = found.into_iter().map(convert::event).collect();
    Ok(AxumJson(List { items, next }))
}

struct Follow {
    lab: Arc<Lab>,
    /// The caller's: the stream ends with it.
    token: TokenId,
    org: Option<OrgId>,
    after: u64,
    read: VecDeque<SseEvent>,
    commits: watch::Receiver<u64>,
    is_first: bool,
}

/// Events as they happen (Server-Sent Events). The id of an event is its place; a client that
/// connects again with `Last-Event-ID` misses none and gets none twice.
#[utoipa::path(get, path = "/events/stream", tag = "events", operation_id = "event.stream",
    params(EventsQuery),
    responses((status = 200, description = "A stream of events", body = Event,
        content_type = "text/event-stream")))]
async fn stream_them(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    last: LastEventId,
    Query(query): Query<EventsQuery>,
) -> Result<Response> {
    let org = org_of(&lab, &caller, query.org).await?;
    let after = match last.0.or(query.after) {
        Some(after) => after,
        None => lab.read(|view| view.last_event()).await?,
    };
    let commits = lab.wakes().commits();
    let follow = Follow {
        lab,
        token: caller.principal.token,
        org,
        after,
        read: VecDeque::new(),
        commits,
        is_first: true,
    };
    Ok(sse::stream(
        stream::unfold(follow, next),
        app.shutdown.clone(),
    ))
}

async fn next(mut follow: Follow) -> Option<(SseEvent, Follow)> {
    loop {
        if let Some(event) = follow.read.pop_front() {
            return Some((event, follow));
        }
        if !follow.is_first {
            tokio::time::sleep(PACE).await;
        }
        follow.is_first = false;
        // Marked as seen before looking, so that a commit in between is not missed.
        follow.commits.borrow_and_update();
        let (org, after, token) = (follow.org, follow.after, follow.token);
        // A client that is cut off connects again and goes on where it was.
        let found = follow
            .lab
            .read(move |view| {
                let may = scope::token_works(view, token)?;
                may.then(|| view.events(org, after, BATCH)).transpose()
            })
            .await
            .ok()??;
        if found.is_empty() {
            follow.commits.changed().await.ok()?;
            continue;
        }
        for event in found {
            follow.after = event.seq;
            let kind = event.event.kind.as_str();
            let data = serde_json::to_string(&convert::event(event)).ok()?;
            follow.read.push_back(SseEvent {
                id: Some(follow.after),
                event: kind,
                data,
            });
        }
    }
}
