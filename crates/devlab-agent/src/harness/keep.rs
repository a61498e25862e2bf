//! Files that the task wants kept: found in the driver's tree, sent one by one.
//!
//! The driver is over, and nothing of it is left, so the tree holds still. It is what the driver
//! made it, though: nothing is followed out of it, and only so much is looked at and sent. What
//! cannot be kept is said in the attempt's log, and keeps nobody from the result.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use devlab_api::client::{ArtifactUpload, ClientError};
use devlab_core::check::{Sha256Hasher, Sha256Hex};
use devlab_core::limits::{ARTIFACT_BYTES_MAX, ARTIFACTS_BYTES_MAX, ARTIFACTS_MAX};
use devlab_core::pattern;
use devlab_core::rules::bytes::CONDEMN_TERM;
use rustix::fs::OFlags;

use super::pause::Pause;
use super::points;
use super::shared::{is_gone, is_wrong_blobs, words};
use super::signal::Cause;
use super::work::{Stop, Work};
use crate::journal::Entry;

/// Most files and folders of a tree that are looked at.
const ENTRIES_MAX: usize = 500_000;
/// Deepest folder that is looked at.
const DEPTH_MAX: usize = 64;
/// How long a server that does not take an artifact is asked again.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same while it is just removing a blob with the same bytes, which nobody needed any more.
const PATIENCE_WITH_REMOVAL: Duration = CONDEMN_TERM.saturating_add(PATIENCE);
/// Bytes read from a file at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// What a tree has for a task.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Paths below the root, sorted, with their lengths.
    files: Vec<(String, u64)>,
    /// What is not kept, and why.
    left: Vec<String>,
}

/// What became of a file.
enum Sent {
    /// The server has it.
    Kept,
    /// It is left out.
    Left,
    /// The server takes none, for this reason.
    Never(String),
}

impl Work {
    /// Sends what the task wants kept, unless the journal says that it was.
    pub(super) async fn keep_artifacts(&self) -> Result<(), Stop> {
        let patterns = self.claim.artifacts.clone();
        if patterns.is_empty() || self.facts(|facts| facts.kept) {
            return Ok(());
        }
        let tree = self.paths.tree();
        let found = self.files(move || find(&tree, &patterns)).await?;
        for why in &found.left {
            self.say(&format!("not kept: {why}"));
        }
        for (at, (path, len)) in found.files.iter().enumerate() {
            if self.facts(|facts| facts.artifacts.contains(path)) {
                continue;
            }
            match self.send_artifact(path, *len).await? {
                Sent::Kept => self.record(Entry::Artifact(path.clone())).await?,
                Sent::Left => {}
                Sent::Never(why) => {
                    self.say(&format!("not kept: {}: {why}", rest(&found.files[at..])));
                    break;
                }
            }
            self.reach(points::DURING_ARTIFACTS).await?;
        }
        self.record(Entry::Kept).await
    }

    /// Sends one file.
    async fn send_artifact(&self, path: &str, len: u64) -> Result<Sent, Stop> {
        let file = self.paths.tree().join(path);
        let opened = file.clone();
        let sha256 = match self.files(move || Ok(hash(&opened, len))).await? {
            Ok(sha256) => sha256,
            Err(error) => {
                self.say(&format!("not kept: {path}: {error}"));
                return Ok(Sent::Left);
            }
        };
        let upload = ArtifactUpload {
            task: self.claim.task,
            attempt: self.claim.attempt,
            path: path.to_owned(),
            sha256,
            len,
        };
        let mut pause = Pause::default();
        let began = tokio::time::Instant::now();
        loop {
            let open = open(&file)?;
            let sent = self.shared.client.put_artifact(&upload, open);
            let Err(error) = self.unless_stopped(sent).await? else {
                self.say(&format!("kept {path} ({len} bytes)"));
                return Ok(Sent::Kept);
            };
            if is_gone(&error) {
                return Err(Stop::Raised(self.signal.cause().unwrap_or(Cause::Gone)));
            }
            if is_wrong_blobs(&error) {
                return Ok(Sent::Never(words(&error)));
            }
            if began.elapsed() > patience(&error) {
                self.say(&format!("not kept: {path}: {}", words(&error)));
                return Ok(Sent::Left);
            }
            self.unless_stopped(pause.wait(error.retry_after())).await?;
        }
    }
}

/// The files that are not sent any more.
fn rest(files: &[(String, u64)]) -> String {
    match files {
        [(path, _)] => path.clone(),
        [(path, _), others @ ..] => format!("{path} and {} more", others.len()),
        [] => String::new(),
    }
}

/// How long the same call may be repeated.
fn patience(error: &ClientError) -> Duration {
    if error.code() == Some("conflict") {
        PATIENCE_WITH_REMOVAL
    } else if error.is_retryable() {
        PATIENCE
    } else {
        Duration::ZERO
    }
}

/// Opens a file that is no link.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits());
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.map_err(io::Error::other)?)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    Ok(file)
}

fn hash(path: &Path, len: u64) -> io::Result<Sha256Hex> {
    let mut file = open(path)?;
    let (mut hasher, mut seen) = (Sha256Hasher::default(), 0_u64);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        seen += read as u64;
        hasher.update(&piece[..read]);
    }
    if seen != len {
        return Err(io::Error::other("it changes"));
    }
    Ok(hasher.finish())
}

