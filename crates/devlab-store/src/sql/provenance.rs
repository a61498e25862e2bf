//! Keys of orgs, and goals without a provenance.

use devlab_core::provenance::{OrgKey, SecretKey};
use devlab_core::{OrgId, ProjectId, ServerId, TaskId};

use super::codec::{Cols, json};
use super::error::DbResult;
use super::rows::{all, change};
use super::{Sql, params};

fn read_key(cols: &mut Cols<'_>) -> DbResult<OrgKey> {
    Ok(OrgKey {
        org: cols.id()?,
        number: cols.int()?,
        public: cols.parsed()?,
        secret: cols.opt_parsed::<SecretKey>()?,
        rotation: cols.opt_json()?,
        created_at: cols.time()?,
    })
}

pub(crate) fn keys(conn: &dyn Sql, org: OrgId) -> DbResult<Vec<OrgKey>> {
    const SQL: &str = "SELECT k.org, k.number, k.public, s.secret, k.rotation, k.created_at \
        FROM org_keys k LEFT JOIN org_secrets s ON s.org = k.org AND s.number = k.number \
        WHERE k.org = ?1 ORDER BY k.number";
    all(conn, SQL, params![org], read_key)
}

pub(crate) fn insert_key(conn: &dyn Sql, key: &OrgKey) -> DbResult<()> {
    const KEY: &str = "INSERT INTO org_keys (org, number, public, rotation, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5)";
    const SECRET: &str = "INSERT INTO org_secrets (org, number, secret) VALUES (?1, ?2, ?3)";
    let rotation = key.rotation.as_ref().map(json).transpose()?;
    change(
        conn,
        KEY,
        params![
            key.org,
            key.number,
            key.public.to_string(),
            rotation,
            key.created_at.as_millis(),
        ],
    )?;
    if let Some(secret) = &key.secret {
        change(conn, SECRET, params![key.org, key.number, secret.reveal()])?;
    }
    Ok(())
}

pub(crate) fn unattested(conn: &dyn Sql, home: ServerId, limit: u32) -> DbResult<Vec<TaskId>> {
    const SQL: &str = "SELECT u.goal FROM unattested u JOIN tasks t ON t.id = u.goal \
        JOIN projects p ON p.id = t.project WHERE p.home = ?2 AND p.moving_to IS NULL \
        ORDER BY u.goal LIMIT ?1";
    all(conn, SQL, params![limit, home], |cols| cols.id())
}

pub(crate) fn put_unattested(conn: &dyn Sql, goal: TaskId) -> DbResult<()> {
    const SQL: &str = "INSERT INTO unattested (goal) VALUES (?1) ON CONFLICT DO NOTHING";
    change(conn, SQL, params![goal])?;
    Ok(())
}

pub(crate) fn put_all_unattested(conn: &dyn Sql, project: ProjectId) -> DbResult<()> {
    const SQL: &str = "INSERT INTO unattested (goal) SELECT id FROM tasks \
        WHERE project = ?1 AND parent IS NULL AND published IS NOT NULL ON CONFLICT DO NOTHING";
    change(conn, SQL, params![project])?;
    Ok(())
}

pub(crate) fn delete_unattested(conn: &dyn Sql, goal: TaskId) -> DbResult<()> {
    change(
        conn,
        "DELETE FROM unattested WHERE goal = ?1",
        params![goal],
    )?;
    Ok(())
}
