//! Records to tables.

use std::collections::BTreeMap;

use devlab_core::attempt::AttemptState;
use devlab_core::{OrgId, Refusal, StorageError};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::forms::{self, Form, Space, Value};
use super::kinds::{CAME_LATER, NOT_DUMPED, TABLES, Table};
use crate::dump::{COUNTERS, Counts, Loading, Source, bad_record, not_read};
use crate::sql::codec::Code;
use crate::sql::error::{DbError, DbResult};
use crate::sql::rows::{change, first};
use crate::sql::{Dialect, Param, Sql, params};

/// Most rows that are inserted at once.
const ROWS_MAX: usize = 256;
/// Memory, in bytes, that such rows take at most before they are inserted.
const BYTES_MAX: usize = 1 << 20;

/// Inserts rows of a table; `conflict` is what follows `ON CONFLICT`, or nothing.
pub(crate) type Insert<'a> = dyn FnMut(&Table, &[Vec<Value>], &str) -> DbResult<()> + 'a;

/// Numbers of [`Space`]s, by table: which one defines it.
const SPACES: [(Space, &str); 8] = [
    (Space::Task, "tasks"),
    (Space::Event, "events"),
    (Space::Feedback, "feedback"),
    (Space::Attempt, "attempts"),
    (Space::TrainEntry, "train_entries"),
    (Space::Candidate, "candidates"),
    (Space::Receipt, "receipts"),
    (Space::Audit, "audit"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counters {
    events: i64,
}

/// Puts all records of a source into the tables. The connection is in a transaction in which nobody
/// else writes.
pub(crate) fn load(
    conn: &dyn Sql,
    how: &Loading,
    source: &mut dyn Source,
    insert: &mut Insert<'_>,
) -> DbResult<Counts> {
    super::complete(conn)?;
    match how {
        Loading::Lab { replace: true } => clear(conn)?,
        Loading::Lab { replace: false } => refuse_used(conn)?,
        Loading::Org { .. } => {}
    }
    let mut loader = Loader {
        conn,
        how,
        shifts: Vec::new(),
        org: None,
    };
    let mut counts = Counts::new();
    for table in TABLES {
        if matches!(how, Loading::Org { .. }) && table.of_org.is_none() {
            continue;
        }
        counts.push((table.kind, loader.table(table, source, insert)?));
    }
    if matches!(how, Loading::Org { .. }) {
        loader.refuse_foreign(&counts)?;
    }
    let mut events = 0;
    if matches!(how, Loading::Lab { .. }) {
        let mut line = String::new();
        if source.next(COUNTERS, &mut line).map_err(unread)? {
            let counters: Counters = serde_json::from_str(&line).map_err(|error| -> DbError {
                bad_record(COUNTERS, 1, &error.to_string()).into()
            })?;
            events = counters.events;
            counts.push((COUNTERS, 1));
        }
    }
    set_numbers(conn, events)?;
    Ok(counts)
}

fn unread(error: std::io::Error) -> DbError {
    not_read(&error).into()
}

struct Loader<'a> {
    conn: &'a dyn Sql,
    how: &'a Loading,
    /// What is added to the numbers of a space.
    shifts: Vec<(Space, i64)>,
    /// The org that comes in.
    org: Option<[u8; 16]>,
}

impl Loader<'_> {
    fn table(
        &mut self,
        table: &Table,
        source: &mut dyn Source,
        insert: &mut Insert<'_>,
    ) -> DbResult<u64> {
        let (mut rows, mut bytes, mut count) = (Vec::new(), 0, 0);
        let mut line = String::new();
        while source.next(table.kind, &mut line).map_err(unread)? {
            count += 1;
            let mut row = parse(table, &line, count)?;
            self.adjust(table, &mut row)?;
            bytes += row.iter().map(Value::bytes).sum::<usize>();
            rows.push(row);
            line.clear();
            if rows.len() >= ROWS_MAX || bytes >= BYTES_MAX {
                self.insert(table, &rows, count, insert)?;
                rows.clear();
                bytes = 0;
            }
        }
        if !rows.is_empty() {
            self.insert(table, &rows, count, insert)?;
        }
        Ok(count)
    }

    fn insert(
        &self,
        table: &Table,
        rows: &[Vec<Value>],
        count: u64,
        insert: &mut Insert<'_>,
    ) -> DbResult<()> {
        let is_org = matches!(self.how, Loading::Org { .. });
        if is_org {
            self.refuse_known(table, rows)?;
        }
        let conflict = if is_org && table.shared {
            "DO NOTHING"
        } else {
            ""
        };
        insert(table, rows, conflict).map_err(|error| match error {
            DbError::Storage(error) => DbError::Storage(StorageError::new(
                error.kind,
                format!("records of {} up to {count}: {}", table.kind, error.detail),
            )),
            other => other,
        })
    }

    /// What an org is given anew where it comes to: its name, places in sequences, leases; and its
    /// schedules come paused.
    fn adjust(&mut self, table: &Table, row: &mut [Value]) -> DbResult<()> {
        let Loading::Org { name, lease_until } = self.how else {
            return Ok(());
        };
        for ((_, form), value) in table.columns.iter().zip(row.iter_mut()) {
            if let (Form::Seq(space), Value::Int(seq)) = (form, value) {
                *seq += self.shift(*space, *seq)?;
            }
        }
        let live = AttemptState::Live.code();
        if table.kind == "attempts" && at(table, row, "state") == Some(&mut Value::Int(live)) {
            set(
                table,
                row,
                "lease_until",
                Value::Int(lease_until.as_millis()),
            );
        }
        // Where they come from they go on: nothing starts twice, and nothing unasked.
        if table.kind == "templates" {
            set(table, row, "enabled", Value::Flag(false));
            set(table, row, "next_at", Value::Null);
        }
        if table.kind == "orgs" {
            let Some(Value::Id(id)) = at(table, row, "id") else {
                return Ok(());
            };
            let id = *id;
            if self.org.replace(id).is_some() {
                return Err(bad_record("orgs", 2, "one org comes in at a time").into());
            }
        }
        if let (Some(name), "orgs") = (name, table.kind) {
            set(table, row, "name", Value::Text(name.to_string()));
        }
        Ok(())
    }

    /// The first number of a space comes right after the last one that the store has given out.
    fn shift(&mut self, space: Space, first: i64) -> DbResult<i64> {
        if let Some((_, shift)) = self.shifts.iter().find(|(known, _)| *known == space) {
            return Ok(*shift);
        }
        let shift = last_number(self.conn, space)? + 1 - first;
        self.shifts.push((space, shift));
        Ok(shift)
    }

    /// Ids are kept: one that is here already belongs to something else, or is the same org.
    fn refuse_known(&self, table: &Table, rows: &[Vec<Value>]) -> DbResult<()> {
        let Some(place) = table.columns.iter().position(|(name, _)| *name == "id") else {
            return Ok(());
        };
        let ids: Vec<Param<'_>> = rows.iter().map(|row| row[place].param()).collect();
        let numbers: Vec<String> = (1..=ids.len()).map(|n| format!("?{n}")).collect();
        let sql = format!(
            "SELECT id FROM {} WHERE id IN ({}) LIMIT 1",
            table.kind,
            numbers.join(", ")
        );
        let known = first(self.conn, &sql, &ids, |cols| {
            cols.id::<devlab_core::id::kind::Org>()
        })?;
        if let (Some(id), (_, Form::Id(show, _))) = (known, table.columns[place]) {
            let id = show(id.uuid());
            return Err(conflict(format!(
                "{id} of {} is in this lab already: ids are kept, so an org can be in a lab once",
                table.kind
            )));
        }
        if table.kind == "orgs" {
            self.refuse_name(table, rows)?;
        }
        Ok(())
    }

    /// Nothing that came in belongs to another org: the new one had nothing before, and now has as
    /// much as there were records.
    fn refuse_foreign(&self, counts: &Counts) -> DbResult<()> {
        let Some(org) = self.org else {
            return Err(bad_record("orgs", 1, "there is none").into());
        };
        for table in TABLES.iter().filter(|table| !table.shared) {
            let Some(condition) = table.of_org else {
                continue;
            };
            let sql = format!("SELECT count(*) FROM {} WHERE {condition}", table.kind);
            let own: u64 = first(self.conn, &sql, params![org], |cols| cols.int())?.unwrap_or(0);
            let (_, came) = counts
                .iter()
                .find(|(kind, _)| *kind == table.kind)
                .copied()
                .unwrap_or((table.kind, 0));
            if own != came {
                let why = format!(
                    "{} of {came} do not belong to the org",
                    came.saturating_sub(own)
                );
                return Err(bad_record(table.kind, came, &why).into());
            }
        }
        Ok(())
    }

    fn refuse_name(&self, table: &Table, rows: &[Vec<Value>]) -> DbResult<()> {
        let Some(place) = table.columns.iter().position(|(name, _)| *name == "name") else {
            return Ok(());
        };
        for row in rows {
            let name = row[place].param();
            const SQL: &str = "SELECT id FROM orgs WHERE name = ?1";
            let known = first(self.conn, SQL, &[name], |cols| {
                cols.id::<devlab_core::id::kind::Org>()
            })?;
            if let (Some(id), Value::Text(name)) = (known, &row[place]) {
                let id: OrgId = id;
                return Err(conflict(format!(
                    "an org named {name} is in this lab already ({id}): give the new one another \
                     name with --as"
                )));
            }
        }
        Ok(())
    }
}

