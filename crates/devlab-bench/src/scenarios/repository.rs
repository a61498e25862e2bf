//! A repository to work on.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::process::Command;

/// Files in one folder of it.
const FILES_PER_FOLDER: u32 = 40;
/// Lines of one file; about a kilobyte.
const LINES: u32 = 20;
/// Name of the variable that carries the token to git, which keeps it out of every argv.
const TOKEN_VARIABLE: &str = "BENCH_GIT_TOKEN";
/// Answers git's question for a password with that variable.
const CREDENTIAL_HELPER: &str =
    "!f() { echo username=bench; echo \"password=$BENCH_GIT_TOKEN\"; }; f";

/// Makes a repository with one commit of this many files and a check that passes.
pub(crate) async fn make(dir: &Path, files: u32) -> anyhow::Result<PathBuf> {
    let path = dir.join("repository");
    for index in 0..files {
        let folder = path.join(format!("folder-{}", index / FILES_PER_FOLDER));
        std::fs::create_dir_all(&folder)?;
        let mut text = String::new();
        for line in 0..LINES {
            writeln!(
                text,
                "line {line} of file {index}: what it says is of no matter"
            )?;
        }
        std::fs::write(folder.join(format!("file-{index}.txt")), text)?;
    }
    std::fs::create_dir_all(path.join(".devlab"))?;
    std::fs::write(
        path.join(".devlab/project.toml"),
        "[[check]]\nname = \"trivial\"\nrun = \"true\"\n",
    )?;
    git(&path, &["init", "--quiet", "--initial-branch=main"], None).await?;
    git(&path, &["add", "--all"], None).await?;
    git(&path, &["commit", "--quiet", "--message=Begin"], None).await?;
    Ok(path)
}

/// Pushes its `main` to a project.
pub(crate) async fn push(repository: &Path, url: &str, token: &str) -> anyhow::Result<()> {
    git(
        repository,
        &["push", "--quiet", url, "main:main"],
        Some(token),
    )
    .await
}

/// Number of commits on `main` of a project besides merges and the first one.
pub(crate) async fn landed(repository: &Path, url: &str, token: &str) -> anyhow::Result<usize> {
    git(
        repository,
        &["fetch", "--quiet", url, "+main:refs/bench/landed"],
        Some(token),
    )
    .await?;
    let output = command(repository)
        .args([
            "rev-list",
            "--no-merges",
            "--count",
            "main..refs/bench/landed",
        ])
        .output()
        .await?;
    let text = String::from_utf8(output.stdout)?;
    text.trim().parse().context("git rev-list")
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", "Bench")
        .env("GIT_AUTHOR_EMAIL", "bench@devlab.invalid")
        .env("GIT_COMMITTER_NAME", "Bench")
        .env("GIT_COMMITTER_EMAIL", "bench@devlab.invalid")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "credential.helper")
        .env("GIT_CONFIG_VALUE_0", CREDENTIAL_HELPER);
    command
}

async fn git(dir: &Path, args: &[&str], token: Option<&str>) -> anyhow::Result<()> {
    let mut command = command(dir);
    command.args(args);
    if let Some(token) = token {
        command.env(TOKEN_VARIABLE, token);
    }
    let output = command.output().await.context("cannot run git")?;
    ensure!(
        output.status.success(),
        "git {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_repository_is_made_and_what_landed_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = make(dir.path(), 45).await.unwrap();
        assert!(path.join("folder-1/file-44.txt").exists());
        let bare = dir.path().join("bare.git");
        let url = bare.to_str().unwrap();
        git(dir.path(), &["init", "--quiet", "--bare", url], None)
            .await
            .unwrap();
        push(&path, url, "none").await.unwrap();
        assert_eq!(landed(&path, url, "none").await.unwrap(), 0);

        std::fs::write(path.join("new"), "x").unwrap();
        git(&path, &["add", "new"], None).await.unwrap();
        git(&path, &["commit", "--quiet", "--message=More"], None)
            .await
            .unwrap();
        push(&path, url, "none").await.unwrap();
        git(&path, &["reset", "--quiet", "--hard", "HEAD^"], None)
            .await
            .unwrap();
        assert_eq!(landed(&path, url, "none").await.unwrap(), 1);
    }
}
