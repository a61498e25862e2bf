//! Patches.

use bytes::Bytes;
use devlab_core::PatchId;

use super::query::{Page, Params, PatchQuery};
use super::{Client, ClientError};
use crate::List;
use crate::patch::{CreateComment, Patch, PatchComment};

type Result<T> = std::result::Result<T, ClientError>;

impl Client {
    /// `GET /patches`.
    pub async fn patches(&self, query: &PatchQuery) -> Result<List<Patch>> {
        self.get(&["patches"]).query(&query.params()).fetch().await
    }

    /// `GET /patches/{id}`, with its discussion.
    pub async fn patch_by_id(&self, patch: PatchId) -> Result<Patch> {
        self.get(&["patches", &patch.to_string()]).fetch().await
    }

    /// `GET /patches/{id}/diff`. Bytes, because files need not be UTF-8.
    pub async fn patch_diff(&self, patch: PatchId) -> Result<Bytes> {
        self.get(&["patches", &patch.to_string(), "diff"])
            .fetch_bytes()
            .await
    }

    /// `GET /patches/{id}/comments`, oldest first.
    pub async fn patch_comments(&self, patch: PatchId, page: &Page) -> Result<List<PatchComment>> {
        self.get(&["patches", &patch.to_string(), "comments"])
            .query(&page.params(Params::default()))
            .fetch()
            .await
    }

    /// `POST /patches/{id}/comments`: a remark or a review. Answers the patch after it.
    pub async fn comment_patch(&self, patch: PatchId, comment: &CreateComment) -> Result<Patch> {
        self.post(&["patches", &patch.to_string(), "comments"])
            .json(comment)
            .fetch()
            .await
    }
}
