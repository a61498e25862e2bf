//! Orgs, projects, tokens, remembered answers and settings.

use super::{Sql, params};
use devlab_core::auth::Token;
use devlab_core::check::Sha256Hex;
use devlab_core::name::Name;
use devlab_core::org::{Org, Project};
use devlab_core::server::Home;
use devlab_core::tx::{Page, Remembered};
use devlab_core::{Oid, OrgId, ProjectId, RefName, Timestamp, TokenId};

use super::codec::{Code, Cols, int};
use super::error::{DbError, DbResult};
use super::rows::{above, all, below, change, first};

/// Columns of an org, as [`read_org`] takes them.
pub(crate) const ORG: &str = "id, name, retention, created_at";

pub(crate) fn read_org(cols: &mut Cols<'_>) -> DbResult<Org> {
    Ok(Org {
        id: cols.id()?,
        name: cols.parsed()?,
        retention: cols.opt_parsed()?,
        created_at: cols.time()?,
    })
}

pub(crate) fn org(conn: &dyn Sql, id: OrgId) -> DbResult<Option<Org>> {
    let sql = format!("SELECT {ORG} FROM orgs WHERE id = ?1");
    first(conn, &sql, params![id], read_org)
}

pub(crate) fn org_by_name(conn: &dyn Sql, name: &Name) -> DbResult<Option<Org>> {
    let sql = format!("SELECT {ORG} FROM orgs WHERE name = ?1");
    first(conn, &sql, params![name.as_str()], read_org)
}

pub(crate) fn orgs(conn: &dyn Sql, only: Option<OrgId>, page: Page) -> DbResult<Vec<Org>> {
    let sql = format!(
        "SELECT {ORG} FROM orgs WHERE id > ?1 AND (id = ?3 OR ?3 IS NULL) ORDER BY id LIMIT ?2"
    );
    all(
        conn,
        &sql,
        params![above(page.after), page.limit, only],
        read_org,
    )
}

pub(crate) fn insert_org(conn: &dyn Sql, org: &Org) -> DbResult<()> {
    const SQL: &str = "INSERT INTO orgs (id, name, retention, created_at) VALUES (?1, ?2, ?3, ?4)";
    let retention = org.retention.map(|kept| kept.to_string());
    change(
        conn,
        SQL,
        params![
            org.id,
            org.name.as_str(),
            retention,
            org.created_at.as_millis()
        ],
    )?;
    Ok(())
}

pub(crate) fn put_org(conn: &dyn Sql, org: &Org) -> DbResult<()> {
    const SQL: &str = "UPDATE orgs SET name = ?2, retention = ?3 WHERE id = ?1";
    let retention = org.retention.map(|kept| kept.to_string());
    let changed = change(conn, SQL, params![org.id, org.name.as_str(), retention])?;
    match changed {
        0 => Err(DbError::Missing("org")),
        _ => Ok(()),
    }
}

/// Columns of a project, as [`read_project`] takes them.
pub(crate) const PROJECT: &str = "id, org, name, default_branch, upstream, archived, created_at, \
    home, home_epoch, moving_to";

pub(crate) fn read_project(cols: &mut Cols<'_>) -> DbResult<Project> {
    Ok(Project {
        id: cols.id()?,
        org: cols.id()?,
        name: cols.parsed()?,
        default_branch: cols.parsed()?,
        upstream: cols.opt_text()?,
        archived: cols.flag()?,
        created_at: cols.time()?,
        home: Home {
            server: cols.opt_id()?,
            epoch: cols.int()?,
            moving_to: cols.opt_id()?,
        },
    })
}

pub(crate) fn project(conn: &dyn Sql, id: ProjectId) -> DbResult<Option<Project>> {
    let sql = format!("SELECT {PROJECT} FROM projects WHERE id = ?1");
    first(conn, &sql, params![id], read_project)
}

pub(crate) fn project_by_name(
    conn: &dyn Sql,
    org: OrgId,
    name: &Name,
) -> DbResult<Option<Project>> {
    let sql = format!("SELECT {PROJECT} FROM projects WHERE org = ?1 AND name = ?2");
    first(conn, &sql, params![org, name.as_str()], read_project)
}

pub(crate) fn projects(conn: &dyn Sql, org: Option<OrgId>, page: Page) -> DbResult<Vec<Project>> {
    let after = below(page.after);
    let sql = |ours: &str| {
        format!("SELECT {PROJECT} FROM projects WHERE id < ?1{ours} ORDER BY id DESC LIMIT ?2")
    };
    match org {
        Some(org) => {
            let of_org = params![after, page.limit, org];
            all(conn, &sql(" AND org = ?3"), of_org, read_project)
        }
        None => all(conn, &sql(""), params![after, page.limit], read_project),
    }
}

pub(crate) fn insert_project(conn: &dyn Sql, project: &Project) -> DbResult<()> {
    const SQL: &str = "INSERT INTO projects \
        (id, name, default_branch, upstream, archived, home, home_epoch, moving_to, org, \
        created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    change(
        conn,
        SQL,
        params![
            project.id,
            project.name.as_str(),
            project.default_branch.as_str(),
            project.upstream,
            project.archived,
            project.home.server,
            int(project.home.epoch),
            project.home.moving_to,
            project.org,
            project.created_at.as_millis(),
        ],
    )?;
    Ok(())
}

pub(crate) fn put_project(conn: &dyn Sql, project: &Project) -> DbResult<()> {
    const SQL: &str = "UPDATE projects SET name = ?2, default_branch = ?3, upstream = ?4, \
        archived = ?5, home = ?6, home_epoch = ?7, moving_to = ?8 WHERE id = ?1";
    let changed = change(
        conn,
        SQL,
        params![
            project.id,
            project.name.as_str(),
            project.default_branch.as_str(),
            project.upstream,
            project.archived,
            project.home.server,
            int(project.home.epoch),
            project.home.moving_to,
        ],
    )?;
    match changed {
        0 => Err(DbError::Missing("project")),
        _ => Ok(()),
    }
}

