//! Writing an archive to a file or a folder while its bytes come.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use super::manifest::{MANIFEST, MANIFEST_BYTES_MAX, Manifest, Part};
use super::records::{Hashing, new_file};
use super::tar::ERROR;
use super::{bad, io as failed};
use crate::error::Result;

/// Longest reason that is read for why there is no archive.
const ERROR_BYTES_MAX: u64 = 64 << 10;

/// Reads pieces as they come, on a thread that may wait for them.
pub struct PieceReader {
    from: super::Pieces,
    now: bytes::Bytes,
}

impl PieceReader {
    /// Reads these.
    #[must_use]
    pub fn new(from: super::Pieces) -> Self {
        Self {
            from,
            now: bytes::Bytes::new(),
        }
    }
}

impl Read for PieceReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            match self.from.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.now = piece?,
            }
        }
        let len = self.now.len().min(into.len());
        into[..len].copy_from_slice(&self.now.split_to(len));
        Ok(len)
    }
}

/// Told of each part as it begins, and of bytes as they come: the part's name, and how many bytes
/// there are so far altogether.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64);

/// Takes the bytes of an archive in. What is at `to` appears whole or not at all: a file that ends
/// in `.tar`, otherwise a folder. Only its user may read it. Blocks.
///
/// # Errors
/// Something is at `to` already; the bytes end early or are not what their manifest says; they
/// cannot be written.
pub fn receive(from: impl Read, to: &Path, progress: Progress<'_>) -> Result<Manifest> {
    if to
        .symlink_metadata()
        .is_ok_and(|there| !is_empty_dir(to, &there))
    {
        return Err(bad(format!(
            "{} is there already: choose another name, or move it away",
            to.display()
        )));
    }
    let making = making(to)?;
    remove(&making).map_err(failed(format!("cannot remove {}", making.display())))?;
    let received = match to.extension().is_some_and(|ext| ext == "tar") {
        true => into_file(from, &making, progress),
        false => into_folder(from, &making, progress),
    };
    let finished = received.and_then(|manifest| {
        fs::rename(&making, to)
            .and_then(|()| sync_folder(to.parent()))
            .map_err(failed(format!("cannot make {}", to.display())))?;
        Ok(manifest)
    });
    if finished.is_err() {
        // What stays does not look like an archive, and is removed by the next try.
        drop(remove(&making));
    }
    finished
}

fn is_empty_dir(path: &Path, meta: &fs::Metadata) -> bool {
    meta.is_dir() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// A name beside it for what is not finished.
fn making(to: &Path) -> Result<PathBuf> {
    let name = to
        .file_name()
        .ok_or_else(|| bad(format!("{} is no name for an archive", to.display())))?;
    Ok(to.with_file_name(format!(".{}.partial", name.to_string_lossy())))
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes what was renamed or made in a folder last.
pub(super) fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Copies every byte that is read.
struct Tee<R, W> {
    from: R,
    to: W,
    /// An error of writing, which readers would take for one of reading.
    failed: Option<io::Error>,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        if let Err(error) = self.to.write_all(&into[..read]) {
            let kind = error.kind();
            self.failed = Some(error);
            return Err(kind.into());
        }
        Ok(read)
    }
}

fn into_file(from: impl Read, making: &Path, progress: Progress<'_>) -> Result<Manifest> {
    let cannot = || failed(format!("cannot write {}", making.display()));
    let file = new_file(making).map_err(cannot())?;
    let mut tee = Tee {
        from,
        to: BufWriter::new(file),
        failed: None,
    };
    let read = each_part(&mut tee, progress, &mut |_, part| {
        io::copy(part, &mut io::sink()).map(drop)
    });
    if let Some(error) = tee.failed.take() {
        return Err(cannot()(error));
    }
    let manifest = read?;
    let file = tee.to.into_inner().map_err(|error| error.into_error());
    file.and_then(|file| file.sync_all()).map_err(cannot())?;
    Ok(manifest)
}

fn into_folder(from: impl Read, making: &Path, progress: Progress<'_>) -> Result<Manifest> {
    let folder = |path: &Path| {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(failed(format!("cannot make {}", path.display())))
    };
    folder(making)?;
    let mut trouble = None;
    let read = each_part(from, progress, &mut |name, part| {
        let path = making.join(name);
        let mut write = || -> io::Result<()> {
            if let Some(parent) = path.parent() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(parent)?;
            }
            let mut file = new_file(&path)?;
            io::copy(part, &mut file)?;
            file.sync_all()
        };
        write().inspect_err(|error| {
            trouble = Some((
                path.clone(),
                io::Error::new(error.kind(), error.to_string()),
            ));
        })
    });
    match (read, trouble) {
        (Ok(manifest), _) => {
            sync_folder(Some(making)).map_err(failed(format!("{}", making.display())))?;
            Ok(manifest)
        }
        (Err(_), Some((path, error))) if error.kind() != io::ErrorKind::Other => {
            Err(failed(format!("cannot write {}", path.display()))(error))
        }
        (Err(error), _) => Err(error),
    }
}

