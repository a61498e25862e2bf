//! Comparing parts of two trees without a process of its own.

use crate::error::Result;
use crate::name::Oid;
use crate::repo::BareRepo;

/// Most paths that are compared in this way, and the largest tree that is read for it; above, a
/// process that compares everything is no more work.
const PATHS_MAX: usize = 16;
const TREE_BYTES_MAX: usize = 1 << 20;
/// Mode of a folder.
const FOLDER: &[u8] = b"40000";

/// An entry of a tree: mode and object.
type Entry = (Vec<u8>, Vec<u8>);

impl BareRepo {
    /// Whether two commits or trees are sure to have the same at each of these paths and below
    /// them, modes included. `false` says nothing: [`BareRepo::changes`] knows. No process of its
    /// own.
    ///
    /// # Errors
    /// git's failure.
    pub async fn is_same_at(&self, one: &Oid, other: &Oid, paths: &[&str]) -> Result<bool> {
        if paths.len() > PATHS_MAX {
            return Ok(false);
        }
        let (Some(one), Some(other)) = (self.raw_tree(one).await?, self.raw_tree(other).await?)
        else {
            return Ok(false);
        };
        for path in paths {
            if !self.is_same_below(&one, &other, path).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn is_same_below(&self, one: &RawTree, other: &RawTree, path: &str) -> Result<bool> {
        // Changed paths are compared as text, where this stands for what is none.
        if path.contains(char::REPLACEMENT_CHARACTER) {
            return Ok(false);
        }
        let (mut one, mut other) = (one.clone(), other.clone());
        for name in path.split('/') {
            let (Some(mine), Some(its)) = (one.entry(name), other.entry(name)) else {
                return Ok(false);
            };
            let (mine, its) = match (mine, its) {
                (mine, its) if mine == its => return Ok(true),
                (Some((FOLDER, mine)), Some((FOLDER, its))) => (mine, its),
                (_, _) => return Ok(false),
            };
            let (Some(mine), Some(its)) = (oid(mine), oid(its)) else {
                return Ok(false);
            };
            match (self.raw_tree(&mine).await?, self.raw_tree(&its).await?) {
                (Some(mine), Some(its)) => (one, other) = (mine, its),
                (_, _) => return Ok(false),
            }
        }
        Ok(false)
    }

    /// `None` if it is not there, or too large, or not plain.
    async fn raw_tree(&self, of: &Oid) -> Result<Option<RawTree>> {
        let found = self
            .object(&format!("{of}^{{tree}}"), TREE_BYTES_MAX)
            .await?;
        Ok(found.and_then(|object| {
            let content = object.content?;
            RawTree::parse(&content, object.oid.as_str().len() / 2)
        }))
    }
}

/// The entries of one tree.
#[derive(Debug, Clone)]
struct RawTree {
    entries: Vec<(Vec<u8>, Entry)>,
}

impl RawTree {
    /// `None` if it is malformed, or a name has a slash in it: then paths are not what they seem.
    fn parse(mut bytes: &[u8], oid_bytes: usize) -> Option<Self> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ')?;
            let (mode, rest) = (&bytes[..space], &bytes[space + 1..]);
            let end = rest.iter().position(|byte| *byte == 0)?;
            let name = &rest[..end];
            if name.is_empty() || name.contains(&b'/') {
                return None;
            }
            let oid = rest.get(end + 1..end + 1 + oid_bytes)?;
            bytes = &rest[end + 1 + oid_bytes..];
            entries.push((name.to_owned(), (mode.to_owned(), oid.to_owned())));
        }
        Some(Self { entries })
    }

    /// The entry of this name; `None` if there is more than one.
    fn entry(&self, name: &str) -> Option<Option<(&[u8], &[u8])>> {
        let mut named = self
            .entries
            .iter()
            .filter(|(found, _)| found == name.as_bytes());
        let first = named.next();
        match named.next() {
            Some(_) => None,
            None => Some(first.map(|(_, (mode, oid))| (mode.as_slice(), oid.as_slice()))),
        }
    }
}

fn oid(raw: &[u8]) -> Option<Oid> {
    let text: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    text.parse().ok()
}
