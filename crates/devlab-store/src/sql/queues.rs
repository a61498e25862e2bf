//! The ready queues, and tasks that back off.

use super::{Param, Sql, params};
use devlab_core::label::Labels;
use devlab_core::limits::LABEL_SETS_MAX;
use devlab_core::tx::{Queued, Work, parse_queue};
use devlab_core::{OrgId, TaskId, Timestamp};

use super::codec::{Cols, int};
use super::error::{DbError, DbResult};
use super::rows::{all, change, first};

/// The head of the first queue after the given one: one step in the tree, because the key of the
/// table is queue first, rank second.
const NEXT_HEAD: &str = "SELECT requires, neg_priority, verify_first, neg_path, seq, work \
    FROM ready WHERE org = ?1 AND requires > ?2 \
    ORDER BY requires, neg_priority, verify_first, neg_path, seq LIMIT 1";
/// The head of the queue without requirements, which no text comes before.
const EMPTY_HEAD: &str = "SELECT requires, neg_priority, verify_first, neg_path, seq, work \
    FROM ready WHERE org = ?1 AND requires = '' \
    ORDER BY neg_priority, verify_first, neg_path, seq LIMIT 1";

pub(crate) fn read_queued(org: OrgId, cols: &mut Cols<'_>) -> DbResult<Queued> {
    let (requires, lane, not_by) =
        parse_queue(&cols.text()?).map_err(|_| DbError::Damaged("ready.requires".into()))?;
    let neg_priority: i32 = cols.int()?;
    let verify_first: u8 = cols.int()?;
    let neg_path: i64 = cols.int()?;
    let damaged = |what: &str| DbError::Damaged(format!("ready.{what}"));
    Ok(Queued {
        org,
        requires,
        lane,
        priority: i16::try_from(-neg_priority).map_err(|_| damaged("neg_priority"))?,
        path: u32::try_from(-neg_path).map_err(|_| damaged("neg_path"))?,
        seq: cols.int()?,
        not_by,
        work: match verify_first {
            0 => Work::Verify(cols.id()?),
            _ => Work::Task(cols.id()?),
        },
    })
}

/// Steps from queue to queue and shows each head.
fn walk_heads(conn: &dyn Sql, org: OrgId, mut visit: impl FnMut(Queued)) -> DbResult<()> {
    let read = |cols: &mut Cols<'_>| read_queued(org, cols);
    if let Some(head) = first(conn, EMPTY_HEAD, params![org], read)? {
        visit(head);
    }
    let mut last = String::new();
    while let Some(head) = first(conn, NEXT_HEAD, params![org, last], read)? {
        last = head.queue();
        visit(head);
    }
    Ok(())
}

pub(crate) fn heads(conn: &dyn Sql, org: OrgId, agent: Option<&Labels>) -> DbResult<Vec<Queued>> {
    let mut heads = Vec::new();
    walk_heads(conn, org, |head| {
        if agent.is_none_or(|agent| agent.satisfies(&head.requires)) {
            heads.push(head);
        }
    })?;
    Ok(heads)
}

pub(crate) fn len(conn: &dyn Sql, org: Option<OrgId>) -> DbResult<u64> {
    let count = match org {
        Some(org) => first(
            conn,
            "SELECT count(*) FROM ready WHERE org = ?1",
            params![org],
            |cols| cols.int(),
        )?,
        None => first(conn, "SELECT count(*) FROM ready", params![], |cols| {
            cols.int()
        })?,
    };
    Ok(count.unwrap_or(0))
}

/// Id of what an entry hands out.
pub(crate) fn work_bytes(entry: &Queued) -> [u8; 16] {
    match entry.work {
        Work::Verify(candidate) => candidate.bytes(),
        Work::Task(task) => task.bytes(),
    }
}

/// Columns of [`row`] in their order: the whole key.
pub(crate) const COLUMNS: [&str; 7] = [
    "org",
    "requires",
    "neg_priority",
    "verify_first",
    "neg_path",
    "seq",
    "work",
];

/// A whole entry, in the queue of this name: [`Queued::queue`].
pub(crate) fn row<'e>(entry: &Queued, queue: &'e str) -> [Param<'e>; 7] {
    let (neg_priority, verify_first, neg_path, seq) = entry.rank();
    [
        Param::Id(entry.org.bytes()),
        Param::Text(queue),
        Param::Int(neg_priority.into()),
        Param::Int(verify_first.into()),
        Param::Int(neg_path),
        Param::Int(int(seq)),
        Param::Id(work_bytes(entry)),
    ]
}

pub(crate) fn enqueue(conn: &dyn Sql, entry: &Queued) -> DbResult<bool> {
    const SQL: &str = "INSERT INTO ready \
        (org, requires, neg_priority, verify_first, neg_path, seq, work) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let queue = entry.queue();
    if !has_room(conn, entry, &queue)? {
        return Ok(false);
    }
    change(conn, SQL, &row(entry, &queue))?;
    Ok(true)
}

/// A claim looks at the head of every queue, so their number is bounded. The usual entry joins a
/// queue that is there, and costs one look. Candidates are few, one for each target, and always
/// have room.
fn has_room(conn: &dyn Sql, entry: &Queued, queue: &str) -> DbResult<bool> {
    const SQL: &str = "SELECT 1 FROM ready WHERE org = ?1 AND requires = ?2 LIMIT 1";
    if matches!(entry.work, Work::Verify(_)) {
        return Ok(true);
    }
    let found = first(conn, SQL, params![entry.org, queue], |cols| {
        cols.int::<i64>()
    })?;
    if found.is_some() {
        return Ok(true);
    }
    let mut queues = 0;
    walk_heads(conn, entry.org, |_| queues += 1)?;
    Ok(queues < LABEL_SETS_MAX)
}

pub(crate) fn dequeue(conn: &dyn Sql, entry: &Queued) -> DbResult<bool> {
    const SQL: &str = "DELETE FROM ready WHERE org = ?1 AND requires = ?2 AND neg_priority = ?3 \
        AND verify_first = ?4 AND neg_path = ?5 AND seq = ?6 AND work = ?7";
    Ok(change(conn, SQL, &row(entry, &entry.queue()))? == 1)
}

pub(crate) fn set_due(conn: &dyn Sql, task: TaskId, at: Option<Timestamp>) -> DbResult<()> {
    const SET: &str = "INSERT INTO due (task, at) VALUES (?1, ?2) \
        ON CONFLICT (task) DO UPDATE SET at = excluded.at";
    match at {
        Some(at) => change(conn, SET, params![task, at.as_millis()])?,
        None => change(conn, "DELETE FROM due WHERE task = ?1", params![task])?,
    };
    Ok(())
}

pub(crate) fn due(conn: &dyn Sql, now: Timestamp, limit: u32) -> DbResult<Vec<TaskId>> {
    const SQL: &str = "SELECT task FROM due WHERE at <= ?1 ORDER BY at, task LIMIT ?2";
    all(conn, SQL, params![now.as_millis(), limit], |cols| cols.id())
}

pub(crate) fn next_due(conn: &dyn Sql) -> DbResult<Option<Timestamp>> {
    first(
        conn,
        "SELECT at FROM due ORDER BY at LIMIT 1",
        params![],
        |cols| cols.time(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::conn::plan;

    #[test]
    fn a_claim_steps_from_queue_to_queue_and_scans_none() {
        for sql in [NEXT_HEAD, EMPTY_HEAD] {
            let plan = plan(sql);
            assert!(
                plan.starts_with("SEARCH ready USING PRIMARY KEY (org=? AND requires"),
                "{plan}"
            );
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
