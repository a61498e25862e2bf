//! A tree in which one file has other content, without a checkout.

use crate::commit::parse_oid;
use crate::error::{Error, Result};
use crate::inspect::check_path;
use crate::name::Oid;
use crate::repo::BareRepo;

impl BareRepo {
    /// The tree of a commit with other content in a file that is there. Two processes for each
    /// folder on the way to it, and one for the content. No ref names the tree yet.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such file; [`Error::Invalid`] for a path as in
    /// [`BareRepo::read_file`].
    pub async fn tree_with_file(&self, commit: &Oid, path: &str, content: &[u8]) -> Result<Oid> {
        check_path(path)?;
        let out = self
            .cmd("hash-object")
            .args(["-w", "--no-filters", "--stdin"])
            .stdin(content)
            .ok()
            .await?;
        let mut object = parse_oid("hash-object", &out)?;
        let mut rest = path;
        loop {
            let (folder, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            object = self.tree_with_entry(commit, folder, name, &object).await?;
            if folder.is_empty() {
                return Ok(object);
            }
            rest = folder;
        }
    }

    /// A folder of a commit as a tree in which the entry `name` is another object.
    async fn tree_with_entry(
        &self,
        commit: &Oid,
        folder: &str,
        name: &str,
        object: &Oid,
    ) -> Result<Oid> {
        let out = self
            .cmd("ls-tree")
            .args(["-z", "--full-tree"])
            .arg(format!("{commit}:{folder}"))
            .ok()
            .await?;
        let mut tree = Vec::with_capacity(out.len());
        let mut found = false;
        // Each entry is `mode type id\tname`, and stays byte for byte but for the one that changes.
        for entry in out.split_inclusive(|byte| *byte == 0) {
            let tab = entry.iter().position(|byte| *byte == b'\t');
            let tab = tab.ok_or_else(|| Error::unexpected("ls-tree", "an entry without a name"))?;
            let (what, own) = entry.split_at(tab);
            if own[1..].strip_suffix(&[0]) != Some(name.as_bytes()) {
                tree.extend_from_slice(entry);
                continue;
            }
            let end = what.iter().rposition(|byte| *byte == b' ').unwrap_or(0);
            tree.extend_from_slice(&what[..=end]);
            tree.extend_from_slice(object.as_str().as_bytes());
            tree.extend_from_slice(own);
            found = true;
        }
        if !found {
            return Err(Error::Missing {
                what: format!("file {name} in {commit}:{folder}"),
            });
        }
        let out = self.cmd("mktree").arg("-z").stdin(tree).ok().await?;
        parse_oid("mktree", &out)
    }
}
