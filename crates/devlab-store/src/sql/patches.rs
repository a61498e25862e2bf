//! Patches and what is said of them.

use super::{Param, Sql, params};
use devlab_core::patch::{Patch, PatchComment, PatchState};
use devlab_core::tx::Page;
use devlab_core::{OrgId, PatchId, ProjectId, ServerId, TaskId};

use super::codec::{Code, Cols};
use super::error::{DbError, DbResult};
use super::rows::{Conditions, all, below, change, first};

/// Columns of a patch, as [`read_patch`] takes them.
const COLUMNS: &str = "id, org, project, task, title, description, target, base, head, files, \
    added, removed, state, created_at, updated_at, told, told_remarks";

fn read_patch(cols: &mut Cols<'_>) -> DbResult<Patch> {
    Ok(Patch {
        id: cols.id()?,
        org: cols.id()?,
        project: cols.id()?,
        task: cols.id()?,
        title: cols.text()?,
        description: cols.text()?,
        target: cols.parsed()?,
        base: cols.parsed()?,
        head: cols.parsed()?,
        files: cols.int()?,
        added: cols.int()?,
        removed: cols.int()?,
        state: cols.code()?,
        created_at: cols.time()?,
        updated_at: cols.time()?,
        told: cols.flag()?,
        told_remarks: cols.int()?,
    })
}

pub(crate) fn get(conn: &dyn Sql, id: PatchId) -> DbResult<Option<Patch>> {
    let sql = format!("SELECT {COLUMNS} FROM patches WHERE id = ?1");
    first(conn, &sql, params![id], read_patch)
}

/// The newest, should there ever be several.
pub(crate) fn of_task(conn: &dyn Sql, task: TaskId) -> DbResult<Option<Patch>> {
    let sql = format!("SELECT {COLUMNS} FROM patches WHERE task = ?1 ORDER BY id DESC LIMIT 1");
    first(conn, &sql, params![task], read_patch)
}

pub(crate) fn list(
    conn: &dyn Sql,
    org: Option<OrgId>,
    project: Option<ProjectId>,
    state: Option<PatchState>,
    page: Page,
) -> DbResult<Vec<Patch>> {
    let mut list = Conditions::new(
        &format!("SELECT {COLUMNS} FROM patches WHERE id < ?"),
        Param::Id(below(page.after)),
    );
    if let Some(org) = org {
        list.and("org = ?", Param::Id(org.bytes()));
    }
    if let Some(project) = project {
        list.and("project = ?", Param::Id(project.bytes()));
    }
    if let Some(state) = state {
        list.and("state = ?", Param::Int(state.code()));
    }
    list.more(
        " ORDER BY id DESC LIMIT ?",
        Param::Int(i64::from(page.limit)),
    );
    all(conn, list.sql(), list.params(), read_patch)
}

pub(crate) fn untold(conn: &dyn Sql, home: ServerId, limit: u32) -> DbResult<Vec<Patch>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM patches WHERE told = {} \
         AND project IN (SELECT id FROM projects WHERE home = ?2) ORDER BY id LIMIT ?1",
        conn.dialect().no()
    );
    all(conn, &sql, params![limit, home], read_patch)
}

pub(crate) fn put(conn: &dyn Sql, patch: &Patch) -> DbResult<()> {
    const SQL: &str = "INSERT INTO patches (id, org, project, task, title, description, target, \
        base, head, files, added, removed, state, created_at, updated_at, told, told_remarks) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
        ON CONFLICT (id) DO UPDATE SET title = ?5, description = ?6, target = ?7, base = ?8, \
        head = ?9, files = ?10, added = ?11, removed = ?12, state = ?13, \
        updated_at = ?15, told = ?16, told_remarks = ?17";
    change(
        conn,
        SQL,
        params![
            patch.id,
            patch.org,
            patch.project,
            patch.task,
            patch.title,
            patch.description,
            patch.target.as_str(),
            patch.base.as_str(),
            patch.head.as_str(),
            patch.files,
            patch.added,
            patch.removed,
            patch.state.code(),
            patch.created_at.as_millis(),
            patch.updated_at.as_millis(),
            patch.told,
            patch.told_remarks,
        ],
    )?;
    Ok(())
}

pub(crate) fn comments(conn: &dyn Sql, patch: PatchId) -> DbResult<Vec<PatchComment>> {
    const SQL: &str = "SELECT patch, number, author, head, body, verdict, at \
        FROM patch_comments WHERE patch = ?1 ORDER BY number";
    all(conn, SQL, params![patch], |cols| {
        Ok(PatchComment {
            patch: cols.id()?,
            number: cols.int()?,
            author: cols.text()?,
            head: cols.parsed()?,
            body: cols.text()?,
            verdict: cols.opt_code()?,
            at: cols.time()?,
        })
    })
}

pub(crate) fn add_comment(conn: &dyn Sql, comment: &PatchComment) -> DbResult<u32> {
    const SQL: &str = "INSERT INTO patch_comments (patch, number, author, head, body, verdict, at) \
        SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6 \
        FROM patch_comments WHERE patch = ?1 RETURNING number";
    let number = first(
        conn,
        SQL,
        params![
            comment.patch,
            comment.author,
            comment.head.as_str(),
            comment.body,
            comment.verdict.map(Code::code),
            comment.at.as_millis(),
        ],
        |cols| cols.int(),
    )?;
    number.ok_or_else(|| DbError::Damaged("patch_comments.number".into()))
}
