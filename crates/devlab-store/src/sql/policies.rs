//! Policies, what tasks were promised, counters of limits, and what is asked of people.

use devlab_core::ask::{Ask, AskAnswer};
use devlab_core::check::Sha256Hex;
use devlab_core::limit::{LimitKey, Slots};
use devlab_core::policy::{Level, PolicyRevision, Terms};
use devlab_core::{Oid, OrgId, TaskId};

use super::codec::{Code, Cols, decode_level, json, level_code, opt_id, opt_oid};
use super::error::{DbError, DbResult};
use super::rows::{all, change, first};
use super::{Param, Sql, params};

pub(crate) fn read_policy(cols: &mut Cols<'_>) -> DbResult<PolicyRevision> {
    Ok(PolicyRevision {
        level: decode_level(cols.int()?, cols.id::<devlab_core::id::kind::Org>()?.uuid())?,
        org: cols.id()?,
        number: cols.int()?,
        policy: cols.json()?,
        by: cols.text()?,
        why: cols.text()?,
        at: cols.time()?,
    })
}

/// Those of these levels that have one, in their order.
pub(crate) fn in_order(levels: &[Level], found: Vec<PolicyRevision>) -> Vec<PolicyRevision> {
    let place = |revision: &PolicyRevision| levels.iter().position(|l| *l == revision.level);
    let mut found = found;
    found.sort_by_key(place);
    found
}

pub(crate) fn latest(conn: &dyn Sql, levels: &[Level]) -> DbResult<Vec<PolicyRevision>> {
    const SQL: &str = "SELECT kind, level, org, number, policy, set_by, why, at FROM policies \
        WHERE level IN (?1, ?2, ?3) AND latest = 1";
    let mut found = Vec::new();
    for some in levels.chunks(3) {
        // One that is asked for twice is found once.
        let id = |i: usize| Param::Id(some.get(i).unwrap_or(&some[0]).uuid().into_bytes());
        found.extend(all(conn, SQL, &[id(0), id(1), id(2)], read_policy)?);
    }
    Ok(in_order(levels, found))
}

pub(crate) fn history(conn: &dyn Sql, level: Level) -> DbResult<Vec<PolicyRevision>> {
    const SQL: &str = "SELECT kind, level, org, number, policy, set_by, why, at FROM policies \
        WHERE level = ?1 ORDER BY number DESC";
    let level = Param::Id(level.uuid().into_bytes());
    all(conn, SQL, &[level], read_policy)
}

pub(crate) fn insert(conn: &dyn Sql, revision: &PolicyRevision) -> DbResult<()> {
    const OLD: &str = "UPDATE policies SET latest = 0 WHERE level = ?1 AND latest = 1";
    const NEW: &str = "INSERT INTO policies (level, number, kind, org, policy, set_by, why, at, \
        latest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)";
    let level = Param::Id(revision.level.uuid().into_bytes());
    change(conn, OLD, &[level])?;
    change(
        conn,
        NEW,
        params![
            level,
            revision.number,
            level_code(revision.level),
            revision.org,
            json(&revision.policy)?,
            revision.by,
            revision.why,
            revision.at.as_millis(),
        ],
    )?;
    Ok(())
}

pub(crate) fn terms(conn: &dyn Sql, hash: &Sha256Hex) -> DbResult<Option<Terms>> {
    const SQL: &str = "SELECT body FROM terms WHERE hash = ?1";
    first(conn, SQL, params![hash.as_str()], |cols| cols.json())
}

pub(crate) fn put_terms(conn: &dyn Sql, terms: &Terms) -> DbResult<()> {
    const SQL: &str = "INSERT INTO terms (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    change(conn, SQL, params![terms.hash().as_str(), json(terms)?])?;
    Ok(())
}

