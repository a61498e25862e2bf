//! Orgs and projects.

use std::sync::Arc;

use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::List;
use devlab_api::project::{
    CreateOrg, CreateProject, MoveProject, Org, Project, ProjectSettings, SyncProject, SyncResult,
    UpdateOrg, UpdateProject,
};
use devlab_core::id::kind;
use devlab_core::name::{self, Name};
use devlab_core::rules::servers;
use devlab_core::tx::Read;
use devlab_core::{Oid, RefName, Refusal};
use devlab_orchestrator::projects::{self, NewProject};
use devlab_orchestrator::{Error, Lab, Move, UpstreamSync, arrive, scope, tokens};
use hyper::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::support::{self, done, mutate};
use crate::convert;
use crate::extract::{Caller, Mutation, Path, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::{ApiError, Kind, Result};

/// Longest note on where people work on a project, in bytes.
const UPSTREAM_BYTES_MAX: usize = 2_000;
/// What names of branches begin with that are pushed for a sync only.
const PUSHED_BRANCHES: &str = "upstream/";

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    let change = Policy::roles(Roles::CHANGE);
    routes
        .add(read, routes!(orgs))
        .add(Policy::roles(Roles::ADMIN), routes!(create_org))
        .add(read, routes!(org))
        .add(Policy::roles(Roles::ADMIN), routes!(update_org))
        .add(read, routes!(all))
        .add(change.waiting().at_home(), routes!(create))
        .add(read, routes!(one))
        .add(change, routes!(update))
        .add(read.at_home(), routes!(settings))
        .add(change.at_home(), routes!(sync))
        .add(
            Policy::roles(Roles::ADMIN).waiting().at_home(),
            routes!(relocate),
        )
}

/// Part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ListQuery {
    /// Org, by id or name. Default: the caller's, or every org for a global token.
    pub(super) org: Option<String>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
    /// Most items: 1 to 500, default 50.
    pub(super) limit: Option<u32>,
}

/// Orgs that the caller sees, oldest first.
#[utoipa::path(get, path = "/orgs", tag = "orgs", operation_id = "org.list", params(ListQuery),
    responses((status = 200, description = "A page", body = List<Org>)))]
async fn orgs(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<AxumJson<List<Org>>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let only = caller.principal.org;
    let found = lab.read(move |view| view.orgs(only, page)).await?;
    Ok(AxumJson(support::list(
        found,
        page,
        |org| org.id.uuid(),
        convert::org,
    )))
}

/// Makes an org. For global admins.
#[utoipa::path(post, path = "/orgs", tag = "orgs", operation_id = "org.create",
    request_body = CreateOrg,
    responses((status = 201, description = "The org", body = Org)))]
async fn create_org(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<CreateOrg>,
) -> Result<Response> {
    if caller.principal.org.is_some() {
        return Err(ApiError::new(
            Kind::FORBIDDEN,
            "only a global admin makes orgs",
        ));
    }
    let name: Name = body.name.parse()?;
    mutate(&lab, &caller, "org.create", idempotency, move |tx| {
        let org = tokens::create_org(tx, name.clone())?;
        done(None, org.id, StatusCode::CREATED, &convert::org(org))
    })
    .await
}

/// An org, by id or name.
#[utoipa::path(get, path = "/orgs/{org}", tag = "orgs", operation_id = "org.get",
    params(("org" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The org", body = Org)))]
async fn org(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
) -> Result<AxumJson<Org>> {
    let who = caller.principal;
    let org = lab
        .read(move |view| scope::org(view, &who, Some(&given)))
        .await?;
    Ok(AxumJson(convert::org(org)))
}

/// Changes an org.
#[utoipa::path(patch, path = "/orgs/{org}", tag = "orgs", operation_id = "org.update",
    params(("org" = String, Path, description = "Id or name")), request_body = UpdateOrg,
    responses((status = 200, description = "The org", body = Org)))]
