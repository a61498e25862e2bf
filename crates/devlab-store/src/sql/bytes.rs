//! Sealed logs, artifacts, marks of blobs, retired goals.

use devlab_core::bytes::{Artifact, BlobMark, KeptLog, ReadBytes, WriteBytes};
use devlab_core::check::Sha256Hex;
use devlab_core::state::StateName;
use devlab_core::{ArtifactId, AttemptId, OrgId, Result, TaskId, Timestamp};

use super::codec::{Code, Cols, int};
use super::error::DbResult;
use super::rows::{above, all, change, first};
use super::{Session, Sql, params};

const ARTIFACT: &str = "SELECT id, org, task, attempt, path, blob, len, created_at FROM artifacts";

fn kept_log(conn: &dyn Sql, attempt: AttemptId) -> DbResult<Option<KeptLog>> {
    const SQL: &str = "SELECT blob, len, lines, at, gone FROM kept_logs WHERE attempt = ?1";
    first(conn, SQL, params![attempt], |cols| {
        Ok(KeptLog {
            attempt,
            blob: cols.opt_parsed()?,
            len: cols.int()?,
            lines: cols.int()?,
            at: cols.time()?,
            gone: cols.flag()?,
        })
    })
}

fn put_kept_log(conn: &dyn Sql, log: &KeptLog) -> DbResult<()> {
    const SQL: &str = "INSERT INTO kept_logs (attempt, blob, len, lines, at, gone) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (attempt) DO UPDATE SET blob = excluded.blob, \
        len = excluded.len, lines = excluded.lines, at = excluded.at, gone = excluded.gone";
    let blob = log.blob.as_ref().map(Sha256Hex::as_str);
    change(
        conn,
        SQL,
        params![
            log.attempt,
            blob,
            int(log.len),
            int(log.lines),
            log.at.as_millis(),
            log.gone,
        ],
    )
    .map(drop)
}

fn read_artifact(cols: &mut Cols<'_>) -> DbResult<Artifact> {
    Ok(Artifact {
        id: cols.id()?,
        org: cols.id()?,
        task: cols.id()?,
        attempt: cols.id()?,
        path: cols.text()?,
        blob: cols.opt_parsed()?,
        len: cols.int()?,
        created_at: cols.time()?,
    })
}

fn artifact(conn: &dyn Sql, id: ArtifactId) -> DbResult<Option<Artifact>> {
    let sql = format!("{ARTIFACT} WHERE id = ?1");
    first(conn, &sql, params![id], read_artifact)
}

fn artifacts(conn: &dyn Sql, attempt: AttemptId) -> DbResult<Vec<Artifact>> {
    let sql = format!("{ARTIFACT} WHERE attempt = ?1 ORDER BY path");
    all(conn, &sql, params![attempt], read_artifact)
}

