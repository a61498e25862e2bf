//! Many rows in one statement.

use std::fmt::Write as _;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::sql::Param;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Flag,
    Text,
    Id,
}

/// The values of one column.
#[derive(Debug)]
enum Values {
    Int(Vec<Option<i64>>),
    Flag(Vec<Option<bool>>),
    Text(Vec<Option<String>>),
    Id(Vec<Option<Uuid>>),
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Vec::new()),
            Kind::Flag => Self::Flag(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Id => Self::Id(Vec::new()),
        }
    }

    /// A value of another kind is a mistake of ours: it becomes NULL, which the table refuses.
    fn push(&mut self, value: Param<'_>) {
        match self {
            Self::Int(all) => all.push(match value {
                Param::Int(value) => Some(value),
                _ => None,
            }),
            Self::Flag(all) => all.push(match value {
                Param::Flag(value) => Some(value),
                _ => None,
            }),
            Self::Text(all) => all.push(match value {
                Param::Text(value) => Some(value.to_owned()),
                _ => None,
            }),
            Self::Id(all) => all.push(match value {
                Param::Id(value) => Some(Uuid::from_bytes(value)),
                _ => None,
            }),
        }
    }

    fn as_param(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Int(all) => all,
            Self::Flag(all) => all,
            Self::Text(all) => all,
            Self::Id(all) => all,
        }
    }
}

/// A statement over rows that are given as one array for each column.
#[derive(Debug)]
pub(super) struct Rows {
    sql: String,
    columns: Vec<Values>,
    len: usize,
}

/// The arrays as a table `n` with these columns.
fn table(columns: &[(&str, Kind)]) -> String {
    let (mut arrays, mut names) = (String::new(), String::new());
    for (at, (name, kind)) in columns.iter().enumerate() {
        let ty = match kind {
            Kind::Int => "int8",
            Kind::Flag => "bool",
            Kind::Text => "text",
            Kind::Id => "uuid",
        };
        let comma = if at == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(arrays, "{comma}${}::{ty}[]", at + 1);
        let _ = write!(names, "{comma}{name}");
    }
    format!("unnest({arrays}) WITH ORDINALITY AS n ({names}, nth)")
}

fn names(columns: &[(&str, Kind)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl Rows {
    fn new(sql: String, columns: &[(&str, Kind)]) -> Self {
        Self {
            sql,
            columns: columns.iter().map(|(_, kind)| Values::new(*kind)).collect(),
            len: 0,
        }
    }

    /// Adds rows, in this order; `conflict` is what follows `ON CONFLICT`, or nothing.
    pub(super) fn insert(into: &str, columns: &[(&str, Kind)], conflict: &str) -> Self {
        let names = names(columns);
        let conflict = if conflict.is_empty() {
            String::new()
        } else {
            format!(" ON CONFLICT {conflict}")
        };
        let sql = format!(
            "INSERT INTO {into} ({names}) SELECT {names} FROM {} ORDER BY nth{conflict}",
            table(columns)
        );
        Self::new(sql, columns)
    }

    /// Changes the rows that the first column finds.
    pub(super) fn update(of: &str, columns: &[(&str, Kind)]) -> Self {
        let sets: Vec<String> = columns[1..]
            .iter()
            .map(|(name, _)| format!("{name} = n.{name}"))
            .collect();
        let key = columns[0].0;
        let sql = format!(
            "UPDATE {of} AS t SET {} FROM {} WHERE t.{key} = n.{key}",
            sets.join(", "),
            table(columns)
        );
        Self::new(sql, columns)
    }

    /// Removes the rows that all columns together find.
    pub(super) fn delete(from: &str, columns: &[(&str, Kind)]) -> Self {
        let same: Vec<String> = columns
            .iter()
            .map(|(name, _)| format!("t.{name} = n.{name}"))
            .collect();
        let sql = format!(
            "DELETE FROM {from} AS t USING {} WHERE {}",
            table(columns),
            same.join(" AND ")
        );
        Self::new(sql, columns)
    }

    pub(super) fn push(&mut self, row: &[Param<'_>]) {
        debug_assert_eq!(row.len(), self.columns.len());
        for (values, value) in self.columns.iter_mut().zip(row) {
            values.push(*value);
        }
        self.len += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Runs the statement, and returns how many rows it changed.
    pub(super) async fn run(&self, client: &ClientWrapper) -> Result<u64, tokio_postgres::Error> {
        let statement = client.prepare_cached(&self.sql).await?;
        let params: Vec<_> = self.columns.iter().map(Values::as_param).collect();
        client.execute(&statement, &params).await
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}