async fn update_org(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
    Mutation { body, idempotency }: Mutation<UpdateOrg>,
) -> Result<Response> {
    let retention = match body.retention.as_deref() {
        None => None,
        Some("default") => Some(None),
        Some(kept) => Some(Some(kept.parse()?)),
    };
    let who = caller.principal.clone();
    mutate(&lab, &caller, "org.update", idempotency, move |tx| {
        let mut org = scope::org(tx, &who, Some(&given))?;
        org.retention = retention.unwrap_or(org.retention);
        tx.put_org(&org)?;
        done(Some(org.id), org.id, StatusCode::OK, &convert::org(org))
    })
    .await
}

fn view_of<R: Read + ?Sized>(
    view: &mut R,
    project: devlab_core::org::Project,
) -> devlab_core::Result<Project> {
    let org = view.org(project.org)?.ok_or(Refusal::NotFound("org"))?;
    let head = view.branch_head(project.id, &project.default_branch)?;
    Ok(convert::project(project, &org, head.as_ref()))
}

/// Projects, newest first.
#[utoipa::path(get, path = "/projects", tag = "projects", operation_id = "project.list",
    params(ListQuery),
    responses((status = 200, description = "A page", body = List<Project>)))]
async fn all(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<AxumJson<List<Project>>> {
    let page = support::page(query.cursor.as_deref(), query.limit)?;
    let who = caller.principal;
    let found = lab.read(move |view| {
        let org = match &query.org {
            Some(org) => Some(scope::org(view, &who, Some(org))?.id),
            None => who.org,
        };
        let found = view.projects(org, page)?;
        found
            .into_iter()
            .map(|project| view_of(view, project))
            .collect::<devlab_core::Result<Vec<_>>>()
    });
    Ok(AxumJson(support::list(
        found.await?,
        page,
        |project| project.id.uuid(),
        |project| project,
    )))
}

/// Makes a project with an empty repository, or one imported from an https address.
#[utoipa::path(post, path = "/projects", tag = "projects", operation_id = "project.create",
    request_body = CreateProject,
    responses((status = 201, description = "The project", body = Project)))]
async fn create(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Mutation { body, idempotency }: Mutation<CreateProject>,
) -> Result<Response> {
    let name: Name = body.name.parse()?;
    let default_branch = RefName::branch(body.default_branch.as_deref().unwrap_or("main"))?;
    if let Some(upstream) = &body.upstream {
        name::check_text("upstream", upstream, UPSTREAM_BYTES_MAX)?;
    }
    let (who, wanted) = (caller.principal.clone(), name.clone());
    let found = lab.read(move |view| {
        let org = scope::org(view, &who, body.org.as_deref())?;
        // Again in the transaction; here it saves making a repository for nothing.
        let taken = view.project_by_name(org.id, &wanted)?.is_some();
        Ok((org, taken))
    });
    let (org, taken) = found.await?;
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    // With a key, the request that took it may be this one's twin, which is known below.
    if taken && idempotency.is_none() {
        return Err(Refusal::NameTaken {
            kind: "project",
            name: name.to_string(),
        }
        .into());
    }
    let new = NewProject {
        org: org.id,
        name,
        default_branch,
        upstream: body.upstream,
        home: lab.this_server().id,
    };
    // Whoever passed it on has chosen this server.
    if !caller.is_forwarded {
        lab.expect_place().await?;
    }
    // A repository that is being made is stored or removed, even if nobody waits any more.
    let work = create_to_its_end(Arc::clone(&lab), caller, new, body.import_url, idempotency);
    lab.to_its_end(work).await?
}

async fn create_to_its_end(
    lab: Arc<Lab>,
    caller: Caller,
    new: NewProject,
    import_url: Option<String>,
    idempotency: Option<crate::extract::Idempotency>,
) -> Result<Response> {
    let org = new.org;
    let (id, head) = lab.make_repository(&new, import_url.as_deref()).await?;
    let answer = mutate(&lab, &caller, "project.create", idempotency, move |tx| {
        let project = projects::insert(tx, id, &new, head.as_ref())?;
        let org = new.org;
        done(Some(org), id, StatusCode::CREATED, &view_of(tx, project)?)
    });
    let answer = answer.await;
    let is_stored = lab
        .read(move |view| Ok(view.project(id)?.is_some()))
        .await?;
    if !is_stored {
        lab.discard_repository(org, id);
    }
    answer
}

