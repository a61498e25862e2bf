//! Templates of goals, and what started them.

use devlab_core::template::{Firing, Outcome, ReadTemplates, Template, WriteTemplates};
use devlab_core::tx::Page;
use devlab_core::{OrgId, Result, ServerId, TaskId, TemplateId, Timestamp};

use super::codec::{Cols, json, opt_id, opt_text, opt_time};
use super::error::{DbError, DbResult};
use super::rows::{all, below, change, first};
use super::{Param, Session, Sql, params};

fn read_template(cols: &mut Cols<'_>) -> DbResult<Template> {
    Ok(Template {
        id: cols.id()?,
        org: cols.id()?,
        name: cols.parsed()?,
        project: cols.opt_id()?,
        goal: cols.json()?,
        trigger: cols.json()?,
        enabled: cols.flag()?,
        next_at: cols.opt_time()?,
        secret: cols.int()?,
        by: cols.text()?,
        created_at: cols.time()?,
    })
}

fn template(conn: &dyn Sql, id: TemplateId) -> DbResult<Option<Template>> {
    const SQL: &str = "SELECT id, org, name, project, goal, starts, enabled, next_at, secret, \
        made_by, created_at FROM templates WHERE id = ?1";
    first(conn, SQL, params![id], read_template)
}

fn templates(conn: &dyn Sql, org: Option<OrgId>, page: Page) -> DbResult<Vec<Template>> {
    const ALL: &str = "SELECT id, org, name, project, goal, starts, enabled, next_at, secret, \
        made_by, created_at FROM templates WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    const OF: &str = "SELECT id, org, name, project, goal, starts, enabled, next_at, secret, \
        made_by, created_at FROM templates WHERE id < ?1 AND org = ?3 ORDER BY id DESC LIMIT ?2";
    let after = Param::Id(below(page.after));
    match org {
        None => all(conn, ALL, params![after, page.limit], read_template),
        Some(org) => all(conn, OF, params![after, page.limit, org], read_template),
    }
}

fn due(conn: &dyn Sql, now: Timestamp, limit: u32) -> DbResult<Vec<TemplateId>> {
    const SQL: &str = "SELECT id FROM templates WHERE next_at IS NOT NULL AND next_at <= ?1 \
        ORDER BY next_at, id LIMIT ?2";
    all(conn, SQL, params![now.as_millis(), limit], |cols| cols.id())
}

fn put_template(conn: &dyn Sql, template: &Template) -> DbResult<()> {
    const SQL: &str = "INSERT INTO templates (id, org, name, project, goal, starts, enabled, \
        next_at, secret, made_by, created_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, goal = excluded.goal, \
        starts = excluded.starts, enabled = excluded.enabled, next_at = excluded.next_at, \
        secret = excluded.secret";
    change(
        conn,
        SQL,
        params![
            template.id,
            template.org,
            template.name.as_str(),
            opt_id(template.project),
            json(&template.goal)?,
            json(&template.trigger)?,
            template.enabled,
            opt_time(template.next_at),
            template.secret,
            template.by,
            template.created_at.as_millis(),
        ],
    )?;
    Ok(())
}

fn delete_template(conn: &dyn Sql, id: TemplateId) -> DbResult<()> {
    change(conn, "DELETE FROM firings WHERE template = ?1", params![id])?;
    change(conn, "DELETE FROM templates WHERE id = ?1", params![id])?;
    Ok(())
}

fn read_firing(cols: &mut Cols<'_>) -> DbResult<Firing> {
    let mut firing = Firing {
        template: cols.id()?,
        key: cols.text()?,
        at: cols.time()?,
        delivery: cols.opt_text()?,
        values: cols.json()?,
        outcome: None,
    };
    firing.outcome = match (cols.opt_id()?, cols.opt_text()?) {
        (Some(goal), None) => Some(Outcome::Goal(goal)),
        (None, Some(reason)) => Some(Outcome::None(reason)),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(DbError::Damaged("firings.reason".into())),
    };
    Ok(firing)
}

fn firing(conn: &dyn Sql, template: TemplateId, key: &str) -> DbResult<Option<Firing>> {
    const SQL: &str = "SELECT template, key, at, delivery, filled, goal, reason FROM firings \
        WHERE template = ?1 AND key = ?2";
    first(conn, SQL, params![template, key], read_firing)
}

fn has_delivery(conn: &dyn Sql, template: TemplateId, delivery: &str) -> DbResult<bool> {
    const SQL: &str = "SELECT at FROM firings WHERE template = ?1 AND delivery = ?2 LIMIT 1";
    let found = first(conn, SQL, params![template, delivery], |cols| cols.time())?;
    Ok(found.is_some())
}

fn firings(conn: &dyn Sql, template: TemplateId, limit: u32) -> DbResult<Vec<Firing>> {
    const SQL: &str = "SELECT template, key, at, delivery, filled, goal, reason FROM firings \
        WHERE template = ?1 ORDER BY at DESC, key DESC LIMIT ?2";
    all(conn, SQL, params![template, limit], read_firing)
}

fn last_goal(conn: &dyn Sql, template: TemplateId) -> DbResult<Option<TaskId>> {
    const SQL: &str = "SELECT goal FROM firings WHERE template = ?1 AND goal IS NOT NULL \
        ORDER BY at DESC, key DESC LIMIT 1";
    first(conn, SQL, params![template], |cols| cols.id())
}

