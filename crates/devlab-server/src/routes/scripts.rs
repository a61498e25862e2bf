//! What scripts ask for in one call each. The dashboard's listener has both under `/api`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::scripts::{CommandTask, LabState, OrgState};
use devlab_api::task::{CreateTask, Task};
use devlab_core::org::Org;
use devlab_core::state::StateName;
use devlab_core::tx::{Page, Read, TaskFilter};
use devlab_core::{OrgId, Refusal};
use devlab_orchestrator::{Lab, scope};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::schedule::title_of;
use super::{agents, support, tasks};
use crate::convert;
use crate::extract::{Caller, Mutation, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// Most orgs of one answer.
const ORGS_MAX: u32 = 50;
/// Most agents of an org that are shown.
const AGENTS_MAX: u32 = 100;
/// Most goals of an org that are shown.
const GOALS_MAX: u32 = 10;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    routes
        .add(Policy::roles(Roles::READ), routes!(state))
        .add(Policy::roles(Roles::CHANGE).at_home(), routes!(command))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct StateQuery {
    /// Org, by id or name. Default: the caller's, or every org for a global token.
    org: Option<String>,
    /// `next` of the answer before.
    cursor: Option<String>,
}

/// The orgs that the caller sees with what happens in each: tasks by state, agents, latest goals.
#[utoipa::path(get, path = "/state", tag = "scripts", operation_id = "state",
    params(StateQuery),
    responses((status = 200, description = "The state", body = LabState)))]
async fn state(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<StateQuery>,
) -> Result<AxumJson<LabState>> {
    let page = support::page(query.cursor.as_deref(), Some(ORGS_MAX))?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        let only = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        let orgs = view.orgs(only, page)?;
        let orgs = orgs.into_iter().map(|org| state_of(view, org));
        let orgs = orgs.collect::<devlab_core::Result<Vec<_>>>()?;
        Ok((view.now(), orgs))
    });
    let (at, orgs) = found.await?;
    let list = support::list(orgs, page, |state| state.org.id.uuid(), |state| state);
    Ok(AxumJson(LabState {
        at,
        orgs: list.items,
        next: list.next,
    }))
}

fn first(limit: u32) -> Page {
    Page { after: None, limit }
}

fn state_of(view: &mut dyn Read, org: Org) -> devlab_core::Result<OrgState> {
    let id = org.id;
    let mut counts: BTreeMap<_, u64> = StateName::ALL.map(|state| (state.to_string(), 0)).into();
    let known = view.task_counts(Some(id))?;
    counts.extend(known.into_iter().map(|(state, n)| (state.to_string(), n)));
    let agents = view.agents(Some(id), first(AGENTS_MAX))?;
    let agents = agents
        .into_iter()
        .map(|agent| agents::view_of(view, agent.id));
    let agents = agents.collect::<devlab_core::Result<_>>()?;
    Ok(OrgState {
        tasks: counts,
        queued: view.queue_len(Some(id))?,
        agents,
        goals: goals(view, id)?,
        org: convert::org(org),
    })
}

fn goals(view: &mut dyn Read, org: OrgId) -> devlab_core::Result<Vec<Task>> {
    let filter = TaskFilter {
        org: Some(org),
        goals_only: true,
        ..TaskFilter::default()
    };
    let goals = view.tasks(&filter, first(GOALS_MAX))?;
    let goals = goals.iter().map(|goal| tasks::shown(view, goal));
    goals.collect()
}

/// Schedules one task and answers with it.
#[utoipa::path(post, path = "/command", tag = "scripts", operation_id = "command",
    request_body = CommandTask,
    responses((status = 201, description = "The task", body = Task)))]
async fn command(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<CommandTask>,
) -> Result<Response> {
    let title = title_of(&body.task);
    if title.is_empty() {
        return Err(Refusal::invalid("task", "say what is wanted, in words").into());
    }
    let wanted = CreateTask {
        org: body.org,
        project: body.project,
        title,
        goal: Some(body.task),
        driver: body.driver,
        labels: body.labels,
        priority: body.priority,
        review: body.review,
        ..CreateTask::default()
    };
    tasks::make(&lab, &caller, wanted, idempotency).await
}
