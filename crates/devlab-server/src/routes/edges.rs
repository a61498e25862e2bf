//! Dependencies between tasks.

use std::sync::Arc;

use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::task::Edge;
use devlab_core::id::kind;
use devlab_core::limits::EDGES_PAGE_MAX;
use devlab_core::tx;
use devlab_core::{Refusal, TaskId};
use devlab_orchestrator::{Lab, scope};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::convert;
use crate::extract::{Caller, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes.add(Policy::roles(Roles::READ), routes!(below))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct EdgesQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most items: 1 to 5000, which is the default.
    limit: Option<u32>,
}

/// Dependencies among the tasks below a composite, at every depth: what a graph of it is drawn from.
#[utoipa::path(get, path = "/tasks/{id}/edges", tag = "tasks", operation_id = "task.edges",
    params(("id" = String, Path, description = "The task"), EdgesQuery),
    responses((status = 200, description = "A page", body = List<Edge>)))]
async fn below(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Query(query): Query<EdgesQuery>,
) -> Result<AxumJson<List<Edge>>> {
    let limit = query.limit.unwrap_or(EDGES_PAGE_MAX);
    if limit == 0 || limit > EDGES_PAGE_MAX {
        let problem = format!("must be between 1 and {EDGES_PAGE_MAX}");
        return Err(Refusal::invalid("limit", problem).into());
    }
    let after = query.cursor.as_deref().map(edge_of).transpose()?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        scope::task(view, &who, id)?;
        view.edges_below(id, after, limit)
    });
    let found = found.await?;
    let is_full = found.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| is_full).map(cursor_of);
    let items = found.into_iter().map(convert::edge).collect();
    Ok(AxumJson(List { items, next }))
}

/// A place among edges, as `next` has it.
fn cursor_of(edge: &tx::Edge) -> String {
    let (task, from) = (edge.dependent.uuid(), edge.dependency.uuid());
    format!("{}-{}", task.simple(), from.simple())
}

fn edge_of(cursor: &str) -> Result<tx::Edge> {
    let ids = cursor.split_once('-');
    let ids = ids.and_then(|(task, from)| {
        let id = |text| Uuid::try_parse(text).ok().map(TaskId::from_uuid);
        Some((id(task)?, id(from)?))
    });
    let (dependent, dependency) =
        ids.ok_or_else(|| Refusal::invalid("cursor", "is not the `next` of a page"))?;
    Ok(tx::Edge {
        dependent,
        dependency,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let edge = tx::Edge {
            dependent: TaskId::from_uuid(Uuid::from_u128(7)),
            dependency: TaskId::from_uuid(Uuid::from_u128(8)),
        };
        assert_eq!(edge_of(&cursor_of(&edge)).unwrap(), edge);
        for wrong in ["", "-", "7-8", &"0".repeat(32)] {
            assert!(edge_of(wrong).is_err(), "{wrong}");
        }
    }
}