fn count(conn: &dyn Sql, template: TemplateId, since: Timestamp) -> DbResult<(u64, u64)> {
    const PENDING: &str = "SELECT count(*) FROM firings WHERE template = ?1 \
        AND goal IS NULL AND reason IS NULL";
    const SINCE: &str = "SELECT count(*) FROM firings WHERE template = ?1 AND at > ?2";
    let pending = first(conn, PENDING, params![template], |cols| cols.int())?;
    let since = since.as_millis();
    let lately = first(conn, SINCE, params![template, since], |cols| cols.int())?;
    Ok((pending.unwrap_or(0), lately.unwrap_or(0)))
}

fn pending(conn: &dyn Sql, home: Option<ServerId>, limit: u32) -> DbResult<Vec<Firing>> {
    const ANYWHERE: &str = "SELECT f.template, f.key, f.at, f.delivery, f.filled, f.goal, f.reason \
        FROM firings f JOIN templates t ON t.id = f.template \
        WHERE f.goal IS NULL AND f.reason IS NULL AND t.project IS NULL \
        ORDER BY f.at, f.template, f.key LIMIT ?1";
    const AT: &str = "SELECT f.template, f.key, f.at, f.delivery, f.filled, f.goal, f.reason \
        FROM firings f JOIN templates t ON t.id = f.template \
        JOIN projects p ON p.id = t.project \
        WHERE f.goal IS NULL AND f.reason IS NULL AND p.home = ?2 AND p.moving_to IS NULL \
        ORDER BY f.at, f.template, f.key LIMIT ?1";
    match home {
        None => all(conn, ANYWHERE, params![limit], read_firing),
        Some(home) => all(conn, AT, params![limit, home], read_firing),
    }
}

fn put_firing(conn: &dyn Sql, firing: &Firing) -> DbResult<()> {
    const SQL: &str = "INSERT INTO firings (template, key, at, delivery, filled, goal, reason) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
        ON CONFLICT (template, key) DO UPDATE SET goal = excluded.goal, reason = excluded.reason";
    let (goal, reason) = match &firing.outcome {
        Some(Outcome::Goal(goal)) => (Some(*goal), None),
        Some(Outcome::None(reason)) => (None, Some(reason.as_str())),
        None => (None, None),
    };
    change(
        conn,
        SQL,
        params![
            firing.template,
            firing.key,
            firing.at.as_millis(),
            opt_text(firing.delivery.as_deref()),
            json(&firing.values)?,
            opt_id(goal),
            opt_text(reason),
        ],
    )?;
    Ok(())
}

fn forget(conn: &dyn Sql, template: TemplateId, before: Timestamp) -> DbResult<()> {
    const LAST: &str = "SELECT at FROM firings WHERE template = ?1 AND goal IS NOT NULL \
        ORDER BY at DESC LIMIT 1";
    const SQL: &str = "DELETE FROM firings WHERE template = ?1 AND at < ?2 \
        AND (goal IS NOT NULL OR reason IS NOT NULL)";
    let last = first(conn, LAST, params![template], |cols| cols.time())?;
    let before = last.map_or(before, |last| last.min(before));
    change(conn, SQL, params![template, before.as_millis()])?;
    Ok(())
}

impl ReadTemplates for Session<'_> {
    fn template(&mut self, id: TemplateId) -> Result<Option<Template>> {
        self.look(|conn| template(conn, id))
    }
    fn templates(&mut self, org: Option<OrgId>, page: Page) -> Result<Vec<Template>> {
        self.look(|conn| templates(conn, org, page))
    }
    fn due_templates(&mut self, now: Timestamp, limit: u32) -> Result<Vec<TemplateId>> {
        self.look(|conn| due(conn, now, limit))
    }
    fn firing(&mut self, template: TemplateId, key: &str) -> Result<Option<Firing>> {
        self.look(|conn| firing(conn, template, key))
    }
    fn has_delivery(&mut self, template: TemplateId, delivery: &str) -> Result<bool> {
        self.look(|conn| has_delivery(conn, template, delivery))
    }
    fn firings(&mut self, template: TemplateId, limit: u32) -> Result<Vec<Firing>> {
        self.look(|conn| firings(conn, template, limit))
    }
    fn last_goal(&mut self, template: TemplateId) -> Result<Option<TaskId>> {
        self.look(|conn| last_goal(conn, template))
    }
    fn count_firings(&mut self, template: TemplateId, since: Timestamp) -> Result<(u64, u64)> {
        self.look(|conn| count(conn, template, since))
    }
    fn pending_firings(&mut self, home: Option<ServerId>, limit: u32) -> Result<Vec<Firing>> {
        self.look(|conn| pending(conn, home, limit))
    }
}

impl WriteTemplates for Session<'_> {
    fn put_template(&mut self, template: &Template) -> Result<()> {
        self.change(|conn| put_template(conn, template))
    }
    fn delete_template(&mut self, id: TemplateId) -> Result<()> {
        self.change(|conn| delete_template(conn, id))
    }
    fn put_firing(&mut self, firing: &Firing) -> Result<()> {
        self.change(|conn| put_firing(conn, firing))
    }
    fn forget_firings(&mut self, template: TemplateId, before: Timestamp) -> Result<()> {
        self.change(|conn| forget(conn, template, before))
    }
}
