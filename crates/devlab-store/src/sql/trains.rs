//! Trains, candidates and receipts.

use super::{Sql, params};
use devlab_core::check::Receipt;
use devlab_core::train::{Candidate, Target, TrainEntry};
use devlab_core::{CandidateId, Oid, ProjectId, ServerId, TaskId};

use super::codec::{Code, Cols, int, json, opt_oid};
use super::error::{DbError, DbResult};
use super::rows::{all, change, first};

fn read_entry(cols: &mut Cols<'_>) -> DbResult<TrainEntry> {
    Ok(TrainEntry {
        seq: cols.int()?,
        task: cols.id()?,
        target: Target {
            project: cols.id()?,
            branch: cols.parsed()?,
        },
        head: cols.parsed()?,
        batch_max: cols.int()?,
        candidate: cols.opt_id()?,
    })
}

pub(crate) fn entry(conn: &dyn Sql, task: TaskId) -> DbResult<Option<TrainEntry>> {
    const SQL: &str = "SELECT seq, task, project, branch, head, batch_max, candidate \
        FROM train_entries WHERE task = ?1";
    first(conn, SQL, params![task], read_entry)
}

pub(crate) fn train(conn: &dyn Sql, target: &Target, limit: u32) -> DbResult<Vec<TrainEntry>> {
    const SQL: &str = "SELECT seq, task, project, branch, head, batch_max, candidate \
        FROM train_entries WHERE project = ?1 AND branch = ?2 ORDER BY seq LIMIT ?3";
    all(
        conn,
        SQL,
        params![target.project, target.branch.as_str(), limit],
        read_entry,
    )
}

pub(crate) fn targets(conn: &dyn Sql, home: ServerId, limit: u32) -> DbResult<Vec<Target>> {
    const SQL: &str = "SELECT DISTINCT project, branch FROM train_entries \
        JOIN projects ON projects.id = project WHERE home = ?2 ORDER BY project, branch LIMIT ?1";
    all(conn, SQL, params![limit, home], |cols| {
        Ok(Target {
            project: cols.id()?,
            branch: cols.parsed()?,
        })
    })
}

pub(crate) fn insert_entry(conn: &dyn Sql, entry: &TrainEntry) -> DbResult<()> {
    const SQL: &str = "INSERT INTO train_entries \
        (task, project, branch, head, batch_max, candidate) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    change(
        conn,
        SQL,
        params![
            entry.task,
            entry.target.project,
            entry.target.branch.as_str(),
            entry.head.as_str(),
            entry.batch_max,
            entry.candidate,
        ],
    )?;
    Ok(())
}

/// Replaces an entry; its place in the queue stays.
pub(crate) fn put_entry(conn: &dyn Sql, entry: &TrainEntry) -> DbResult<()> {
    const SQL: &str = "UPDATE train_entries SET project = ?2, branch = ?3, head = ?4, \
        batch_max = ?5, candidate = ?6 WHERE task = ?1";
    let changed = change(
        conn,
        SQL,
        params![
            entry.task,
            entry.target.project,
            entry.target.branch.as_str(),
            entry.head.as_str(),
            entry.batch_max,
            entry.candidate,
        ],
    )?;
    match changed {
        0 => Err(DbError::Missing("train entry")),
        _ => Ok(()),
    }
}

pub(crate) fn delete_entry(conn: &dyn Sql, task: TaskId) -> DbResult<()> {
    change(
        conn,
        "DELETE FROM train_entries WHERE task = ?1",
        params![task],
    )?;
    Ok(())
}

fn read_candidate(cols: &mut Cols<'_>) -> DbResult<Candidate> {
    Ok(Candidate {
        id: cols.id()?,
        org: cols.id()?,
        target: Target {
            project: cols.id()?,
            branch: cols.parsed()?,
        },
        state: cols.code()?,
        entries: cols.json()?,
        base: cols.opt_parsed()?,
        tip: cols.opt_parsed()?,
        tree: cols.opt_parsed()?,
        check_set: cols.parsed()?,
        live: cols.opt_id()?,
        lost: cols.opt_id()?,
        attempts: cols.int()?,
        stamp: cols.time()?,
        updated_at: cols.time()?,
    })
}

pub(crate) fn candidate(conn: &dyn Sql, id: CandidateId) -> DbResult<Option<Candidate>> {
    const SQL: &str = "SELECT id, org, project, branch, state, entries, base, tip, tree, \
        check_set, live, lost, attempts, stamp, updated_at FROM candidates WHERE id = ?1";
    first(conn, SQL, params![id], read_candidate)
}

pub(crate) fn live_candidate(conn: &dyn Sql, target: &Target) -> DbResult<Option<Candidate>> {
    const SQL: &str = "SELECT id, org, project, branch, state, entries, base, tip, tree, \
        check_set, live, lost, attempts, stamp, updated_at FROM candidates \
        WHERE project = ?1 AND branch = ?2 AND state < 3 ORDER BY seq LIMIT 1";
    first(
        conn,
        SQL,
        params![target.project, target.branch.as_str()],
        read_candidate,
    )
}

