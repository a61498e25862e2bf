//! Artifacts: bringing and reading them.

use std::fs::File;
use std::time::Duration;

use bytes::Bytes;
use devlab_core::check::Sha256Hex;
use devlab_core::{ArtifactId, AttemptId, TaskId};
use futures::{Stream, StreamExt};

use super::query::{Page, Params};
use super::{Client, ClientError, transport};
use crate::List;
use crate::task::Artifact;

/// How long the largest artifact may take.
const UPLOAD_MAX: Duration = Duration::from_secs(30 * 60);

/// A file of an attempt that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactUpload {
    /// The task.
    pub task: TaskId,
    /// The attempt: the fence.
    pub attempt: AttemptId,
    /// Path in the attempt's tree.
    pub path: String,
    /// Hash of the bytes.
    pub sha256: Sha256Hex,
    /// Length, in bytes.
    pub len: u64,
}

impl Client {
    /// `GET /tasks/{id}/artifacts`, oldest attempt first, then by path.
    pub async fn artifacts(
        &self,
        task: TaskId,
        attempt: Option<AttemptId>,
        page: &Page,
    ) -> Result<List<Artifact>, ClientError> {
        let params = page.params(Params::default().maybe("attempt", attempt));
        self.get(&["tasks", &task.to_string(), "artifacts"])
            .query(&params)
            .fetch()
            .await
    }

    /// `GET /artifacts/{id}`: the bytes, as they come. A caller that needs to be sure compares
    /// their hash with the artifact's.
    pub async fn artifact_content(
        &self,
        id: ArtifactId,
    ) -> Result<impl Stream<Item = Result<Bytes, ClientError>> + Send + use<>, ClientError> {
        let server = self.base.to_string();
        let response = self
            .get(&["artifacts", &id.to_string()])
            .endless()
            .send()
            .await?;
        let pieces = response.bytes_stream();
        Ok(pieces.map(move |piece| piece.map_err(|error| transport::transport(&server, error))))
    }

    /// `POST /tasks/artifacts`. May be repeated, with the file opened again.
    pub async fn put_artifact(
        &self,
        upload: &ArtifactUpload,
        file: File,
    ) -> Result<Artifact, ClientError> {
        let params = Params::default()
            .with("task", upload.task)
            .with("attempt", upload.attempt)
            .with("path", &upload.path)
            .with("sha256", &upload.sha256)
            .with("size", upload.len);
        self.post(&["tasks", "artifacts"])
            .query(&params)
            .file(file, upload.len)
            .timeout(UPLOAD_MAX)
            .fetch()
            .await
    }
}
