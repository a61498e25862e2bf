//! The transaction in memory: logs, artifacts and blobs.

use std::collections::BTreeSet;

use devlab_core::bytes::{Artifact, BlobMark, KeptLog, ReadBytes, WriteBytes};
use devlab_core::check::Sha256Hex;
use devlab_core::state::StateName;
use devlab_core::{ArtifactId, AttemptId, OrgId, Result, TaskId, Timestamp};

use crate::mem::MemTx;

impl MemTx {
    fn artifacts_where(&self, keep: impl Fn(&Artifact) -> bool) -> Vec<Artifact> {
        let mut found: Vec<_> = self
            .artifacts
            .values()
            .filter(|a| keep(a))
            .cloned()
            .collect();
        found.sort_by(|a, b| (a.attempt, &a.path).cmp(&(b.attempt, &b.path)));
        found
    }
}

impl ReadBytes for MemTx {
    fn kept_log(&mut self, attempt: AttemptId) -> Result<Option<KeptLog>> {
        Ok(self.kept_logs.get(&attempt).cloned())
    }
    fn artifact(&mut self, id: ArtifactId) -> Result<Option<Artifact>> {
        Ok(self.artifacts.values().find(|a| a.id == id).cloned())
    }
    fn artifacts(&mut self, attempt: AttemptId) -> Result<Vec<Artifact>> {
        Ok(self.artifacts_where(|a| a.attempt == attempt))
    }
    fn artifacts_of_task(&mut self, task: TaskId) -> Result<Vec<Artifact>> {
        Ok(self.artifacts_where(|a| a.task == task))
    }
    fn names_blob(&mut self, blob: &Sha256Hex) -> Result<bool> {
        let blob = Some(blob);
        let logs = self.kept_logs.values().any(|log| log.blob.as_ref() == blob);
        Ok(logs || self.artifacts.values().any(|a| a.blob.as_ref() == blob))
    }
    fn named_blobs(&mut self, limit: u32) -> Result<Vec<Sha256Hex>> {
        let logs = self.kept_logs.values().filter_map(|log| log.blob.clone());
        let artifacts = self.artifacts.values().filter_map(|a| a.blob.clone());
        let (logs, artifacts) = (BTreeSet::from_iter(logs), BTreeSet::from_iter(artifacts));
        let limit = usize::try_from(limit).unwrap();
        Ok(logs.into_iter().chain(artifacts).take(limit).collect())
    }
    fn blob_mark(&mut self, blob: &Sha256Hex) -> Result<Option<BlobMark>> {
        Ok(self.blob_marks.get(blob).copied())
    }
    fn condemned_blobs(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Sha256Hex>> {
        let marks = self.blob_marks.iter();
        let mut condemned: Vec<_> = marks
            .filter_map(|(blob, mark)| match mark {
                BlobMark::Condemned(until) if *until <= now => Some((*until, blob.clone())),
                BlobMark::Condemned(_) | BlobMark::Pinned { .. } => None,
            })
            .collect();
        condemned.sort();
        condemned.truncate(usize::try_from(limit).unwrap());
        Ok(condemned.into_iter().map(|(_, blob)| blob).collect())
    }
    fn retirable(
        &mut self,
        org: OrgId,
        before: Timestamp,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<TaskId>> {
        let over = |name| {
            matches!(
                name,
                StateName::Done | StateName::Failed | StateName::Cancelled
            )
        };
        let goals = self.tasks.values().filter(|task| {
            task.org == org
                && task.is_goal()
                && after.is_none_or(|after| task.id > after)
                && over(task.state.name())
                && task.updated_at < before
                && self
                    .retired
                    .get(&task.id)
                    .is_none_or(|at| *at < task.updated_at)
        });
        let goals = goals.map(|task| task.id);
        Ok(goals.take(usize::try_from(limit).unwrap()).collect())
    }
    fn retired_at(&mut self, goal: TaskId) -> Result<Option<Timestamp>> {
        Ok(self.retired.get(&goal).copied())
    }
}

impl WriteBytes for MemTx {
    fn put_kept_log(&mut self, log: &KeptLog) -> Result<()> {
        self.kept_logs.insert(log.attempt, log.clone());
        Ok(())
    }
    fn put_artifact(&mut self, artifact: &Artifact) -> Result<()> {
        let key = (artifact.attempt, artifact.path.clone());
        let mut artifact = artifact.clone();
        if let Some(known) = self.artifacts.get(&key) {
            artifact.id = known.id;
        }
        self.artifacts.insert(key, artifact);
        Ok(())
    }
    fn set_blob_mark(&mut self, blob: &Sha256Hex, mark: Option<BlobMark>) -> Result<()> {
        match mark {
            Some(mark) => self.blob_marks.insert(blob.clone(), mark),
            None => self.blob_marks.remove(blob),
        };
        Ok(())
    }
    fn forget_pins(&mut self, now: Timestamp, limit: u32) -> Result<u64> {
        let marks = self.blob_marks.iter();
        let over =
            marks.filter(|(_, m)| matches!(m, BlobMark::Pinned { until, .. } if *until <= now));
        let over: Vec<_> = over.map(|(blob, _)| blob.clone()).collect();
        let over = over.iter().take(usize::try_from(limit).unwrap());
        Ok(over
            .filter(|blob| self.blob_marks.remove(*blob).is_some())
            .count() as u64)
    }
    fn retire(&mut self, goal: TaskId, at: Timestamp) -> Result<()> {
        self.retired.insert(goal, at);
        Ok(())
    }
}
