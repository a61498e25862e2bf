//! Logs: byte streams, appended at explicit offsets, many of them in one transaction.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use devlab_core::limits::{LOG_BYTES_MAX, LOG_CHUNK_BYTES_MAX};
use devlab_core::{AttemptId, Error, Refusal, Result, StorageError};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::connect::Target;
use super::writer::{Trouble, simple, wait};
use crate::faults::{FaultHook, FaultPoint};
use crate::jobs::Jobs;
use crate::sql::codec::int;
use crate::sql::error::DbResult;
use crate::sql::rows::{above, all, first};
use crate::sql::{Param, Sql, params};
use crate::{SETTLE_CHUNKS_MAX, Settled};

const PAUSE: Duration = Duration::from_millis(100);

const MAKE_HEADS: &str = "INSERT INTO log_heads (attempt, len) SELECT n, 0 FROM unnest($1::uuid[]) n \
    ORDER BY n ON CONFLICT DO NOTHING";
const LOCK_HEADS: &str = "SELECT attempt, len FROM log_heads WHERE attempt = ANY($1) \
    ORDER BY attempt FOR UPDATE";
const CHUNKS: &str = "INSERT INTO log_chunks (attempt, start, bytes) \
    SELECT * FROM unnest($1::uuid[], $2::int8[], $3::bytea[])";
const HEADS: &str = "UPDATE log_heads AS h SET len = n.len, open = TRUE \
    FROM unnest($1::uuid[], $2::int8[]) AS n (attempt, len) WHERE h.attempt = n.attempt";

/// A chunk to append, and who waits for it.
pub(super) struct AppendJob {
    pub(super) attempt: AttemptId,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) answer: oneshot::Sender<Result<u64>>,
}

/// The thread that appends.
pub(super) struct Appender {
    pub(super) target: Target,
    pub(super) jobs: Arc<Jobs<AppendJob>>,
    pub(super) batch_max: usize,
    pub(super) patience: Duration,
    pub(super) faults: Option<FaultHook>,
    pub(super) client: Option<ClientWrapper>,
}

/// What a batch of chunks comes to.
#[derive(Default)]
struct Batch {
    attempts: Vec<Uuid>,
    starts: Vec<i64>,
    bytes: Vec<Vec<u8>>,
    outcomes: Vec<Result<u64>>,
}

impl Appender {
    /// Appends until the queue is closed and empty.
    pub(super) fn run(mut self, runtime: &Runtime) {
        let mut waiting = VecDeque::new();
        while self.jobs.wait(&mut waiting, self.batch_max) {
            let jobs: Vec<AppendJob> = waiting.drain(..).collect();
            let until = Instant::now() + self.patience;
            let done = loop {
                match self.try_batch(runtime, &jobs) {
                    Ok(outcomes) => break Ok(outcomes),
                    Err(Trouble::Lost(error)) => {
                        self.client = None;
                        if Instant::now() + PAUSE > until {
                            break Err(error);
                        }
                        // To append a chunk twice adds nothing, so a cut commit is no question.
                        runtime.block_on(async { tokio::time::sleep(PAUSE).await });
                    }
                    Err(Trouble::Failed(error)) => break Err(error),
                }
            };
            match done {
                Ok(outcomes) => {
                    for (job, outcome) in jobs.into_iter().zip(outcomes) {
                        drop(job.answer.send(outcome));
                    }
                }
                Err(error) => {
                    for job in jobs {
                        drop(job.answer.send(Err(Error::Storage(error.clone()))));
                    }
                }
            }
        }
    }

