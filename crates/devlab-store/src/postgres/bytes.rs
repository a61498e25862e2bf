//! What a unit does with logs, artifacts and blobs is rare: it runs on the connection.

use devlab_core::bytes::{Artifact, BlobMark, KeptLog, ReadBytes, WriteBytes};
use devlab_core::check::Sha256Hex;
use devlab_core::{ArtifactId, AttemptId, OrgId, Result, TaskId, Timestamp};

use super::session::OverlaySession;

impl ReadBytes for OverlaySession<'_> {
    fn kept_log(&mut self, _: AttemptId) -> Result<Option<KeptLog>> {
        self.direct()
    }
    fn artifact(&mut self, _: ArtifactId) -> Result<Option<Artifact>> {
        self.direct()
    }
    fn artifacts(&mut self, _: AttemptId) -> Result<Vec<Artifact>> {
        self.direct()
    }
    fn artifacts_of_task(&mut self, _: TaskId) -> Result<Vec<Artifact>> {
        self.direct()
    }
    fn names_blob(&mut self, _: &Sha256Hex) -> Result<bool> {
        self.direct()
    }
    fn named_blobs(&mut self, _: u32) -> Result<Vec<Sha256Hex>> {
        self.direct()
    }
    fn blob_mark(&mut self, _: &Sha256Hex) -> Result<Option<BlobMark>> {
        self.direct()
    }
    fn condemned_blobs(&mut self, _: Timestamp, _: u32) -> Result<Vec<Sha256Hex>> {
        self.direct()
    }
    fn retirable(
        &mut self,
        _: OrgId,
        _: Timestamp,
        _: Option<TaskId>,
        _: u32,
    ) -> Result<Vec<TaskId>> {
        self.direct()
    }
    fn retired_at(&mut self, _: TaskId) -> Result<Option<Timestamp>> {
        self.direct()
    }
}

impl WriteBytes for OverlaySession<'_> {
    fn put_kept_log(&mut self, _: &KeptLog) -> Result<()> {
        self.direct()
    }
    fn put_artifact(&mut self, _: &Artifact) -> Result<()> {
        self.direct()
    }
    fn set_blob_mark(&mut self, _: &Sha256Hex, _: Option<BlobMark>) -> Result<()> {
        self.direct()
    }
    fn forget_pins(&mut self, _: Timestamp, _: u32) -> Result<u64> {
        self.direct()
    }
    fn retire(&mut self, _: TaskId, _: Timestamp) -> Result<()> {
        self.direct()
    }
}