fn conflict(text: String) -> DbError {
    DbError::Refused(Refusal::Conflict(text))
}

fn at<'r>(table: &Table, row: &'r mut [Value], name: &str) -> Option<&'r mut Value> {
    let place = table
        .columns
        .iter()
        .position(|(column, _)| *column == name)?;
    row.get_mut(place)
}

fn set(table: &Table, row: &mut [Value], name: &str, to: Value) {
    if let Some(value) = at(table, row, name) {
        *value = to;
    }
}

/// Reads a record: exactly the keys of its kind, of which an older one may lack those that came later.
fn parse(table: &Table, line: &str, number: u64) -> DbResult<Vec<Value>> {
    let bad = |why: &str| DbError::from(bad_record(table.kind, number, why));
    let mut record: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(line).map_err(|error| bad(&error.to_string()))?;
    let mut row = Vec::with_capacity(table.columns.len());
    for (name, form) in table.columns {
        let Some(raw) = record.remove(*name) else {
            let mut later = CAME_LATER.iter();
            if let Some(late) = later.find(|late| (late.0, late.1) == (table.kind, *name)) {
                row.push(late.2.clone());
                continue;
            }
            return Err(bad(&format!("it has no {name}")));
        };
        let value = forms::read(*form, &raw);
        row.push(value.ok_or_else(|| bad(&format!("{name} cannot be {raw}")))?);
    }
    match record.into_keys().next() {
        Some(name) => Err(bad(&format!("nothing is known of its {name}"))),
        None => Ok(row),
    }
}