pub(crate) fn branch_head(
    conn: &dyn Sql,
    project: ProjectId,
    branch: &RefName,
) -> DbResult<Option<Oid>> {
    const SQL: &str = "SELECT head FROM branch_heads WHERE project = ?1 AND branch = ?2";
    first(conn, SQL, params![project, branch.as_str()], |cols| {
        cols.parsed()
    })
}

pub(crate) fn set_branch_head(
    conn: &dyn Sql,
    project: ProjectId,
    branch: &RefName,
    head: Option<&Oid>,
) -> DbResult<()> {
    const SET: &str = "INSERT INTO branch_heads (project, branch, head) VALUES (?1, ?2, ?3) \
        ON CONFLICT (project, branch) DO UPDATE SET head = excluded.head";
    const UNSET: &str = "DELETE FROM branch_heads WHERE project = ?1 AND branch = ?2";
    match head {
        Some(head) => change(conn, SET, params![project, branch.as_str(), head.as_str()])?,
        None => change(conn, UNSET, params![project, branch.as_str()])?,
    };
    Ok(())
}

fn read_token(cols: &mut Cols<'_>) -> DbResult<Token> {
    Ok(Token {
        id: cols.id()?,
        hash: cols.parsed()?,
        role: cols.code()?,
        org: cols.opt_id()?,
        note: cols.text()?,
        expires_at: cols.opt_time()?,
        revoked_at: cols.opt_time()?,
        created_at: cols.time()?,
    })
}

pub(crate) fn token_by_hash(conn: &dyn Sql, hash: &Sha256Hex) -> DbResult<Option<Token>> {
    const SQL: &str = "SELECT id, hash, role, org, note, expires_at, revoked_at, created_at \
        FROM tokens WHERE hash = ?1";
    first(conn, SQL, params![hash.as_str()], read_token)
}

pub(crate) fn token(conn: &dyn Sql, id: TokenId) -> DbResult<Option<Token>> {
    const SQL: &str = "SELECT id, hash, role, org, note, expires_at, revoked_at, created_at \
        FROM tokens WHERE id = ?1";
    first(conn, SQL, params![id], read_token)
}

pub(crate) fn tokens(conn: &dyn Sql, org: Option<OrgId>, page: Page) -> DbResult<Vec<Token>> {
    const ALL: &str = "SELECT id, hash, role, org, note, expires_at, revoked_at, created_at \
        FROM tokens WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    const OF_ORG: &str = "SELECT id, hash, role, org, note, expires_at, revoked_at, created_at \
        FROM tokens WHERE id < ?1 AND org = ?3 ORDER BY id DESC LIMIT ?2";
    let after = below(page.after);
    match org {
        Some(org) => all(conn, OF_ORG, params![after, page.limit, org], read_token),
        None => all(conn, ALL, params![after, page.limit], read_token),
    }
}

pub(crate) fn put_token(conn: &dyn Sql, token: &Token) -> DbResult<()> {
    const SQL: &str = "INSERT INTO tokens \
        (id, hash, role, org, note, expires_at, revoked_at, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
        ON CONFLICT (id) DO UPDATE SET hash = ?2, role = ?3, org = ?4, note = ?5, \
        expires_at = ?6, revoked_at = ?7";
    change(
        conn,
        SQL,
        params![
            token.id,
            token.hash.as_str(),
            token.role.code(),
            token.org,
            token.note,
            token.expires_at.map(Timestamp::as_millis),
            token.revoked_at.map(Timestamp::as_millis),
            token.created_at.as_millis(),
        ],
    )?;
    Ok(())
}

pub(crate) fn remembered(
    conn: &dyn Sql,
    key: &str,
    now: Timestamp,
) -> DbResult<Option<Remembered>> {
    const SQL: &str = "SELECT body, status, answer, expires_at FROM remembered \
        WHERE key = ?1 AND expires_at > ?2";
    first(conn, SQL, params![key, now.as_millis()], |cols| {
        Ok(Remembered {
            body: cols.parsed()?,
            status: cols.int()?,
            answer: cols.text()?,
            expires_at: cols.time()?,
        })
    })
}

pub(crate) fn remember(conn: &dyn Sql, key: &str, answer: &Remembered) -> DbResult<()> {
    const SQL: &str = "INSERT INTO remembered (key, body, status, answer, expires_at) \
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO UPDATE SET body = excluded.body, \
        status = excluded.status, answer = excluded.answer, expires_at = excluded.expires_at";
    change(
        conn,
        SQL,
        params![
            key,
            answer.body.as_str(),
            answer.status,
            answer.answer,
            answer.expires_at.as_millis(),
        ],
    )?;
    Ok(())
}

pub(crate) fn forget_expired(conn: &dyn Sql, now: Timestamp, limit: u32) -> DbResult<u64> {
    const SQL: &str = "DELETE FROM remembered WHERE key IN \
        (SELECT key FROM remembered WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
    change(conn, SQL, params![now.as_millis(), limit])
}

pub(crate) fn setting(conn: &dyn Sql, key: &str) -> DbResult<Option<String>> {
    first(
        conn,
        "SELECT value FROM settings WHERE key = ?1",
        params![key],
        |cols| cols.text(),
    )
}

pub(crate) fn put_setting(conn: &dyn Sql, key: &str, value: &str) -> DbResult<()> {
    const SQL: &str = "INSERT INTO settings (key, value) VALUES (?1, ?2) \
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    change(conn, SQL, params![key, value])?;
    Ok(())
}