fn read_slots(cols: &mut Cols<'_>) -> DbResult<Slots> {
    Ok(Slots {
        used: cols.int()?,
        most: match cols.opt_int()? {
            None => None,
            Some(most) => {
                Some(u32::try_from(most).map_err(|_| DbError::Damaged("limits.most".into()))?)
            }
        },
    })
}

/// Name, then the counter.
pub(crate) fn read_limit(cols: &mut Cols<'_>) -> DbResult<(LimitKey, Slots)> {
    Ok((cols.parsed()?, read_slots(cols)?))
}

pub(crate) fn limits(conn: &dyn Sql, org: OrgId) -> DbResult<Vec<(LimitKey, Slots)>> {
    const SQL: &str = "SELECT name, used, most FROM limits WHERE org = ?1";
    let mut found = all(conn, SQL, params![org], read_limit)?;
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

pub(crate) fn limit(conn: &dyn Sql, org: OrgId, key: &LimitKey) -> DbResult<Option<Slots>> {
    const SQL: &str = "SELECT used, most FROM limits WHERE org = ?1 AND name = ?2";
    first(conn, SQL, params![org, key.to_string()], read_slots)
}

pub(crate) fn put_limit(
    conn: &dyn Sql,
    org: OrgId,
    key: &LimitKey,
    slots: Option<Slots>,
) -> DbResult<()> {
    const PUT: &str = "INSERT INTO limits (org, name, used, most) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (org, name) DO UPDATE SET used = excluded.used, most = excluded.most";
    const DELETE: &str = "DELETE FROM limits WHERE org = ?1 AND name = ?2";
    let name = key.to_string();
    match slots {
        Some(slots) => change(
            conn,
            PUT,
            params![org, name, slots.used, slots.most.map(i64::from)],
        )?,
        None => change(conn, DELETE, params![org, name])?,
    };
    Ok(())
}

fn read_ask(cols: &mut Cols<'_>) -> DbResult<Ask> {
    let mut ask = Ask {
        task: cols.id()?,
        number: cols.int()?,
        kind: cols.code()?,
        attempt: cols.opt_id()?,
        head: cols.opt_parsed::<Oid>()?,
        text: cols.text()?,
        asked_at: cols.time()?,
        choices: Vec::new(),
        answer: None,
    };
    let (text, by, at) = (cols.opt_text()?, cols.opt_text()?, cols.opt_time()?);
    if let (Some(text), Some(by), Some(at)) = (text, by, at) {
        ask.answer = Some(AskAnswer { by, at, text });
    }
    ask.choices = cols.opt_json()?.unwrap_or_default();
    Ok(ask)
}

pub(crate) fn asks(conn: &dyn Sql, task: TaskId) -> DbResult<Vec<Ask>> {
    const SQL: &str = "SELECT task, number, kind, attempt, head, words, asked_at, answer, \
        answered_by, answered_at, choices FROM asks WHERE task = ?1 ORDER BY number";
    all(conn, SQL, params![task], read_ask)
}

pub(crate) fn put_ask(conn: &dyn Sql, ask: &Ask) -> DbResult<()> {
    const SQL: &str = "INSERT INTO asks (task, number, kind, attempt, head, words, asked_at, \
        answer, answered_by, answered_at, choices) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
        ON CONFLICT (task, number) DO UPDATE SET answer = excluded.answer, \
        answered_by = excluded.answered_by, answered_at = excluded.answered_at";
    let answer = ask.answer.as_ref();
    let choices = match ask.choices.is_empty() {
        true => None,
        false => Some(json(&ask.choices)?),
    };
    change(
        conn,
        SQL,
        params![
            ask.task,
            ask.number,
            ask.kind.code(),
            opt_id(ask.attempt),
            opt_oid(ask.head.as_ref()),
            ask.text,
            ask.asked_at.as_millis(),
            answer.map(|answer| answer.text.as_str()),
            answer.map(|answer| answer.by.as_str()),
            answer.map(|answer| answer.at.as_millis()),
            choices,
        ],
    )?;
    Ok(())
}
