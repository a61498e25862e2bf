//! Objects of a clone, read by one process of git, without anything that could make it answer for
//! another object or ask another machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use devlab_core::Oid;
use devlab_core::provenance::History;

/// Largest commit that is read.
const COMMIT_BYTES_MAX: u64 = 16 << 20;

/// Objects of a clone.
pub(super) struct Objects {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Objects {
    /// Starts git there.
    pub(super) fn of(dir: &Path) -> Result<Self, String> {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(dir)
            .args(["cat-file", "--batch"])
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run git: {error}"))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(ask), Some(answers)) => Ok(Self {
                child,
                ask,
                answers: BufReader::new(answers),
            }),
            _ => Err("git has no input or output".to_owned()),
        }
    }

    /// The content of an object of this kind; `None` if there is none.
    ///
    /// # Errors
    /// It is longer than this, or git ended.
    pub(super) fn read(
        &mut self,
        oid: &Oid,
        kind: &str,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, String> {
        let ended = |error: std::io::Error| format!("git cannot read {oid}: {error}");
        writeln!(self.ask, "{oid}")
            .and_then(|()| self.ask.flush())
            .map_err(ended)?;
        let mut header = String::new();
        self.answers.read_line(&mut header).map_err(ended)?;
        let parts: Vec<&str> = header.split_whitespace().collect();
        let (found, size) = match parts[..] {
            [_, "missing"] => return Ok(None),
            [_, found, size] => (found, size.parse::<u64>().ok()),
            _ => return Err(format!("git cannot read {oid}")),
        };
        let size = size.filter(|size| *size <= bytes_max);
        let size = size.ok_or_else(|| format!("{oid} is longer than {bytes_max} bytes"))?;
        let mut content = Vec::new();
        // One more: each answer ends with a line end.
        let mut answer = self.answers.by_ref().take(size + 1);
        answer.read_to_end(&mut content).map_err(ended)?;
        if content.pop() != Some(b'\n') || content.len() as u64 != size {
            return Err(format!("git has not answered whole for {oid}"));
        }
        Ok(Some(content).filter(|_| found == kind))
    }
}

impl History for Objects {
    fn commit(&mut self, oid: &Oid) -> Result<Option<Vec<u8>>, String> {
        self.read(oid, "commit", COMMIT_BYTES_MAX)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It has nothing left to do, and must not stay behind.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