/// A project.
#[utoipa::path(get, path = "/projects/{id}", tag = "projects", operation_id = "project.get",
    params(("id" = String, Path, description = "The project")),
    responses((status = 200, description = "The project", body = Project)))]
async fn one(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
) -> Result<AxumJson<Project>> {
    let who = caller.principal;
    let found = lab.read(move |view| {
        let project = scope::project(view, &who, id)?;
        view_of(view, project)
    });
    Ok(AxumJson(found.await?))
}

/// Changes a project.
#[utoipa::path(patch, path = "/projects/{id}", tag = "projects", operation_id = "project.update",
    params(("id" = String, Path, description = "The project")), request_body = UpdateProject,
    responses((status = 200, description = "The project", body = Project)))]
async fn update(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
    Mutation { body, idempotency }: Mutation<UpdateProject>,
) -> Result<Response> {
    if let Some(upstream) = &body.upstream {
        name::check_text("upstream", upstream, UPSTREAM_BYTES_MAX)?;
    }
    let who = caller.principal.clone();
    mutate(&lab, &caller, "project.update", idempotency, move |tx| {
        let mut project = scope::project(tx, &who, id)?;
        if let Some(upstream) = &body.upstream {
            project.upstream = Some(upstream.clone());
        }
        project.archived = body.archived.unwrap_or(project.archived);
        tx.put_project(&project)?;
        done(
            Some(project.org),
            id,
            StatusCode::OK,
            &view_of(tx, project)?,
        )
    })
    .await
}

/// What `.devlab/project.toml` on the default branch says now.
#[utoipa::path(get, path = "/projects/{id}/settings", tag = "projects",
    operation_id = "project.settings",
    params(("id" = String, Path, description = "The project")),
    responses((status = 200, description = "The settings", body = ProjectSettings)))]
async fn settings(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
) -> Result<AxumJson<ProjectSettings>> {
    let who = caller.principal;
    let project = lab.read(move |view| scope::project(view, &who, id)).await?;
    let settings = lab.settings_now(&project).await?;
    Ok(AxumJson(convert::settings(&settings)))
}

/// Brings a commit of the upstream in, which has been pushed before: what is ahead moves the
/// default branch, what has diverged is merged and verified by a task.
#[utoipa::path(post, path = "/projects/{id}/sync", tag = "projects", operation_id = "project.sync",
    params(("id" = String, Path, description = "The project")), request_body = SyncProject,
    responses((status = 200, description = "What became of it", body = SyncResult)))]
async fn sync(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
    Mutation { body, idempotency }: Mutation<SyncProject>,
) -> Result<Response> {
    let commit: Oid = body.commit.parse()?;
    let pushed = body
        .pushed_branch
        .as_deref()
        .map(pushed_branch)
        .transpose()?;
    let who = caller.principal.clone();
    let project = lab.read(move |view| scope::project(view, &who, id)).await?;
    lab.expect_here(&project)?;
    if pushed.as_ref() == Some(&project.default_branch) {
        let problem = "is the project's default branch, which is not removed";
        return Err(Refusal::invalid("pushed_branch", problem).into());
    }
    // The branch moves before that is recorded: both happen, or neither.
    let own = Arc::clone(&lab);
    let work = async move {
        let synced = match support::replayed(&own, idempotency.as_ref()).await? {
            Some(answer) => Ok(answer),
            None => begin_and_record(&own, caller, &project, &commit, idempotency).await,
        };
        if let (true, Some(branch)) = (is_over(&synced), &pushed) {
            own.drop_pushed(&project, branch, &commit).await;
        }
        synced
    };
    lab.to_its_end(work).await?
}

/// Whether a sync has ended. After trouble of the server its caller tries again, with what it has
/// pushed.
fn is_over(synced: &Result<Response>) -> bool {
    match synced {
        Ok(_) => true,
        Err(error) => error.kind().status().is_client_error(),
    }
}

