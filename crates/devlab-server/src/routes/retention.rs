//! What is due to go by the rules of retention, and letting go of it.

use std::sync::Arc;

use axum::{Extension, Json as AxumJson};
use devlab_api::project::{Due, Retired};
use devlab_core::auth::AuditEntry;
use devlab_core::tx::Page;
use devlab_core::{OrgId, TaskId};
use devlab_orchestrator::{Lab, scope};
use utoipa_axum::routes;

use super::orgs::ListQuery;
use super::support;
use crate::convert;
use crate::extract::{Caller, Path, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Most goals that one call lets go of: it has to end in good time.
const GOALS_MAX: u32 = 50;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes
        .add(Policy::roles(Roles::READ).waiting(), routes!(due))
        .add(Policy::roles(Roles::ADMIN).waiting(), routes!(retire))
}

async fn org_of(lab: &Lab, caller: &Caller, given: String) -> Result<OrgId> {
    let who = caller.principal.clone();
    let org = lab.read(move |view| scope::org(view, &who, Some(&given)));
    Ok(org.await?.id)
}

fn after(page: Page) -> Option<TaskId> {
    page.after.map(TaskId::from_uuid)
}

/// Goals of an org that ended so long ago that the logs, artifacts and refs of their attempts are
/// due to go, oldest first. Changes nothing.
#[utoipa::path(get, path = "/orgs/{org}/retention", tag = "orgs", operation_id = "org.retention",
    params(("org" = String, Path, description = "Id or name"), ListQuery),
    responses((status = 200, description = "A page", body = Due)))]
async fn due(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<AxumJson<Due>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let org = org_of(&lab, &caller, given).await?;
    let found = lab.due_goals(org, after(page), page.limit).await?;
    let found = support::list(found, page, |due| due.goal.uuid(), convert::due_goal);
    Ok(AxumJson(Due {
        retention: lab.retention(org).await?.to_string(),
        items: found.items,
        next: found.next,
    }))
}

/// Lets go of the logs, artifacts and refs of goals of an org that are due, oldest first: of at most
/// 50 goals in one call. It is done in the background as well, once an hour.
#[utoipa::path(post, path = "/orgs/{org}/retention", tag = "orgs", operation_id = "org.retire",
    params(("org" = String, Path, description = "Id or name"), ListQuery),
    responses((status = 200, description = "What went", body = Retired)))]
async fn retire(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<AxumJson<Retired>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let org = org_of(&lab, &caller, given).await?;
    let limit = page.limit.min(GOALS_MAX);
    let retired = lab.retire_goals(org, after(page), limit).await?;
    let (actor, request_id) = (
        caller.principal.display(),
        caller.request_id.as_str().to_owned(),
    );
    if retired.goals > 0 {
        let noted = lab.write(move |tx| {
            tx.append_audit(&AuditEntry {
                org: Some(org),
                at: tx.now(),
                actor: actor.clone(),
                action: "org.retire",
                target: org.to_string(),
                request_id: request_id.clone(),
            })
        });
        noted.await?;
    }
    // Even if nothing was due: what earlier calls let go of may still be there.
    lab.collect_soon();
    Ok(AxumJson(Retired {
        goals: retired.goals,
        held: convert::holdings(retired.held),
        next: retired.last.map(|last| last.uuid().simple().to_string()),
    }))
}
