//! Commits, as the repository has them.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use crate::git::Oid;

/// Length of a SHA-1 in digits: the other object format of git has SHA-256.
const SHA1_DIGITS: usize = 40;

/// What a commit names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree.
    pub tree: Oid,
    /// Its parents, in order.
    pub parents: Vec<Oid>,
}

/// Where commits are read.
pub trait History {
    /// The content of a commit, without git's header; `None` if it is not there.
    ///
    /// # Errors
    /// It cannot be read, in words.
    fn commit(&mut self, oid: &Oid) -> Result<Option<Vec<u8>>, String>;
}

/// Reads the content of a commit, which must be what its id is the hash of: what a repository
/// answers is not believed.
///
/// # Errors
/// It is something else, in words.
pub fn read(oid: &Oid, content: &[u8]) -> Result<Commit, String> {
    let algorithm = match oid.as_str().len() {
        SHA1_DIGITS => &SHA1_FOR_LEGACY_USE_ONLY,
        _ => &SHA256,
    };
    let mut object = format!("commit {}\0", content.len()).into_bytes();
    object.extend_from_slice(content);
    let digest = digest(algorithm, &object);
    let digits: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    if digits != oid.as_str() {
        return Err(format!(
            "the repository has something else under {oid}: run `git fsck`"
        ));
    }
    let unread = || format!("{oid} is not a commit that can be read");
    // The header ends with an empty line; a message may be in any encoding.
    let end = content.windows(2).position(|pair| pair == b"\n\n");
    let header = &content[..end.unwrap_or(content.len())];
    let header = String::from_utf8_lossy(header);
    let mut lines = header.lines();
    let tree = lines.next().and_then(|line| line.strip_prefix("tree "));
    let tree = tree.and_then(|text| text.parse().ok()).ok_or_else(unread)?;
    let parents = lines.map_while(|line| line.strip_prefix("parent "));
    let parents = parents.map(|text| text.parse().map_err(|_| unread()));
    Ok(Commit {
        tree,
        parents: parents.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The id of a commit with this content.
    pub(crate) fn id(content: &[u8]) -> Oid {
        let mut object = format!("commit {}\0", content.len()).into_bytes();
        object.extend_from_slice(content);
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &object);
        let digits: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        digits.parse().unwrap()
    }

    #[test]
    fn a_commit_is_what_its_id_says() {
        // `git commit-tree` of the empty tree, with a name and a date that are fixed.
        let content = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
            parent 1111111111111111111111111111111111111111\n\
            author a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nparent 2\n";
        let commit = read(&id(content), content).unwrap();
        assert_eq!(
            commit.tree.as_str(),
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        );
        assert_eq!(commit.parents, ["1".repeat(40).parse().unwrap()]);
        let mut other = content.to_vec();
        other[5] = b'5';
        assert!(read(&id(content), &other).unwrap_err().contains("git fsck"));
        assert!(read(&id(b"tree x"), b"tree x").is_err());
    }
}
