//! Artifacts: agents bring them, people read them.
//!
//! What an artifact holds was made by a driver, so nothing in it is trusted: its type is guessed
//! from its name only, browsers must not guess again, what they could run is offered as a download,
//! and everything is sandboxed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::{Extension, Json as AxumJson};
use bytes::Bytes;
use devlab_api::List;
use devlab_api::task::Artifact;
use devlab_core::check::Sha256Hex;
use devlab_core::id::kind;
use devlab_core::limits::ARTIFACT_BYTES_MAX;
use devlab_core::{AttemptId, TaskId};
use devlab_orchestrator::{Lab, NewArtifact};
use futures::{Stream, StreamExt, stream};
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::support::{self, PartQuery};
use crate::convert;
use crate::extract::{Caller, PathId, Query};
use crate::openapi::Routes;
use crate::policy::{Policy, Roles};
use crate::problem::{ApiError, Kind, Result};

/// Longest silence of an agent that brings an artifact.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Bytes of an artifact read at a time.
const PIECE_BYTES: usize = 1024 * 1024;
/// What a browser may do with an artifact that it shows: nothing but show it.
pub(super) const SANDBOX: &str = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; \
    style-src 'unsafe-inline'";

/// The list.
#[must_use]
pub fn list(routes: Routes) -> Routes {
    let read = Policy::roles(Roles::READ);
    routes
        .add(read, routes!(of_task))
        .add(read.waiting(), routes!(content))
        .add(Policy::roles(Roles::AGENT).waiting(), routes!(put))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct OfTaskQuery {
    /// Of this attempt only.
    #[param(value_type = Option<String>)]
    attempt: Option<AttemptId>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Most items: 1 to 500, which is the default.
    limit: Option<u32>,
}

/// Artifacts of a task, oldest attempt first, then by path.
#[utoipa::path(get, path = "/tasks/{id}/artifacts", tag = "artifacts",
    operation_id = "task.artifacts",
    params(("id" = String, Path, description = "The task"), OfTaskQuery),
    responses((status = 200, description = "A page", body = List<Artifact>)))]
async fn of_task(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Task>,
    Query(query): Query<OfTaskQuery>,
) -> Result<AxumJson<List<Artifact>>> {
    let part = PartQuery {
        cursor: query.cursor,
        limit: query.limit,
    };
    let page = part.page()?;
    let found = lab.artifacts(&caller.principal, id, query.attempt).await?;
    let (found, next) = support::part(found, page, |artifact| artifact.id.uuid())?;
    let items = found.into_iter().map(convert::artifact).collect();
    Ok(AxumJson(List { items, next }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PutQuery {
    /// The task.
    #[param(value_type = String)]
    task: TaskId,
    /// The attempt.
    #[param(value_type = String)]
    attempt: AttemptId,
    /// Path in the attempt's tree, with `/` between its parts.
    path: String,
    /// SHA-256 of the bytes, in lower-case hexadecimal.
    #[param(value_type = String)]
    sha256: Sha256Hex,
    /// Length, in bytes; at most 268435456.
    size: u64,
}

/// Keeps a file of an attempt that is under way. May be repeated; other bytes under the same path
/// replace it.
#[utoipa::path(post, path = "/tasks/artifacts", tag = "agents", operation_id = "task.put_artifact",
    params(PutQuery),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, description = "It is kept", body = Artifact)))]
async fn put(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    Query(query): Query<PutQuery>,
    request: Request,
) -> Result<AxumJson<Artifact>> {
    let size = query.size;
    if size > ARTIFACT_BYTES_MAX {
        let detail = format!("the limit of this route is {ARTIFACT_BYTES_MAX} bytes");
        return Err(ApiError::new(Kind::BODY_TOO_LARGE, detail));
    }
    let new = NewArtifact {
        task: query.task,
        attempt: query.attempt,
        path: query.path,
        sha256: query.sha256,
        len: size,
    };
    let mut source = Box::pin(bounded(request.into_body(), size)).fuse();
    let kept = lab.put_artifact(&caller.principal, new, &mut source).await;
    // The answer may be known before the body has been read: of what is there already, or refused. A
    // client that is cut off while it sends may never see it.
    while let Some(Ok(_)) = source.next().await {}
    Ok(AxumJson(convert::artifact(kept?)))
}

