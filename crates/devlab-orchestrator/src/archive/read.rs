//! An archive that is there: a folder, or one file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::manifest::{MANIFEST, MANIFEST_BYTES_MAX, Manifest, Part, records_name};
use super::receive::{Progress, checked_name, damaged};
use super::records::{Hashing, Reader};
use super::{bad, io as failed, tar};
use crate::error::Result;

/// An archive whose manifest was read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Archive {
    manifest: Arc<Manifest>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    /// Where each part begins in a file, and its length.
    File(PathBuf, Arc<BTreeMap<String, (u64, u64)>>),
}

impl Place {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        match self {
            Self::Folder(folder) => match File::open(folder.join(name)) {
                Ok(file) => Ok(Some(Box::new(file))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Self::File(path, parts) => {
                let Some((at, len)) = parts.get(name) else {
                    return Ok(None);
                };
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(*at))?;
                Ok(Some(Box::new(file.take(*len))))
            }
        }
    }
}

impl Archive {
    /// Opens one, and reads its manifest. Blocks.
    ///
    /// # Errors
    /// It is none, was cut off, or is a newer devlab's.
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = || failed(format!("cannot read {}", path.display()));
        let meta = path.metadata().map_err(cannot())?;
        let place = match meta.is_dir() {
            true => Place::Folder(path.to_owned()),
            false => Place::File(path.to_owned(), Arc::new(index(path)?)),
        };
        let none = || {
            bad(format!(
                "{} has no {MANIFEST}: it is no archive, or one that was cut off",
                path.display()
            ))
        };
        let file = place.open(MANIFEST).map_err(cannot())?.ok_or_else(none)?;
        let mut text = Vec::new();
        let mut file = file.take(MANIFEST_BYTES_MAX);
        file.read_to_end(&mut text).map_err(cannot())?;
        let manifest = Manifest::from_file(&text)?;
        for part in &manifest.parts {
            checked_name(Path::new(&part.name))?;
        }
        Ok(Self {
            manifest: Arc::new(manifest),
            place,
        })
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads every part and compares it with the manifest. Blocks.
    ///
    /// # Errors
    /// The first part that is missing or damaged, by name.
    pub fn check(&self, progress: Progress<'_>) -> Result<()> {
        let mut total = 0;
        for part in &self.manifest.parts {
            progress(&part.name, total);
            let found = self.digest(part)?;
            let found = found.ok_or_else(|| bad(format!("{} is missing", part.name)))?;
            if (found.bytes, &found.sha256) != (part.bytes, &part.sha256) {
                return Err(damaged(part));
            }
            total += part.bytes;
        }
        Ok(())
    }

    /// Sends it as one file, whichever form it has.
    ///
    /// # Errors
    /// It cannot be read, or nobody takes it.
    pub async fn send(&self, to: &mpsc::Sender<io::Result<Bytes>>) -> Result<()> {
        let to = tar::Sender::new(to.clone());
        match &self.place {
            Place::File(path, _) => to.raw(path).await,
            Place::Folder(folder) => {
                for part in &self.manifest.parts {
                    to.file(part, &folder.join(&part.name)).await?;
                }
                to.bytes(MANIFEST, self.manifest.to_file()?).await?;
                to.end().await
            }
        }
    }

    fn digest(&self, part: &Part) -> Result<Option<Part>> {
        let cannot = || failed(format!("cannot read {}", part.name));
        let Some(file) = self.place.open(&part.name).map_err(cannot())? else {
            return Ok(None);
        };
        let mut file = Hashing::new(file);
        io::copy(&mut file, &mut io::sink()).map_err(cannot())?;
        Ok(Some(file.finish(part.name.clone(), None).1))
    }

    /// Its records.
    pub(super) fn records(&self) -> Reader {
        let archive = self.clone();
        Reader::new(Box::new(move |kind| archive.open_part(&records_name(kind))))
    }

    /// Opens a part that the manifest names; `None` if it names none.
    pub(super) fn open_part(&self, name: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        match self.manifest.part(name) {
            Some(_) => self.place.open(name),
            None => Ok(None),
        }
    }
}

/// Where the parts of a file are. A file that was cut off has no manifest, which comes last.
fn index(path: &Path) -> Result<BTreeMap<String, (u64, u64)>> {
    let cut_off = |error: io::Error| {
        bad(format!(
            "{} is no archive, or one that was cut off: {error}",
            path.display()
        ))
    };
    let file = File::open(path).map_err(failed(format!("cannot read {}", path.display())))?;
    let mut parts = BTreeMap::new();
    let mut tar = ::tar::Archive::new(file);
    for entry in tar.entries_with_seek().map_err(cut_off)? {
        let entry = entry.map_err(cut_off)?;
        let name = checked_name(&entry.path().map_err(cut_off)?)?;
        parts.insert(name, (entry.raw_file_position(), entry.size()));
    }
    Ok(parts)
}