/// Looks for files that the patterns mean.
fn find(root: &Path, patterns: &[String]) -> io::Result<Found> {
    let mut found = Found::default();
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    let mut looked_at = 0;
    while let Some((folder, path, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if depth > 0 => {
                found.left.push(format!("{path}: {error}"));
                continue;
            }
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            looked_at += 1;
            if looked_at > ENTRIES_MAX {
                let why = format!("the rest of a tree of more than {ENTRIES_MAX} files");
                found.left.push(why);
                return Ok(bounded(found));
            }
            look(&mut found, &mut folders, patterns, (&path, depth), &entry)?;
        }
    }
    Ok(bounded(found))
}

fn look(
    found: &mut Found,
    folders: &mut Vec<(PathBuf, String, usize)>,
    patterns: &[String],
    (above, depth): (&str, usize),
    entry: &fs::DirEntry,
) -> io::Result<()> {
    let name = entry.file_name();
    let Some(name) = name.to_str() else {
        return Ok(());
    };
    if depth == 0 && name == ".git" {
        return Ok(());
    }
    let path = match above {
        "" => name.to_owned(),
        above => format!("{above}/{name}"),
    };
    // Of the entry itself: a link is neither a folder nor a file.
    let kind = entry.file_type()?;
    if kind.is_dir() {
        let is_wanted = patterns.iter().any(|p| pattern::may_match_below(p, &path));
        if is_wanted && depth < DEPTH_MAX {
            folders.push((entry.path(), path, depth + 1));
        }
    } else if patterns.iter().any(|p| pattern::matches(p, &path)) {
        if kind.is_file() {
            found.files.push((path, entry.metadata()?.len()));
        } else {
            found.left.push(format!("{path}: it is no file"));
        }
    }
    Ok(())
}

/// What is within the limits, in the order of the paths.
fn bounded(mut found: Found) -> Found {
    found.files.sort();
    let (mut count, mut bytes) = (0, 0);
    let left = &mut found.left;
    found.files.retain(|(path, len)| {
        let why = if *len > ARTIFACT_BYTES_MAX {
            format!("it has {len} bytes, the limit is {ARTIFACT_BYTES_MAX}")
        } else if count >= ARTIFACTS_MAX {
            format!("the limit is {ARTIFACTS_MAX} files")
        } else if bytes + len > ARTIFACTS_BYTES_MAX {
            format!("the limit is {ARTIFACTS_BYTES_MAX} bytes in all")
        } else {
            (count, bytes) = (count + 1, bytes + len);
            return true;
        };
        left.push(format!("{path}: {why}"));
        false
    });
    // One line says enough.
    if left.len() > LEFT_MAX {
        let more = left.len() - LEFT_MAX;
        left.truncate(LEFT_MAX);
        left.push(format!("{more} more"));
    }
    found
}

/// Most files that are named as not kept.
const LEFT_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn found(root: &Path, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        let found = find(root, &patterns).unwrap();
        found.files.into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn files_are_found_and_links_are_not_followed() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = dir.path();
        write(outside.path(), "secret.html", "no");
        for path in [
            "report/a.html",
            "report/deep/b.html",
            "report/c.txt",
            ".git/x.html",
            "top.html",
        ] {
            write(root, path, path);
        }
        std::os::unix::fs::symlink(outside.path(), root.join("report/out")).unwrap();
        let secret = outside.path().join("secret.html");
        std::os::unix::fs::symlink(&secret, root.join("report/link.html")).unwrap();
        assert_eq!(
            found(root, &["report/**/*.html"]),
            ["report/a.html", "report/deep/b.html"]
        );
        assert_eq!(
            found(root, &["**/*.html"]),
            ["report/a.html", "report/deep/b.html", "top.html"]
        );
        assert_eq!(
            found(root, &["report/deep", "top.*"]),
            ["report/deep/b.html", "top.html"]
        );
        assert_eq!(found(root, &["none"]), Vec::<String>::new());
        let links = find(root, &["report".to_owned()]).unwrap().left;
        assert!(
            links.iter().any(|why| why.starts_with("report/link.html")),
            "{links:?}"
        );
        assert!(open(&root.join("report/link.html")).is_err());
        assert!(open(&root.join("report")).is_err());
    }

    #[test]
    fn only_so_much_is_kept() {
        let files = (0..ARTIFACTS_MAX + 30).map(|n| (format!("{n:04}"), 1));
        let large = ("0000-large".to_owned(), ARTIFACT_BYTES_MAX + 1);
        let found = bounded(Found {
            files: files.chain([large]).collect(),
            left: Vec::new(),
        });
        assert_eq!(found.files.len(), ARTIFACTS_MAX);
        assert_eq!(found.left.len(), LEFT_MAX + 1);
        assert!(
            found.left[0].starts_with("0000-large"),
            "{:?}",
            found.left[0]
        );
    }

    #[test]
    fn a_file_that_changes_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a", "four");
        let path = dir.path().join("a");
        assert_eq!(hash(&path, 4).unwrap(), Sha256Hex::of(b"four"));
        assert!(hash(&path, 5).is_err());
    }
}