    fn try_batch(
        &mut self,
        runtime: &Runtime,
        jobs: &[AppendJob],
    ) -> std::result::Result<Vec<Result<u64>>, Trouble> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            Some(_) | None => runtime
                .block_on(self.target.writer())
                .map_err(Trouble::Lost)?,
        };
        let outcome = wait(runtime, &self.target, self.append(&client, jobs));
        match &outcome {
            Ok(_) => self.client = Some(client),
            Err(Trouble::Failed(_)) => {
                if wait(runtime, &self.target, simple(&client, "ROLLBACK")).is_ok() {
                    self.client = Some(client);
                }
            }
            Err(Trouble::Lost(_)) => {}
        }
        outcome
    }

    async fn append(
        &self,
        client: &ClientWrapper,
        jobs: &[AppendJob],
    ) -> std::result::Result<Vec<Result<u64>>, Trouble> {
        let failed = |error: tokio_postgres::Error| Trouble::of(&error);
        let mut of: Vec<Uuid> = jobs.iter().map(|job| job.attempt.uuid()).collect();
        of.sort_unstable();
        of.dedup();
        let make = client.prepare_cached(MAKE_HEADS).await.map_err(failed)?;
        let lock = client.prepare_cached(LOCK_HEADS).await.map_err(failed)?;
        let chunks = client.prepare_cached(CHUNKS).await.map_err(failed)?;
        let heads = client.prepare_cached(HEADS).await.map_err(failed)?;
        let keys: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&of];
        let (begun, made, locked) = futures::future::join3(
            client.batch_execute("BEGIN"),
            client.execute(&make, &keys),
            client.query(&lock, &keys),
        )
        .await;
        begun.map_err(failed)?;
        made.map_err(failed)?;
        let mut lens = HashMap::new();
        for row in locked.map_err(failed)? {
            let len: i64 = row.get(1);
            lens.insert(row.get::<_, Uuid>(0), u64::try_from(len).unwrap_or(0));
        }
        let batch = plan(jobs, &mut lens);
        let (attempts, new): (Vec<Uuid>, Vec<i64>) =
            lens.iter().map(|(id, len)| (*id, int(*len))).unzip();
        self.fault(FaultPoint::BeforeLogCommit)?;
        let chunk_params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&batch.attempts, &batch.starts, &batch.bytes];
        let head_params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&attempts, &new];
        let (stored, moved, committed) = futures::future::join3(
            client.execute(&chunks, &chunk_params),
            client.execute(&heads, &head_params),
            client.batch_execute("COMMIT"),
        )
        .await;
        stored.map_err(failed)?;
        moved.map_err(failed)?;
        committed.map_err(failed)?;
        self.fault(FaultPoint::AfterLogCommit)?;
        Ok(batch.outcomes)
    }

    fn fault(&self, point: FaultPoint) -> std::result::Result<(), Trouble> {
        match &self.faults {
            Some(hook) => hook(point).map_err(|kind| {
                let detail = format!("injected at {}", point.as_str());
                Trouble::Lost(StorageError::new(kind, detail))
            }),
            None => Ok(()),
        }
    }
}

/// What is new of each chunk, given how long the logs are; moves their lengths on.
fn plan(jobs: &[AppendJob], lens: &mut HashMap<Uuid, u64>) -> Batch {
    let mut batch = Batch::default();
    for job in jobs {
        let len = lens.entry(job.attempt.uuid()).or_insert(0);
        let end = job.offset.saturating_add(job.bytes.len() as u64);
        if job.offset > *len {
            batch
                .outcomes
                .push(Err(Refusal::LogGap { expected: *len }.into()));
            continue;
        }
        if end > LOG_BYTES_MAX && end > *len {
            batch.outcomes.push(Err(Refusal::Limit {
                what: "bytes of an attempt's log",
                limit: LOG_BYTES_MAX,
            }
            .into()));
            continue;
        }
        let known = usize::try_from(*len - job.offset).unwrap_or(usize::MAX);
        for piece in job
            .bytes
            .get(known..)
            .unwrap_or_default()
            .chunks(LOG_CHUNK_BYTES_MAX)
        {
            batch.attempts.push(job.attempt.uuid());
            batch.starts.push(int(*len));
            batch.bytes.push(piece.to_vec());
            *len += piece.len() as u64;
        }
        batch.outcomes.push(Ok(*len));
    }
    batch
}

impl Drop for Appender {
    /// However the thread ends, nobody waits for it any longer.
    fn drop(&mut self) {
        self.jobs.close();
        let mut abandoned = VecDeque::new();
        while self.jobs.take(&mut abandoned, usize::MAX) > 0 {
            abandoned.clear();
        }
    }
}