/// A body of at most so many bytes, none of which is waited for too long.
fn bounded(body: Body, size: u64) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    let wrong = |what: &str| std::io::Error::other(what.to_owned());
    stream::unfold(
        Some((body.into_data_stream(), size)),
        move |state| async move {
            let (mut body, left) = state?;
            let next = match tokio::time::timeout(SILENCE_MAX, body.next()).await {
                Ok(next) => next?,
                Err(_) => return Some((Err(wrong("it was silent for too long")), None)),
            };
            Some(match next {
                Ok(bytes) => match left.checked_sub(bytes.len() as u64) {
                    Some(left) => (Ok(bytes), Some((body, left))),
                    None => (Err(wrong("it is longer than its size says")), None),
                },
                Err(error) => (Err(std::io::Error::other(error)), None),
            })
        },
    )
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ContentQuery {
    /// Whether a browser may show it; pictures, text and JSON only. Default: it is a download.
    inline: bool,
}

/// The bytes of an artifact, or a range of them.
#[utoipa::path(get, path = "/artifacts/{id}", tag = "artifacts", operation_id = "artifact.content",
    params(("id" = String, Path, description = "The artifact"), ContentQuery),
    responses((status = 200, description = "All of it", body = String,
            content_type = "application/octet-stream"),
        (status = 206, description = "The range that was asked for", body = String,
            content_type = "application/octet-stream")))]
async fn content(
    Extension(lab): Extension<Arc<Lab>>,
    caller: Caller,
    PathId(id): PathId<kind::Artifact>,
    Query(query): Query<ContentQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let (artifact, blob) = lab.artifact(&caller.principal, id).await?;
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let (status, from, to) = match range.map(|range| span(range, artifact.len)) {
        None | Some(Span::Whole) => (StatusCode::OK, 0, artifact.len),
        Some(Span::Part(from, to)) => (StatusCode::PARTIAL_CONTENT, from, to),
        Some(Span::Outside) => {
            let detail = format!("there are {} bytes", artifact.len);
            return Err(ApiError::new(Kind::RANGE, detail));
        }
    };
    // The first piece before the head, so that trouble gets a status.
    let first = piece(&lab, &blob, from, to).await?;
    let at = from + first.len() as u64;
    let rest = stream::try_unfold((lab, blob.clone(), at), move |(lab, blob, at)| async move {
        let bytes = piece(&lab, &blob, at, to).await;
        let bytes = bytes.map_err(|_| std::io::Error::other("the blob cannot be read"))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let next = at + bytes.len() as u64;
        Ok::<_, std::io::Error>(Some((bytes, (lab, blob, next))))
    });
    let mut response = Response::new(Body::from_stream(stream::iter([Ok(first)]).chain(rest)));
    *response.status_mut() = status;
    let (kind, disposition) = presentation(&artifact.path, query.inline);
    let headers = response.headers_mut();
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {from}-{}/{}", to.saturating_sub(1), artifact.len);
        insert(headers, CONTENT_RANGE, &range)?;
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(to - from));
    insert(headers, CONTENT_TYPE, kind)?;
    insert(headers, CONTENT_DISPOSITION, &disposition)?;
    insert(headers, ETAG, &format!("\"{blob}\""))?;
    insert(headers, X_CONTENT_TYPE_OPTIONS, "nosniff")?;
    insert(headers, CONTENT_SECURITY_POLICY, SANDBOX)?;
    insert(headers, ACCEPT_RANGES, "bytes")?;
    insert(headers, CACHE_CONTROL, "private, no-cache")?;
    Ok(response)
}

async fn piece(lab: &Lab, blob: &Sha256Hex, from: u64, to: u64) -> Result<Bytes> {
    let max = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    if max == 0 {
        return Ok(Bytes::new());
    }
    Ok(lab
        .read_blob(blob, from, max.min(PIECE_BYTES))
        .await?
        .into())
}