/// Refuses a store that has something in it.
fn refuse_used(conn: &dyn Sql) -> DbResult<()> {
    for table in TABLES {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {} LIMIT 1) t",
            table.kind
        );
        let rows: Option<i64> = first(conn, &sql, params![], |cols| cols.int())?;
        if rows.is_some_and(|rows| rows > 0) {
            return Err(conflict(format!(
                "the store is not empty: it has {}",
                table.kind.replace('_', " ")
            )));
        }
    }
    Ok(())
}

/// Removes everything, what triggers keep included.
fn clear(conn: &dyn Sql) -> DbResult<()> {
    let own = TABLES.iter().map(|table| table.kind);
    let mut rest = vec!["done_counts", "servers", "loops", "blob_marks"];
    if conn.dialect() == Dialect::Postgres {
        rest.extend(["log_chunks", "log_heads"]);
    }
    debug_assert!(
        rest.iter()
            .all(|name| NOT_DUMPED.iter().any(|(known, _)| known == name))
    );
    let all: Vec<&str> = own.chain(rest).collect();
    let numbers = match conn.dialect() {
        Dialect::Sqlite => {
            for table in all {
                change(conn, &format!("DELETE FROM {table}"), params![])?;
            }
            "DELETE FROM sqlite_sequence"
        }
        // A large lab is gone as fast as a small one: no row is looked at, and no trigger fires.
        Dialect::Postgres => {
            change(conn, &format!("TRUNCATE {}", all.join(", ")), params![])?;
            "UPDATE turn SET tasks = 0, events = 0 WHERE one"
        }
    };
    change(conn, numbers, params![])?;
    Ok(())
}

/// The last number of a space that was given out.
fn last_number(conn: &dyn Sql, space: Space) -> DbResult<i64> {
    let table = table_of(space);
    let sql = match (conn.dialect(), space) {
        (Dialect::Postgres, Space::Task) => "SELECT tasks FROM turn".to_owned(),
        (Dialect::Postgres, Space::Event) => "SELECT events FROM turn".to_owned(),
        (Dialect::Sqlite, Space::Event | Space::TrainEntry | Space::Audit) => {
            format!("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{table}'")
        }
        (Dialect::Postgres | Dialect::Sqlite, _) => {
            format!("SELECT coalesce(max(seq), 0) FROM {table}")
        }
    };
    Ok(first(conn, &sql, params![], |cols| cols.int())?.unwrap_or(0))
}

fn table_of(space: Space) -> &'static str {
    let known = SPACES.iter().find(|(known, _)| *known == space);
    known.map_or("tasks", |(_, table)| table)
}

/// Makes the next numbers follow what was loaded. `events` is the last place of the stream, which
/// may have lost its end.
fn set_numbers(conn: &dyn Sql, events: i64) -> DbResult<()> {
    match conn.dialect() {
        Dialect::Sqlite => {
            // The others follow from their rows.
            const THERE: &str =
                "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'events'";
            const NEW: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?1)";
            if change(conn, THERE, params![events])? == 0 && events > 0 {
                change(conn, NEW, params![events])?;
            }
        }
        Dialect::Postgres => {
            const TURN: &str = "UPDATE turn SET \
                tasks = greatest(tasks, (SELECT coalesce(max(seq), 0) FROM tasks)), \
                events = greatest(events, (SELECT coalesce(max(seq), 0) FROM events), ?1::int8) \
                WHERE one";
            change(conn, TURN, params![events])?;
            for (space, table) in SPACES {
                if matches!(space, Space::Task | Space::Event) {
                    continue;
                }
                let sql = format!(
                    "SELECT setval(pg_get_serial_sequence('{table}', 'seq'), max(seq)) FROM {table} \
                     HAVING max(seq) IS NOT NULL"
                );
                first(conn, &sql, params![], |cols| cols.opt_int())?;
            }
        }
    }
    Ok(())
}
