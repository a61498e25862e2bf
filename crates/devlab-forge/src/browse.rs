//! Looking through the files of a commit, folder by folder.

use crate::error::{Error, Result};
use crate::inspect::{EntryKind, check_path};
use crate::name::Oid;
use crate::repo::BareRepo;

/// Longest record of one entry: mode, type, id, size, and a name.
const RECORD_BYTES_MAX: usize = 512;

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name, without the folder's.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of a file or link.
    pub size: Option<u64>,
}

/// What is in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// In git's order: by the bytes of the name.
    pub entries: Vec<FolderEntry>,
    /// Whether there are more than were asked for.
    pub cut: bool,
}

impl BareRepo {
    /// The entries of a folder of a commit or tree, at most `entries_max`; the root's, if `path` is
    /// empty. `None` if there is no such commit or folder. One process.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that is absolute, or has `.` or `..` in it.
    pub async fn folder(
        &self,
        commit: &Oid,
        path: &str,
        entries_max: usize,
    ) -> Result<Option<Folder>> {
        if !path.is_empty() {
            check_path(path)?;
        }
        // An empty path names the tree itself.
        let found = self.object(&format!("{commit}:{path}"), 0).await?;
        let Some(tree) = found.filter(|object| object.kind == "tree") else {
            return Ok(None);
        };
        let done = self
            .cmd("ls-tree")
            .args(["-z", "-l", "--full-tree", tree.oid.as_str()])
            .stdout_bytes_max(entries_max.saturating_add(1) * RECORD_BYTES_MAX)
            .run()
            .await?;
        if !done.truncated && done.code != Some(0) {
            return Err(Error::failed("ls-tree", done.code, &done.stderr));
        }
        let mut records: Vec<_> = done.stdout.split(|byte| *byte == 0).collect();
        // What comes after the last separator is nothing, or has been cut.
        records.pop();
        let cut = done.truncated || records.len() > entries_max;
        records.truncate(entries_max);
        let entries = records
            .into_iter()
            .map(|record| parse(&String::from_utf8_lossy(record)))
            .collect::<Result<_>>()?;
        Ok(Some(Folder { entries, cut }))
    }
}

fn parse(record: &str) -> Result<FolderEntry> {
    let odd = || Error::unexpected("ls-tree", record.to_owned());
    let (meta, name) = record.split_once('\t').ok_or_else(odd)?;
    let mut words = meta.split_whitespace();
    let kind = words
        .next()
        .and_then(EntryKind::from_mode)
        .ok_or_else(odd)?;
    let size = words.nth(2).ok_or_else(odd)?;
    Ok(FolderEntry {
        name: name.to_owned(),
        kind,
        size: size.parse().ok(),
    })
}