pub(super) fn insert(
    headers: &mut HeaderMap,
    name: hyper::header::HeaderName,
    value: &str,
) -> Result<()> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| ApiError::internal(format!("a header cannot be written: {name}")))?;
    headers.insert(name, value);
    Ok(())
}

/// What a `Range` header asks of so many bytes.
#[derive(Debug, PartialEq, Eq)]
enum Span {
    /// Everything: there is no range, or one of a kind that we do not serve.
    Whole,
    /// From here to before there.
    Part(u64, u64),
    /// Nothing that is there.
    Outside,
}

/// One range of bytes; several at once are answered with everything, as RFC 9110 allows.
fn span(range: &str, len: u64) -> Span {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return Span::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (from, to) = match (number(first), number(last)) {
        (Some(from), Some(last)) if from <= last => (from, last.saturating_add(1).min(len)),
        (Some(from), None) if last.trim().is_empty() => (from, len),
        (None, Some(suffix)) if first.trim().is_empty() => (len.saturating_sub(suffix), len),
        _ => return Span::Whole,
    };
    if from < to {
        Span::Part(from, to)
    } else {
        Span::Outside
    }
}

/// Media type and disposition of a file of this path. Only what no browser runs is shown.
pub(super) fn presentation(path: &str, inline: bool) -> (&'static str, String) {
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let (kind, is_safe) = match ending.to_ascii_lowercase().as_str() {
        "png" => ("image/png", true),
        "jpg" | "jpeg" => ("image/jpeg", true),
        "gif" => ("image/gif", true),
        "webp" => ("image/webp", true),
        "txt" | "log" | "md" | "csv" | "diff" | "patch" | "toml" | "yaml" | "yml" => {
            ("text/plain; charset=utf-8", true)
        }
        "json" => ("application/json", true),
        "pdf" => ("application/pdf", false),
        "html" | "htm" => ("text/html; charset=utf-8", false),
        "svg" => ("image/svg+xml", false),
        "xml" => ("application/xml", false),
        "zip" => ("application/zip", false),
        "gz" | "tgz" => ("application/gzip", false),
        "mp4" => ("video/mp4", true),
        "webm" => ("video/webm", true),
        _ => ("application/octet-stream", false),
    };
    let how = if inline && is_safe {
        "inline"
    } else {
        "attachment"
    };
    (kind, format!("{how}; filename*=UTF-8''{}", percent(name)))
}

/// A name as RFC 8187 writes it.
fn percent(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        for (range, expected) in [
            ("bytes=0-0", Span::Part(0, 1)),
            ("bytes=2-", Span::Part(2, 10)),
            ("bytes=-3", Span::Part(7, 10)),
            ("bytes=-99", Span::Part(0, 10)),
            ("bytes=5-99", Span::Part(5, 10)),
            ("bytes=10-", Span::Outside),
            ("bytes=-0", Span::Outside),
            ("bytes=3-2", Span::Whole),
            ("bytes=0-1,4-5", Span::Whole),
            ("lines=0-1", Span::Whole),
            ("bytes=", Span::Whole),
        ] {
            assert_eq!(span(range, 10), expected, "{range}");
        }
        assert_eq!(span("bytes=0-", 0), Span::Outside);
    }

    #[test]
    fn what_a_browser_could_run_is_a_download() {
        for path in [
            "a/index.html",
            "x.svg",
            "x.xml",
            "x.js",
            "x",
            "x.HTM",
            "report.pdf",
        ] {
            let (_, disposition) = presentation(path, true);
            assert!(disposition.starts_with("attachment; "), "{path}");
        }
        let (kind, disposition) = presentation("shots/log in.PNG", true);
        assert_eq!(
            (kind, disposition.as_str()),
            ("image/png", "inline; filename*=UTF-8''log%20in.PNG")
        );
        let (_, disposition) = presentation("a\"\r\nx: y.png", false);
        assert!(
            !disposition.contains('"') && !disposition.contains('\r'),
            "{disposition}"
        );
    }
}
