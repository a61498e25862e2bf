//! Archives of the lab and of orgs, and whether what is there holds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Extension, Json};
use devlab_api::archive::{LabProblem, LabReport};
use devlab_api::project::Org;
use devlab_core::Refusal;
use devlab_core::name::Name;
use devlab_orchestrator::archive::{Asked, Pieces, Report};
use devlab_orchestrator::{Error, Lab, scope};
use futures::StreamExt;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::support;
use crate::app::AppState;
use crate::convert;
use crate::extract::{Caller, Path, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::{ApiError, Kind, Result};

/// How long a server that was passed an import may take after the archive has come.
const IMPORT_SILENCE_MAX: Duration = Duration::from_secs(3_600);

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let policy = Policy::roles(Roles::ADMIN).waiting();
    routes
        .add(policy, routes!(backup))
        .add(policy, routes!(verify))
        .add(policy, routes!(export))
        .add(policy, routes!(import))
}

fn global(caller: &Caller) -> Result<()> {
    match caller.principal.org {
        None => Ok(()),
        Some(_) => {
            let detail = "it concerns all orgs, and this token is one org's";
            Err(ApiError::new(Kind::FORBIDDEN, detail))
        }
    }
}

fn asked(caller: &Caller) -> Asked {
    Asked {
        who: caller.principal.clone(),
        request_id: caller.request_id.as_str().to_owned(),
    }
}

fn tar(pieces: Pieces) -> Response {
    let pieces = futures::stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let tar = HeaderValue::from_static("application/x-tar");
    response.headers_mut().insert(CONTENT_TYPE, tar);
    response
}

/// Takes a backup of the whole lab while it runs: a tar whose last part is its manifest; one that
/// ends before is none. For global admins: it holds the keys of the lab.
#[utoipa::path(post, path = "/backup", tag = "server", operation_id = "lab.backup",
    responses((status = 200, description = "The archive", body = Vec<u8>,
        content_type = "application/x-tar")))]
async fn backup(Extension(lab): Extension<Arc<Lab>>, caller: Caller) -> Result<Response> {
    global(&caller)?;
    Ok(tar(lab.take_archive(asked(&caller), None).await?))
}

/// Holds records and repositories against each other, which reads every repository whole. For
/// global admins.
#[utoipa::path(get, path = "/verify", tag = "server", operation_id = "lab.verify",
    responses((status = 200, description = "What was found", body = LabReport)))]
async fn verify(Extension(lab): Extension<Arc<Lab>>, caller: Caller) -> Result<Json<LabReport>> {
    global(&caller)?;
    Ok(Json(report(lab.look().await?)))
}

fn report(found: Report) -> LabReport {
    let problem = |problem: devlab_orchestrator::archive::Problem| LabProblem {
        place: problem.place,
        what: problem.what,
        help: problem.help.to_owned(),
    };
    LabReport {
        ok: found.problems.is_empty(),
        projects: found.counted.projects,
        elsewhere: found.counted.elsewhere,
        tasks: found.counted.tasks,
        objects: found.counted.objects,
        blobs: found.counted.blobs,
        receipts: found.counted.receipts,
        merges: found.counted.merges,
        problems: found.problems.into_iter().map(problem).collect(),
        more: found.more,
    }
}

/// Takes an org along: all that belongs to it and nothing else, as a tar like that of a backup. It
/// has no tokens.
#[utoipa::path(post, path = "/orgs/{org}/export", tag = "orgs", operation_id = "org.export",
    params(("org" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The archive", body = Vec<u8>,
        content_type = "application/x-tar")))]
async fn export(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(given): Path<String>,
) -> Result<Response> {
    let who = caller.principal.clone();
    let org = lab
        .read(move |view| scope::org(view, &who, Some(&given)))
        .await?;
    Ok(tar(lab.take_archive(asked(&caller), Some(org.id)).await?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ImportQuery {
    /// Its name here. Default: its own.
    name: Option<String>,
}

/// Takes the org of an exported archive in. Ids stay, so it can be in a lab once. For global
/// admins.
#[utoipa::path(post, path = "/orgs/import", tag = "orgs", operation_id = "org.import",
    params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/x-tar"),
    responses((status = 201, description = "The org", body = Org)))]
async fn import(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Response> {
    global(&caller)?;
    let name: Option<Name> = query.name.map(|name| name.parse()).transpose()?;
    let (parts, body) = request.into_parts();
    if let Some(forward) = app.forward.as_ref().filter(|_| !caller.is_forwarded) {
        match lab.expect_place().await {
            Err(Error::Elsewhere { home }) => {
                let id = &caller.request_id;
                let marked = (id, app.auth.mark(id));
                let silence = Some(IMPORT_SILENCE_MAX);
                return forward.stream(home, parts, body, marked, silence).await;
            }
            here => here?,
        }
    }
    let body = body.into_data_stream();
    let body = body.map(|piece| piece.map_err(io::Error::other)).boxed();
    // What has begun is finished or removed, even if nobody waits any more.
    let own = Arc::clone(&lab);
    let work = async move { own.take_org_in(asked(&caller), body, name).await };
    let id = lab.to_its_end(work).await??;
    let org = lab.read(move |view| view.org(id)).await?;
    let org = org.ok_or(Refusal::NotFound("org"))?;
    support::json(StatusCode::CREATED, &convert::org(org))
}
