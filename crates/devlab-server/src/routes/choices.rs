//! Several attempts at once: what there is to choose from, and choosing.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::choice::{ChooseTask, TaskChoice};
use devlab_core::Oid;
use devlab_core::id::kind;
use devlab_core::rules::choice;
use devlab_orchestrator::{Lab, choices, scope};
use hyper::StatusCode;
use utoipa_axum::routes;

use super::support::{done, mutate};
use crate::convert_choice;
use crate::extract::{Caller, Mutation, PathId};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes
        .add(Policy::roles(Roles::READ).at_home(), routes!(one))
        .add(Policy::roles(Roles::CHANGE), routes!(choose))
}

/// The alternatives of a task with what their checks said, and which one was taken, by whom.
#[utoipa::path(get, path = "/tasks/{id}/choice", tag = "tasks", operation_id = "task.choice",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "The choice", body = TaskChoice)))]
async fn one(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
) -> Result<AxumJson<TaskChoice>> {
    let view = lab.task_choice(&caller.principal, id).await?;
    Ok(AxumJson(convert_choice::choice(view)))
}

/// Takes one of a task's alternatives: it goes on into its target, and the others are called off.
/// To take the same one again changes nothing.
#[utoipa::path(post, path = "/tasks/{id}/choice", tag = "tasks", operation_id = "task.choose",
    params(("id" = String, Path, description = "The task")), request_body = ChooseTask,
    responses((status = 200, description = "The choice", body = TaskChoice)))]
async fn choose(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Mutation { body, idempotency }: Mutation<ChooseTask>,
) -> Result<Response> {
    let who = caller.principal.clone();
    let by = caller.principal.display();
    mutate(&lab, &caller, "task.choose", idempotency, move |tx| {
        let org = scope::task(tx, &who, id)?.org;
        let seen = body.head.as_deref().map(str::parse::<Oid>).transpose()?;
        choice::choose(tx, id, body.alternative, seen.as_ref(), &by)?;
        let view = convert_choice::choice(choices::view(tx, id)?);
        done(Some(org), id, StatusCode::OK, &view)
    })
    .await
}
