//! Printing: tables for people, JSON for programs.

pub(crate) mod time;

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use devlab_core::git::SHORT_ID_CHARS;
use serde::Serialize;

use crate::args::Output;

/// JSON that is written at one time.
const JSON_BUFFER_BYTES: usize = 64 * 1024;

/// Writes a line to standard output.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn line(line: &str) -> anyhow::Result<()> {
    text(format!("{line}\n").as_bytes())
}

/// Writes text to standard output, without its colours if that is no terminal.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn text(text: &[u8]) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text).and_then(|()| out.flush()))
}

/// Writes bytes to standard output as they are. A reader that went away (`| head`) is no error: the
/// process ends.
///
/// # Errors
/// Anything else that the system says.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// A remark for people, on standard error, where it is in no program's way. If even that cannot be
/// written, nobody is there to be told.
pub(crate) fn note(text: &str) {
    writeln!(anstream::stderr().lock(), "{text}").ok();
}

/// Text of a terminal's status line, on standard error and without a line end.
pub(crate) fn status(text: &str) {
    let mut out = anstream::stderr().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .ok();
}

/// Pretty JSON, as it is made: a plan of a hundred thousand tasks is a hundred megabytes. It has no
/// colours that would have to be taken out.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::BufWriter::with_capacity(JSON_BUFFER_BYTES, io::stdout().lock());
    let made = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
    written(
        made.and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush()),
    )
}

/// Says to a program what a command did that a person has heard of in remarks.
pub(crate) fn done(output: Output, value: &impl Serialize) -> anyhow::Result<()> {
    match output {
        Output::Json => json(value),
        Output::Table => Ok(()),
    }
}

/// Prints a diff, which need not be UTF-8: as it is, or as a text in an object.
pub(crate) fn diff(output: Output, id: &impl Serialize, diff: &[u8]) -> anyhow::Result<()> {
    match output {
        Output::Json => json(&serde_json::json!({
            "id": id,
            "diff": String::from_utf8_lossy(diff),
        })),
        Output::Table => bytes(diff),
    }
}

/// The id of a commit or tree as people read it: in every table and line of the same length.
pub(crate) fn commit(id: &str) -> &str {
    id.get(..SHORT_ID_CHARS).unwrap_or(id)
}

/// Whether a person looks at standard output.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints a list: JSON as it came, or a table with these columns.
pub(crate) fn list<T: Serialize>(
    output: Output,
    items: &[T],
    columns: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    match output {
        Output::Json => json(&items),
        Output::Table if items.is_empty() => {
            note("nothing to show");
            Ok(())
        }
        Output::Table => table(columns, items.iter().map(row)),
    }
}

/// Prints one thing: JSON as it came, or its fields.
pub(crate) fn fields<T: Serialize>(
    output: Output,
    item: &T,
    fields: &[(&str, String)],
) -> anyhow::Result<()> {
    match output {
        Output::Json => json(item),
        Output::Table => {
            let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
                let value = value.replace('\n', &format!("\n{:1$}", "", width + 2));
                line(&format!("{DIM}{name:width$}{DIM:#}  {value}"))?;
            }
            Ok(())
        }
    }
}

/// A table without lines.
pub(crate) fn table(
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    line(&table.trim_fmt())
}

/// Text of others cannot move the cursor or colour the terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = text.chars().map(|c| {
        if c.is_control() && c != '\n' {
            '\u{fffd}'
        } else {
            c
        }
    });
    shown.collect()
}

/// The first letters of a text, with a sign that there are more.
pub(crate) fn short(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let start: String = text.chars().take(chars.saturating_sub(1)).collect();
    format!("{start}…")
}

/// A number of things: `1 file`, `2 files`.
pub(crate) fn count(number: impl Into<u64>, noun: &str) -> String {
    match number.into() {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

/// Quiet.
pub(crate) const DIM: anstyle::Style = anstyle::Style::new().dimmed();
/// Loud.
pub(crate) const BOLD: anstyle::Style = anstyle::Style::new().bold();
/// Good.
pub(crate) const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
/// Needs someone.
pub(crate) const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
/// Bad.
pub(crate) const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default();
/// On its way.
pub(crate) const CYAN: anstyle::Style = anstyle::AnsiColor::Cyan.on_default();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let counts = [0_u32, 1, 2].map(|number| count(number, "file"));
        assert_eq!(counts, ["0 files", "1 file", "2 files"]);
    }
}
