//! Repositories over git's smart HTTP.

use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use devlab_orchestrator::{Error, GitCall, Lab};
use futures::StreamExt;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use utoipa_axum::routes;

use crate::app::AppState;
use crate::extract::{Caller, Path};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::{ApiError, Result};

/// The list: at the root only, because git clients are given whole addresses.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let policy = Policy::git(Roles::READ);
    routes.add(policy, routes!(read)).add(policy, routes!(call))
}

/// Lists refs of a repository, for git clients.
#[utoipa::path(get, path = "/git/{org}/{repository}/{*rest}", tag = "git",
    operation_id = "git.read",
    params(("org" = String, Path, description = "Name of the org"),
        ("repository" = String, Path, description = "Name of the project, with .git"),
        ("rest" = String, Path, description = "git's own")),
    responses((status = 200, description = "git's own", body = String,
        content_type = "application/x-git-upload-pack-advertisement")))]
async fn read(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(path): Path<(String, String, String)>,
    request: Request,
) -> Result<Response> {
    serve(&app, &lab, caller, path, request).await
}

/// Fetches from a repository or pushes to it, for git clients.
#[utoipa::path(post, path = "/git/{org}/{repository}/{*rest}", tag = "git",
    operation_id = "git.call",
    params(("org" = String, Path, description = "Name of the org"),
        ("repository" = String, Path, description = "Name of the project, with .git"),
        ("rest" = String, Path, description = "git's own")),
    request_body(content = String, content_type = "application/x-git-upload-pack-request"),
    responses((status = 200, description = "git's own", body = String,
        content_type = "application/x-git-upload-pack-result")))]
async fn call(
    State(app): State<AppState>,
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Path(path): Path<(String, String, String)>,
    request: Request,
) -> Result<Response> {
    serve(&app, &lab, caller, path, request).await
}

async fn serve(
    app: &AppState,
    lab: &Arc<Lab>,
    caller: Caller,
    (org, repository, rest): (String, String, String),
    request: Request,
) -> Result<Response> {
    let project = repository.strip_suffix(".git");
    let project = project
        .ok_or_else(|| ApiError::not_found("repository"))?
        .to_owned();
    let (parts, body) = request.into_parts();
    if let Some(forward) = app.forward.as_ref().filter(|_| !caller.is_forwarded) {
        let here = lab.expect_git_here(&caller.principal, &org, &project);
        if let Err(Error::Elsewhere { home }) = here.await {
            let id = &caller.request_id;
            let mark = app.auth.mark(id);
            return forward.stream(home, parts, body, (id, mark), None).await;
        }
    }
    let text = |name: &HeaderName| header(&parts.headers, name);
    let call = GitCall {
        who: caller.principal,
        request_id: caller.request_id.as_str().to_owned(),
        org,
        project,
        path_info: format!("/{rest}"),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method.to_string(),
        content_type: text(&CONTENT_TYPE),
        content_encoding: text(&CONTENT_ENCODING),
        git_protocol: text(&HeaderName::from_static("git-protocol")),
        body: body
            .into_data_stream()
            .map(|piece| piece.map_err(io::Error::other))
            .boxed(),
    };
    let reply = lab.git(call).await?;
    let mut response = Response::new(Body::from_stream(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status)
        .map_err(|_| ApiError::internal(format!("git answered {}", reply.status)))?;
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