/// Shows each part to `keep`, and compares all of them with the manifest.
fn each_part(
    mut from: impl Read,
    progress: Progress<'_>,
    keep: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> Result<Manifest> {
    let mut parts = Vec::new();
    let mut manifest = None;
    let mut total = 0;
    let mut tar = ::tar::Archive::new(&mut from);
    for entry in tar.entries().map_err(cut_off)? {
        let mut entry = entry.map_err(cut_off)?;
        let name = checked_name(&entry.path().map_err(cut_off)?)?;
        if manifest.is_some() {
            return Err(bad(format!("{name} comes after its end")));
        }
        if name == ERROR {
            let mut why = String::new();
            let read = entry.take(ERROR_BYTES_MAX).read_to_string(&mut why);
            read.map_err(cut_off)?;
            return Err(devlab_core::Refusal::Conflict(why).into());
        }
        progress(&name, total);
        let size = entry.size();
        if name == MANIFEST {
            let mut text = Vec::new();
            let mut part = entry.take(MANIFEST_BYTES_MAX);
            part.read_to_end(&mut text).map_err(cut_off)?;
            keep(&name, &mut text.as_slice()).map_err(cut_off)?;
            manifest = Some(Manifest::from_file(&text)?);
        } else {
            let mut counted = Hashing::new(Watched {
                inner: &mut entry,
                total: &mut total,
                name: &name,
                progress: &mut *progress,
            });
            keep(&name, &mut counted).map_err(cut_off)?;
            let (_, part) = counted.finish(name.clone(), None);
            if part.bytes != size {
                return Err(cut_off(io::ErrorKind::UnexpectedEof.into()));
            }
            parts.push(part);
        }
    }
    // What follows the end of a tar belongs to it.
    io::copy(&mut from, &mut io::sink()).map_err(cut_off)?;
    let manifest = manifest.ok_or_else(|| cut_off(io::ErrorKind::UnexpectedEof.into()))?;
    compare(&manifest, &parts)?;
    Ok(manifest)
}

struct Watched<'a, R> {
    inner: R,
    total: &'a mut u64,
    name: &'a str,
    progress: Progress<'a>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        *self.total += read as u64;
        (self.progress)(self.name, *self.total);
        Ok(read)
    }
}

/// Names of parts are relative and go nowhere else.
pub(super) fn checked_name(path: &Path) -> Result<String> {
    let is_plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    match path.to_str() {
        Some(name) if is_plain && !name.is_empty() => Ok(name.to_owned()),
        _ => Err(bad(format!("{} is no name of a part", path.display()))),
    }
}

fn cut_off(error: io::Error) -> crate::error::Error {
    bad(format!("it ended before its end: {error}"))
}

/// Holds what there is against the manifest.
pub(super) fn compare(manifest: &Manifest, found: &[Part]) -> Result<()> {
    for part in &manifest.parts {
        let there = found.iter().find(|there| there.name == part.name);
        let there = there.ok_or_else(|| bad(format!("{} is missing", part.name)))?;
        if (there.bytes, &there.sha256) != (part.bytes, &part.sha256) {
            return Err(damaged(part));
        }
    }
    let stray = found
        .iter()
        .find(|part| manifest.part(&part.name).is_none());
    match stray {
        Some(part) => Err(bad(format!("{} is not in its manifest", part.name))),
        None => Ok(()),
    }
}

pub(super) fn damaged(part: &Part) -> crate::error::Error {
    bad(format!(
        "{} is damaged: it is not the file that the manifest describes; use another copy",
        part.name
    ))
}
