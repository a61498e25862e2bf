//! Where tasks will get in each other's way.

use std::sync::Arc;

use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::task::{Conflict, ConflictKind, ConflictSide};
use devlab_core::id::kind;
use devlab_core::paths;
use devlab_core::rules::forecast::{self, Forecast, Side};
use devlab_orchestrator::{Lab, scope};
use utoipa_axum::routes;

use crate::extract::{Caller, PathId};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes.add(Policy::roles(Roles::READ), routes!(of))
}

/// Pairs of tasks with the same target that are in no order and touch the same paths, as they declare
/// it or as their work shows: where this task meets others, and, of a composite, where its children
/// meet each other, of a goal at every depth. All in one page, at most 1,000 pairs.
#[utoipa::path(get, path = "/tasks/{id}/conflicts", tag = "tasks", operation_id = "task.conflicts",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "All of them", body = List<Conflict>)))]
async fn of(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
) -> Result<AxumJson<List<Conflict>>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let task = scope::task(view, &who, id)?;
        forecast::of(view, &task)
    });
    let items = found.await?.into_iter().map(wire).collect();
    Ok(AxumJson(List { items, next: None }))
}

/// Its wire form.
pub(super) fn wire(forecast: Forecast) -> Conflict {
    let side = |side: Side| ConflictSide {
        task: side.task,
        title: side.title,
        state: side.state,
    };
    Conflict {
        first: side(forecast.first),
        second: side(forecast.second),
        paths: forecast.paths,
        kind: match forecast.kind {
            paths::ConflictKind::Declared => ConflictKind::Declared,
            paths::ConflictKind::Observed => ConflictKind::Observed,
        },
    }
}
