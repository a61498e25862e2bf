//! Records as compressed files.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use devlab_store::dump::Source;
use sha2::{Digest, Sha256};

use super::manifest::{Part, hex, records_name};

/// How much a file is compressed: records shrink to a tenth, at some 300 MB/s.
const LEVEL: i32 = 3;
/// Longest record. The largest that are written are those of tasks with long goals.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// A file that knows its length and digest.
pub(super) struct Hashing<W> {
    inner: W,
    digest: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    /// What it was, as a part of an archive.
    pub(super) fn finish(self, name: String, records: Option<u64>) -> (W, Part) {
        let part = Part {
            name,
            bytes: self.bytes,
            sha256: hex(self.digest.finalize()),
            records,
        };
        (self.inner, part)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.count(&into[..read]);
        Ok(read)
    }
}

/// A new file that only its user may read.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

type Encoder = zstd::Encoder<'static, Hashing<BufWriter<File>>>;

/// Writes records into files of a folder, one for each kind, in the order in which kinds come.
pub(super) struct Writer {
    dir: PathBuf,
    open: Option<(&'static str, u64, Encoder)>,
    parts: Vec<Part>,
}

impl Writer {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            open: None,
            parts: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, kind: &'static str, line: &str) -> io::Result<()> {
        if self.open.as_ref().is_none_or(|(open, ..)| *open != kind) {
            self.close()?;
            let file = new_file(&self.dir.join(file_name(kind)))?;
            let file = Hashing::new(BufWriter::new(file));
            self.open = Some((kind, 0, zstd::Encoder::new(file, LEVEL)?));
        }
        if let Some((_, count, file)) = &mut self.open {
            *count += 1;
            file.write_all(line.as_bytes())?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let Some((kind, count, encoder)) = self.open.take() else {
            return Ok(());
        };
        let (file, part) = encoder.finish()?.finish(records_name(kind), Some(count));
        file.into_inner()?;
        self.parts.push(part);
        Ok(())
    }

    /// The files that were written.
    pub(super) fn finish(mut self) -> io::Result<Vec<Part>> {
        self.close()?;
        Ok(self.parts)
    }
}

/// Name of a kind's file in the folder of a [`Writer`].
pub(super) fn file_name(kind: &str) -> String {
    format!("{kind}.jsonl.zst")
}

/// Opens the records of a kind; `None` if there are none.
pub(super) type Open = Box<dyn FnMut(&str) -> io::Result<Option<Box<dyn Read + Send>>> + Send>;

/// Reads records, one kind after the other.
pub(super) struct Reader {
    open: Open,
    now: Option<(&'static str, Option<Lines>)>,
}

type Lines = BufReader<zstd::Decoder<'static, BufReader<Box<dyn Read + Send>>>>;

impl Reader {
    pub(super) fn new(open: Open) -> Self {
        Self { open, now: None }
    }
}

impl Source for Reader {
    fn next(&mut self, kind: &'static str, line: &mut String) -> io::Result<bool> {
        if self.now.as_ref().is_none_or(|(now, _)| *now != kind) {
            let file = (self.open)(kind)?;
            let lines = file
                .map(zstd::Decoder::new)
                .transpose()?
                .map(BufReader::new);
            self.now = Some((kind, lines));
        }
        let Some((_, Some(lines))) = &mut self.now else {
            return Ok(false);
        };
        let read = lines.take(LINE_BYTES_MAX).read_line(line)?;
        if read as u64 == LINE_BYTES_MAX {
            let why = format!("a record of {kind} is too long");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        if line.ends_with('\n') {
            line.pop();
        }
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_by_kind() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(dir.path());
        for (kind, line) in [
            ("orgs", "{\"a\":1}"),
            ("orgs", "{}"),
            ("tasks", "{\"é\":\"\"}"),
        ] {
            writer.write(kind, line).unwrap();
        }
        let parts = writer.finish().unwrap();
        let counts: Vec<_> = parts.iter().map(|part| part.records).collect();
        assert_eq!(counts, [Some(2), Some(1)]);
        let folder = dir.path().to_owned();
        let mut reader = Reader::new(Box::new(move |kind| {
            match File::open(folder.join(file_name(kind))) {
                Ok(file) => Ok(Some(Box::new(file) as _)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        }));
        let mut all = Vec::new();
        for kind in ["orgs", "projects", "tasks"] {
            let mut line = String::new();
            while reader.next(kind, &mut line).unwrap() {
                all.push(format!("{kind} {line}"));
                line.clear();
            }
        }
        assert_eq!(all, ["orgs {\"a\":1}", "orgs {}", "tasks {\"é\":\"\"}"]);
    }
}
