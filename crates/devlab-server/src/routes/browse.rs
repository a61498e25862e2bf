//! Looking through a project's repository: its folders and files at a commit.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use devlab_api::project::Folder;
use devlab_core::Oid;
use devlab_core::id::kind;
use devlab_orchestrator::Lab;
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::artifacts::{SANDBOX, insert, presentation};
use crate::convert;
use crate::extract::{Caller, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::Result;

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ).at_home();
    routes.add(read, routes!(folder)).add(read, routes!(file))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct FolderQuery {
    /// Commit, by its whole id. Default: the head of the default branch.
    commit: Option<String>,
    /// Path of the folder from the root, which is the default.
    path: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    /// Commit, by its whole id. Default: the head of the default branch.
    commit: Option<String>,
    /// Path of the file from the root.
    path: String,
    /// Whether a browser may show it; pictures, text and JSON only. Default: it is a download.
    #[serde(default)]
    inline: bool,
}

/// What is in a folder of the repository at a commit: at most 5,000 entries.
#[utoipa::path(get, path = "/projects/{id}/tree", tag = "projects", operation_id = "project.tree",
    params(("id" = String, Path, description = "The project"), FolderQuery),
    responses((status = 200, description = "The folder", body = Folder)))]
async fn folder(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
    Query(query): Query<FolderQuery>,
) -> Result<AxumJson<Folder>> {
    let commit = query.commit.as_deref().map(str::parse::<Oid>).transpose()?;
    let (commit, found) = lab
        .folder(&caller.principal, id, commit, &query.path)
        .await?;
    Ok(AxumJson(convert::folder(&commit, query.path, found)))
}

/// The bytes of a file of the repository at a commit: at most 4 MiB.
#[utoipa::path(get, path = "/projects/{id}/blob", tag = "projects", operation_id = "project.blob",
    params(("id" = String, Path, description = "The project"), FileQuery),
    responses((status = 200, description = "All of it", body = String,
        content_type = "application/octet-stream")))]
async fn file(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Project>,
    Query(query): Query<FileQuery>,
) -> Result<Response> {
    let commit = query.commit.as_deref().map(str::parse::<Oid>).transpose()?;
    let bytes = lab.file(&caller.principal, id, commit, &query.path).await?;
    let (kind, disposition) = presentation(&query.path, query.inline);
    let mut response = Response::new(Body::from(bytes));
    // As with artifacts: an agent may have written it.
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CONTENT_DISPOSITION, disposition.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, SANDBOX),
        (CACHE_CONTROL, "private, no-cache"),
    ] {
        insert(response.headers_mut(), name, value)?;
    }
    Ok(response)
}