/// The branch of a push that was only for a sync: a name that no other use has.
fn pushed_branch(name: &str) -> Result<RefName> {
    if !name.starts_with(PUSHED_BRANCHES) {
        let problem = format!("begins with {PUSHED_BRANCHES}, so that no other branch is removed");
        return Err(Refusal::invalid("pushed_branch", problem).into());
    }
    Ok(RefName::branch(name)?)
}

async fn begin_and_record(
    lab: &Arc<Lab>,
    caller: Caller,
    project: &devlab_core::org::Project,
    commit: &Oid,
    idempotency: Option<crate::extract::Idempotency>,
) -> Result<Response> {
    let begun = lab.begin_sync(&caller.principal, project, commit).await?;
    let (org, id) = (project.org, project.id);
    mutate(lab, &caller, "project.sync", idempotency, move |tx| {
        let synced = begun.record(tx)?;
        let (outcome, task) = match synced.outcome {
            UpstreamSync::UpToDate => ("up_to_date", None),
            UpstreamSync::FastForwarded => ("fast_forwarded", None),
            UpstreamSync::Merging(task) => ("merging", Some(task.to_string())),
        };
        let answer = SyncResult {
            outcome: outcome.to_owned(),
            head: synced.head.to_string(),
            task,
        };
        done(Some(org), id, StatusCode::OK, &answer)
    })
    .await
}

/// Moves the repository of a project to another server. For global admins. Work on it waits while
/// what came in last is copied; if that fails, it stays where it was.
#[utoipa::path(post, path = "/projects/{id}/move", tag = "projects", operation_id = "project.move",
    params(("id" = String, Path, description = "The project")), request_body = MoveProject,
    responses((status = 200, description = "The project", body = Project)))]
async fn relocate(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
    Mutation { body, idempotency }: Mutation<MoveProject>,
) -> Result<Response> {
    if caller.principal.org.is_some() {
        let detail = "only a global admin moves repositories between servers";
        return Err(ApiError::new(Kind::FORBIDDEN, detail));
    }
    let who = caller.principal.clone();
    let project = lab.read(move |view| scope::project(view, &who, id)).await?;
    let to = lab.server_named(&body.to).await?;
    if to != lab.this_server().id {
        return Err(Error::Elsewhere { home: Some(to) }.into());
    }
    if let Some(answer) = support::replayed(&lab, idempotency.as_ref()).await? {
        return Ok(answer);
    }
    if project.home.server == Some(to) {
        return stay(&lab, &caller, project, idempotency).await;
    }
    let wanted = Move {
        project: id,
        is_lost: body.lost,
    };
    let work = move_to_its_end(Arc::clone(&lab), caller, wanted, idempotency);
    lab.to_its_end(work).await?
}

/// A move to where the repository is calls off one that is under way, or was cut off.
async fn stay(
    lab: &Arc<Lab>,
    caller: &Caller,
    project: devlab_core::org::Project,
    idempotency: Option<crate::extract::Idempotency>,
) -> Result<Response> {
    if project.home.moving_to.is_none() {
        let there = lab.read(move |view| view_of(view, project)).await?;
        return support::json(StatusCode::OK, &there);
    }
    mutate(lab, caller, "project.stay", idempotency, move |tx| {
        let project = servers::cancel_move(tx, project.id, None)?;
        let (org, id) = (project.org, project.id);
        done(Some(org), id, StatusCode::OK, &view_of(tx, project)?)
    })
    .await
}

async fn move_to_its_end(
    lab: Arc<Lab>,
    caller: Caller,
    wanted: Move,
    idempotency: Option<crate::extract::Idempotency>,
) -> Result<Response> {
    let (id, own) = (wanted.project, lab.this_server().id);
    let arriving = lab.move_here(&wanted).await?;
    let epoch = arriving.epoch();
    let answer = mutate(&lab, &caller, "project.move", idempotency, move |tx| {
        let project = arrive(tx, &wanted, own, epoch)?;
        done(
            Some(project.org),
            id,
            StatusCode::OK,
            &view_of(tx, project)?,
        )
    });
    let answer = answer.await;
    if answer.is_err() {
        arriving.call_off().await;
    }
    answer
}
