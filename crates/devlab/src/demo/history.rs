//! Makes the example project a repository with a history, the same commits everywhere.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::process::Command;

use super::files;

#[derive(Deserialize)]
struct History {
    branch: String,
    commits: Vec<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
    author: String,
    date: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    from: Option<String>,
}

impl Commit {
    /// Name and address of its author, who is its committer too.
    fn author(&self) -> anyhow::Result<(&str, &str)> {
        let author = self
            .author
            .strip_suffix('>')
            .and_then(|author| author.split_once(" <"));
        author.with_context(|| format!("\"{}\" in history.json is not `name <email>`", self.author))
    }
}

/// Makes the checkout from the files that were written to `demo`. `path_env` finds git.
pub(super) async fn make(demo: &Path, checkout: &Path, path_env: &OsStr) -> anyhow::Result<()> {
    let history: History =
        serde_json::from_str(&files::text("history.json")?).context("history.json")?;
    std::fs::create_dir_all(checkout)?;
    let git = Git { checkout, path_env };
    let init = [
        "init",
        "--quiet",
        "--template=",
        "--initial-branch",
        &history.branch,
    ];
    git.run(&init, &[]).await?;
    for commit in &history.commits {
        for file in &commit.files {
            let to = checkout.join(&file.path);
            let from = match &file.from {
                Some(from) => demo.join(from),
                None => demo.join("project").join(&file.path),
            };
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        git.run(&["add", "--all"], &[]).await?;
        git.commit(commit).await?;
    }
    Ok(())
}

/// Folder of the feature, here and in the checkout.
pub(super) const FEATURE: &str = "specs/001-release-1.1";

/// Commits the feature, on top of the history.
pub(super) async fn describe(demo: &Path, checkout: &Path, path_env: &OsStr) -> anyhow::Result<()> {
    let folder = checkout.join(FEATURE);
    std::fs::create_dir_all(&folder)?;
    for name in ["spec.md", "tasks.md"] {
        let from = demo.join(FEATURE).join(name);
        std::fs::copy(&from, folder.join(name))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let git = Git { checkout, path_env };
    git.run(&["add", "--all"], &[]).await?;
    git.commit(&Commit {
        message: "Describe release 1.1".to_owned(),
        author: "Ada Brandt <ada@tally.example>".to_owned(),
        date: "2026-01-23T08:45:00+00:00".to_owned(),
        files: Vec::new(),
    })
    .await
}

/// git with nothing of the person's configuration or environment, so that ids are the same
/// everywhere.
struct Git<'a> {
    checkout: &'a Path,
    path_env: &'a OsStr,
}

impl Git<'_> {
    async fn commit(&self, commit: &Commit) -> anyhow::Result<()> {
        let (name, email) = commit.author()?;
        let env = [
            ("GIT_AUTHOR_NAME", name),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_AUTHOR_DATE", &commit.date),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_COMMITTER_EMAIL", email),
            ("GIT_COMMITTER_DATE", &commit.date),
        ];
        self.run(&["commit", "--quiet", "--message", &commit.message], &env)
            .await
    }

    async fn run(&self, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<()> {
        let ended = Command::new("git")
            .arg("-C")
            .arg(self.checkout)
            .args(args)
            .env_clear()
            .env("PATH", self.path_env)
            .env("LC_ALL", "C.UTF-8")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run git: is it installed?")?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            bail!(
                "git {} failed: {}",
                args.first().unwrap_or(&""),
                said.trim()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checkout's whole state as git names it.
    async fn made() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let (demo, checkout) = (folder.path().join("demo"), folder.path().join("tally"));
        files::write_to(&demo).unwrap();
        let path = crate::environment::Environment::read();
        make(&demo, &checkout, path.raw("PATH").unwrap())
            .await
            .unwrap();
        let output = std::process::Command::new("git")
            .arg("-C")
            .arg(&checkout)
            .args(["log", "--format=%H %an %aI %cI %s", "HEAD"])
            .output()
            .unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        let status = std::process::Command::new("git")
            .arg("-C")
            .arg(&checkout)
            .args(["status", "--porcelain"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(status.stdout).unwrap(), "");
        (folder, log)
    }

    #[tokio::test]
    async fn the_history_has_the_same_ids_everywhere_and_ends_with_the_project() {
        let (one, log) = made().await;
        let (_other, again) = made().await;
        assert_eq!(log, again);
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 5, "{log}");
        assert!(lines[4].contains(" Ada Brandt 2026-01-12T09:10:00+00:00 2026-01-12T09:10:00"));
        let below = |folder: &str| {
            let mut found = Vec::new();
            files_below(&one.path().join(folder), Path::new(""), &mut found);
            found.sort();
            found
        };
        assert_eq!(below("tally"), below("demo/project"));
    }

    /// Names and contents of all files but git's own.
    fn files_below(top: &Path, at: &Path, found: &mut Vec<(std::path::PathBuf, Vec<u8>)>) {
        for entry in std::fs::read_dir(top.join(at)).unwrap() {
            let entry = entry.unwrap();
            let path = at.join(entry.file_name());
            if entry.file_type().unwrap().is_file() {
                found.push((path, std::fs::read(entry.path()).unwrap()));
            } else if entry.file_name() != ".git" {
                files_below(top, &path, found);
            }
        }
    }

    #[test]
    fn an_author_is_a_name_and_an_address() {
        let commit = |author: &str| Commit {
            message: String::new(),
            author: author.to_owned(),
            date: String::new(),
            files: Vec::new(),
        };
        assert_eq!(commit("A B <a@b>").author().unwrap(), ("A B", "a@b"));
        for bad in ["A B", "<a@b>", "A <a@b> x"] {
            assert!(commit(bad).author().is_err(), "{bad}");
        }
    }
}