fn artifacts_of_task(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<Artifact>> {
    let sql = format!("{ARTIFACT} WHERE task = ?1 ORDER BY attempt, path");
    all(conn, &sql, params![task], read_artifact)
}

fn put_artifact(conn: &dyn Sql, artifact: &Artifact) -> DbResult<()> {
    const SQL: &str = "INSERT INTO artifacts (id, org, task, attempt, path, blob, len, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (attempt, path) DO UPDATE SET \
        blob = excluded.blob, len = excluded.len, created_at = excluded.created_at";
    let blob = artifact.blob.as_ref().map(Sha256Hex::as_str);
    change(
        conn,
        SQL,
        params![
            artifact.id,
            artifact.org,
            artifact.task,
            artifact.attempt,
            artifact.path,
            blob,
            int(artifact.len),
            artifact.created_at.as_millis(),
        ],
    )
    .map(drop)
}

fn names_blob(conn: &dyn Sql, blob: &Sha256Hex) -> DbResult<bool> {
    const SQL: &str = "SELECT 1 FROM kept_logs WHERE blob = ?1 \
        UNION ALL SELECT 1 FROM artifacts WHERE blob = ?1 LIMIT 1";
    Ok(first(conn, SQL, params![blob.as_str()], |_| Ok(()))?.is_some())
}

fn named_blobs(conn: &dyn Sql, limit: u32) -> DbResult<Vec<Sha256Hex>> {
    const LOGS: &str =
        "SELECT DISTINCT blob FROM kept_logs WHERE blob IS NOT NULL ORDER BY blob LIMIT ?1";
    const ARTIFACTS: &str =
        "SELECT DISTINCT blob FROM artifacts WHERE blob IS NOT NULL ORDER BY blob LIMIT ?1";
    let mut found: Vec<Sha256Hex> = all(conn, LOGS, params![limit], |cols| cols.parsed())?;
    let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
    if left > 0 {
        found.extend(all(conn, ARTIFACTS, params![left], |cols| cols.parsed())?);
    }
    Ok(found)
}

fn blob_mark(conn: &dyn Sql, blob: &Sha256Hex) -> DbResult<Option<BlobMark>> {
    const SQL: &str = "SELECT condemned, since, until FROM blob_marks WHERE blob = ?1";
    first(conn, SQL, params![blob.as_str()], |cols| {
        let (condemned, since, until) = (cols.flag()?, cols.time()?, cols.time()?);
        Ok(match condemned {
            true => BlobMark::Condemned(until),
            false => BlobMark::Pinned { since, until },
        })
    })
}

fn condemned_blobs(conn: &dyn Sql, now: Timestamp, limit: u32) -> DbResult<Vec<Sha256Hex>> {
    const SQL: &str = "SELECT blob FROM blob_marks WHERE condemned = ?1 AND until <= ?2 \
        ORDER BY until, blob LIMIT ?3";
    all(conn, SQL, params![true, now.as_millis(), limit], |cols| {
        cols.parsed()
    })
}

fn set_blob_mark(conn: &dyn Sql, blob: &Sha256Hex, mark: Option<BlobMark>) -> DbResult<()> {
    const PUT: &str = "INSERT INTO blob_marks (blob, condemned, since, until) \
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT (blob) DO UPDATE SET condemned = excluded.condemned, \
        since = excluded.since, until = excluded.until";
    const DELETE: &str = "DELETE FROM blob_marks WHERE blob = ?1";
    let (condemned, since, until) = match mark {
        Some(BlobMark::Condemned(until)) => (true, until, until),
        Some(BlobMark::Pinned { since, until }) => (false, since, until),
        None => return change(conn, DELETE, params![blob.as_str()]).map(drop),
    };
    change(
        conn,
        PUT,
        params![
            blob.as_str(),
            condemned,
            since.as_millis(),
            until.as_millis(),
        ],
    )
    .map(drop)
}

fn forget_pins(conn: &dyn Sql, now: Timestamp, limit: u32) -> DbResult<u64> {
    const SQL: &str = "DELETE FROM blob_marks WHERE blob IN (SELECT blob FROM blob_marks \
        WHERE condemned = ?1 AND until <= ?2 ORDER BY until LIMIT ?3)";
    change(conn, SQL, params![false, now.as_millis(), limit])
}

fn retirable(
    conn: &dyn Sql,
    org: OrgId,
    before: Timestamp,
    after: Option<TaskId>,
    limit: u32,
) -> DbResult<Vec<TaskId>> {
    const SQL: &str = "SELECT t.id FROM tasks t WHERE t.org = ?1 AND t.parent IS NULL \
        AND t.id > ?2 AND t.state IN (?3, ?4, ?5) AND t.updated_at < ?6 \
        AND NOT EXISTS (SELECT 1 FROM retired_goals r WHERE r.goal = t.id \
        AND r.at >= t.updated_at) \
        ORDER BY t.id LIMIT ?7";
    let after = above(after.map(TaskId::uuid));
    all(
        conn,
        SQL,
        params![
            org,
            after,
            StateName::Done.code(),
            StateName::Failed.code(),
            StateName::Cancelled.code(),
            before.as_millis(),
            limit,
        ],
        |cols| cols.id(),
    )
}

fn retired_at(conn: &dyn Sql, goal: TaskId) -> DbResult<Option<Timestamp>> {
    const SQL: &str = "SELECT at FROM retired_goals WHERE goal = ?1";
    first(conn, SQL, params![goal], |cols| cols.time())
}

fn retire(conn: &dyn Sql, goal: TaskId, at: Timestamp) -> DbResult<()> {
    const SQL: &str = "INSERT INTO retired_goals (goal, at) VALUES (?1, ?2) \
        ON CONFLICT (goal) DO UPDATE SET at = excluded.at";
    change(conn, SQL, params![goal, at.as_millis()]).map(drop)
}

impl ReadBytes for Session<'_> {
    fn kept_log(&mut self, attempt: AttemptId) -> Result<Option<KeptLog>> {
        self.look(|conn| kept_log(conn, attempt))
    }
    fn artifact(&mut self, id: ArtifactId) -> Result<Option<Artifact>> {
        self.look(|conn| artifact(conn, id))
    }
    fn artifacts(&mut self, attempt: AttemptId) -> Result<Vec<Artifact>> {
        self.look(|conn| artifacts(conn, attempt))
    }
    fn artifacts_of_task(&mut self, task: TaskId) -> Result<Vec<Artifact>> {
        self.look(|conn| artifacts_of_task(conn, task))
    }
    fn names_blob(&mut self, blob: &Sha256Hex) -> Result<bool> {
        self.look(|conn| names_blob(conn, blob))
    }
    fn named_blobs(&mut self, limit: u32) -> Result<Vec<Sha256Hex>> {
        self.look(|conn| named_blobs(conn, limit))
    }
    fn blob_mark(&mut self, blob: &Sha256Hex) -> Result<Option<BlobMark>> {
        self.look(|conn| blob_mark(conn, blob))
    }
    fn condemned_blobs(&mut self, now: Timestamp, limit: u32) -> Result<Vec<Sha256Hex>> {
        self.look(|conn| condemned_blobs(conn, now, limit))
    }
    fn retirable(
        &mut self,
        org: OrgId,
        before: Timestamp,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<TaskId>> {
        self.look(|conn| retirable(conn, org, before, after, limit))
    }
    fn retired_at(&mut self, goal: TaskId) -> Result<Option<Timestamp>> {
        self.look(|conn| retired_at(conn, goal))
    }
}

impl WriteBytes for Session<'_> {
    fn put_kept_log(&mut self, log: &KeptLog) -> Result<()> {
        self.change(|conn| put_kept_log(conn, log))
    }
    fn put_artifact(&mut self, artifact: &Artifact) -> Result<()> {
        self.change(|conn| put_artifact(conn, artifact))
    }
    fn set_blob_mark(&mut self, blob: &Sha256Hex, mark: Option<BlobMark>) -> Result<()> {
        self.change(|conn| set_blob_mark(conn, blob, mark))
    }
    fn forget_pins(&mut self, now: Timestamp, limit: u32) -> Result<u64> {
        self.change(|conn| forget_pins(conn, now, limit))
    }
    fn retire(&mut self, goal: TaskId, at: Timestamp) -> Result<()> {
        self.change(|conn| retire(conn, goal, at))
    }
}