pub(crate) fn candidates_of(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<Candidate>> {
    const SQL: &str = "SELECT c.id, c.org, c.project, c.branch, c.state, c.entries, c.base, \
        c.tip, c.tree, c.check_set, c.live, c.lost, c.attempts, c.stamp, c.updated_at \
        FROM candidate_tasks t JOIN candidates c ON c.id = t.candidate \
        WHERE t.task = ?1 ORDER BY c.seq";
    let mut found = all(conn, SQL, params![task], read_candidate)?;
    // The table remembers every task that was ever in; a candidate may have dropped it since.
    found.retain(|candidate| candidate.entries.iter().any(|entry| entry.task == task));
    Ok(found)
}

pub(crate) fn insert_candidate(conn: &dyn Sql, candidate: &Candidate) -> DbResult<()> {
    const SQL: &str = "INSERT INTO candidates (id, project, branch, state, entries, base, tip, \
        tree, check_set, live, lost, attempts, stamp, updated_at, org) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    write_candidate(conn, SQL, candidate)?;
    Ok(())
}

pub(crate) fn put_candidate(conn: &dyn Sql, candidate: &Candidate) -> DbResult<()> {
    const SQL: &str = "UPDATE candidates SET project = ?2, branch = ?3, state = ?4, entries = ?5, \
        base = ?6, tip = ?7, tree = ?8, check_set = ?9, live = ?10, lost = ?11, attempts = ?12, \
        stamp = ?13, updated_at = ?14, org = ?15 WHERE id = ?1";
    match write_candidate(conn, SQL, candidate)? {
        0 => Err(DbError::Missing("candidate")),
        _ => Ok(()),
    }
}

fn write_candidate(conn: &dyn Sql, sql: &str, candidate: &Candidate) -> DbResult<u64> {
    const TASK: &str = "INSERT INTO candidate_tasks (task, candidate) VALUES (?1, ?2) \
        ON CONFLICT DO NOTHING";
    let changed = change(
        conn,
        sql,
        params![
            candidate.id,
            candidate.target.project,
            candidate.target.branch.as_str(),
            candidate.state.code(),
            json(&candidate.entries)?,
            opt_oid(candidate.base.as_ref()),
            opt_oid(candidate.tip.as_ref()),
            opt_oid(candidate.tree.as_ref()),
            candidate.check_set.as_str(),
            candidate.live,
            candidate.lost,
            candidate.attempts,
            candidate.stamp.as_millis(),
            candidate.updated_at.as_millis(),
            candidate.org,
        ],
    )?;
    for entry in &candidate.entries {
        change(conn, TASK, params![entry.task, candidate.id])?;
    }
    Ok(changed)
}

fn read_receipt(cols: &mut Cols<'_>) -> DbResult<Receipt> {
    Ok(Receipt {
        id: cols.id()?,
        project: cols.id()?,
        task: cols.id()?,
        attempt: cols.id()?,
        agent: cols.id()?,
        candidate: cols.opt_id()?,
        check: cols.text()?,
        command: cols.text()?,
        check_hash: cols.parsed()?,
        check_set: cols.parsed()?,
        commit: cols.parsed()?,
        tree: cols.parsed()?,
        exit_code: cols.int()?,
        passed: cols.flag()?,
        duration_ms: cols.int()?,
        log_offset: cols.int()?,
        log_len: cols.int()?,
        isolation: cols.code()?,
        at: cols.time()?,
    })
}

pub(crate) fn receipts_for_tree(
    conn: &dyn Sql,
    project: ProjectId,
    tree: &Oid,
) -> DbResult<Vec<Receipt>> {
    const SQL: &str = "SELECT id, project, task, attempt, agent, candidate, name, command, \
        check_hash, check_set, git_commit, tree, exit_code, passed, duration_ms, log_offset, \
        log_len, isolation, at FROM receipts WHERE project = ?1 AND tree = ?2 ORDER BY seq DESC";
    all(conn, SQL, params![project, tree.as_str()], read_receipt)
}

pub(crate) fn receipts(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<Receipt>> {
    const SQL: &str = "SELECT id, project, task, attempt, agent, candidate, name, command, \
        check_hash, check_set, git_commit, tree, exit_code, passed, duration_ms, log_offset, \
        log_len, isolation, at FROM receipts WHERE task = ?1 ORDER BY seq";
    all(conn, SQL, params![task], read_receipt)
}

pub(crate) fn insert_receipt(conn: &dyn Sql, receipt: &Receipt) -> DbResult<()> {
    const SQL: &str = "INSERT INTO receipts (id, project, task, attempt, agent, candidate, name, \
        command, check_hash, check_set, git_commit, tree, exit_code, passed, duration_ms, \
        log_offset, log_len, isolation, at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
        ?19)";
    change(
        conn,
        SQL,
        params![
            receipt.id,
            receipt.project,
            receipt.task,
            receipt.attempt,
            receipt.agent,
            receipt.candidate,
            receipt.check,
            receipt.command,
            receipt.check_hash.as_str(),
            receipt.check_set.as_str(),
            receipt.commit.as_str(),
            receipt.tree.as_str(),
            receipt.exit_code,
            receipt.passed,
            int(receipt.duration_ms),
            int(receipt.log_offset),
            int(receipt.log_len),
            receipt.isolation.code(),
            receipt.at.as_millis(),
        ],
    )?;
    Ok(())
}