/// Open logs and their lengths.
pub(super) fn open(
    conn: &dyn Sql,
    after: Option<AttemptId>,
    limit: u32,
) -> DbResult<Vec<(AttemptId, u64)>> {
    const SQL: &str = "SELECT attempt, len FROM log_heads WHERE open AND attempt > ?1 \
        ORDER BY attempt LIMIT ?2";
    let after = above(after.map(AttemptId::uuid));
    all(conn, SQL, params![after, limit], |cols| {
        Ok((cols.id()?, cols.int()?))
    })
}

/// A step of [`crate::Store::settle_log`], in a transaction of its own.
pub(super) async fn settle(
    client: &ClientWrapper,
    attempt: AttemptId,
    len: u64,
    drop_to: u64,
) -> std::result::Result<Settled, tokio_postgres::Error> {
    const LOCK: &str = "SELECT len FROM log_heads WHERE attempt = $1 FOR UPDATE";
    const CHUNKS: &str = "DELETE FROM log_chunks WHERE attempt = $1 AND start IN \
        (SELECT start FROM log_chunks WHERE attempt = $1 AND start + length(bytes) <= $2 \
        ORDER BY start LIMIT $3)";
    const CLOSE: &str = "UPDATE log_heads SET open = FALSE WHERE attempt = $1 AND open";
    let id = attempt.uuid();
    let head = client.query_opt(LOCK, &[&id]).await?;
    let known: i64 = head.map_or(0, |head| head.get(0));
    if known != int(len) {
        return Ok(Settled::Grown);
    }
    if drop_to > 0 {
        let limit = i64::from(SETTLE_CHUNKS_MAX);
        let dropped = client
            .execute(CHUNKS, &[&id, &int(drop_to), &limit])
            .await?;
        if dropped >= u64::from(SETTLE_CHUNKS_MAX) {
            return Ok(Settled::More);
        }
    }
    client.execute(CLOSE, &[&id]).await?;
    Ok(Settled::Done)
}

/// See [`crate::Store::remove_log`].
pub(super) async fn remove(
    client: &ClientWrapper,
    attempt: AttemptId,
) -> std::result::Result<(), tokio_postgres::Error> {
    const SQL: &str = "WITH chunks AS (DELETE FROM log_chunks WHERE attempt = $1) \
        DELETE FROM log_heads WHERE attempt = $1";
    client.execute(SQL, &[&attempt.uuid()]).await.map(drop)
}

/// At most `max` bytes from an offset, as far as they are here, and the log's length. Reads only the
/// chunks it needs.
pub(super) fn read(
    conn: &dyn Sql,
    attempt: AttemptId,
    offset: u64,
    max: usize,
) -> DbResult<(Vec<u8>, u64)> {
    const LEN: &str = "SELECT len FROM log_heads WHERE attempt = ?1";
    // The last chunk that begins at or before the place, and those after it.
    const CHUNKS: &str = "SELECT start, bytes FROM log_chunks WHERE attempt = ?1 \
        AND start >= coalesce((SELECT max(start) FROM log_chunks \
        WHERE attempt = ?1 AND start <= ?2), 0) AND start < ?3 ORDER BY start";
    let len: u64 = first(conn, LEN, params![attempt], |cols| cols.int())?.unwrap_or(0);
    let end = len.min(offset.saturating_add(max as u64));
    let mut bytes = Vec::new();
    if offset >= end {
        return Ok((bytes, len));
    }
    let mut at = offset;
    let of = [
        Param::Id(attempt.bytes()),
        Param::Int(int(offset)),
        Param::Int(int(end)),
    ];
    conn.query(CHUNKS, &of, &mut |cols| {
        let start: u64 = cols.int()?;
        let chunk = cols.bytes()?;
        // What is missing was dropped when the log was settled.
        let Some(skip) = at.checked_sub(start) else {
            return Ok(false);
        };
        let rest = usize::try_from(skip)
            .ok()
            .and_then(|skip| chunk.get(skip..));
        let rest = rest.unwrap_or_default();
        let piece = &rest[..rest.len().min(max - bytes.len())];
        bytes.extend_from_slice(piece);
        at += piece.len() as u64;
        Ok(!piece.is_empty() && at < end)
    })?;
    Ok((bytes, len))
}
