//! `devlab logs`: what the lab and its local agents wrote.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::args::{Logs, Output};
use crate::context::Context;
use crate::failure::Failure;
use crate::show;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Most of a file's end that is searched for its last lines.
const TAIL_BYTES_MAX: u64 = 1024 * 1024;

struct Followed {
    output: Output,
    name: String,
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
}

/// `devlab logs`.
pub(crate) async fn run(context: &Context, args: &Logs) -> anyhow::Result<()> {
    let folder = context.home()?.logs();
    let mut files: Vec<Followed> = Vec::new();
    loop {
        for (name, path) in find(&folder, args.name.as_deref())? {
            if files.iter().any(|known| known.path == path) {
                continue;
            }
            let mut file = Followed {
                output: context.output,
                name,
                path,
                offset: 0,
                rest: Vec::new(),
            };
            file.tail(args.lines)?;
            files.push(file);
        }
        if files.is_empty() && !args.follow {
            let which = args.name.as_deref().unwrap_or("the lab");
            return Err(Failure::not_found(format!(
                "{} has no log of {which}: has it ever run with this DEVLAB_HOME?",
                folder.display()
            )));
        }
        if !args.follow {
            return Ok(());
        }
        for file in &mut files {
            file.go_on()?;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn find(folder: &Path, only: Option<&str>) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", folder.display()));
        }
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let is_log = path.extension().is_some_and(|extension| extension == "log");
        let Some(stem) = stem.filter(|stem| is_log && *stem != "start") else {
            continue;
        };
        let name = stem.strip_prefix("agent-").unwrap_or(stem).to_owned();
        if only.is_none_or(|only| only == name) {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

impl Followed {
    /// The last lines.
    fn tail(&mut self, lines: usize) -> anyhow::Result<()> {
        let mut file = File::open(&self.path)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        self.offset = len.saturating_sub(TAIL_BYTES_MAX) + bytes.len() as u64;
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text.lines().collect();
        for line in &all[all.len().saturating_sub(lines)..] {
            self.print(line)?;
        }
        Ok(())
    }

    /// What was added since; a file that is shorter than it was is a new one.
    fn go_on(&mut self) -> anyhow::Result<()> {
        let Ok(mut file) = File::open(&self.path) else {
            return Ok(());
        };
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        self.rest.extend(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            self.print(line.trim_end())?;
        }
        Ok(())
    }

    fn print(&self, line: &str) -> anyhow::Result<()> {
        if self.output == Output::Json {
            let line = serde_json::json!({ "name": self.name, "line": line });
            return show::line(&line.to_string());
        }
        let dim = show::DIM;
        show::line(&format!(
            "{dim}{:>8} │{dim:#} {}",
            self.name,
            show::printable(line)
        ))
    }
}
