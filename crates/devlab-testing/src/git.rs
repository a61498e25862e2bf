//! git as a person has it: checkouts, commits, clones and pushes with the real program.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;

/// What a run of git came to.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Whether it exited with 0.
    pub ok: bool,
    /// What it wrote to its standard output, trimmed.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// A checkout in a temporary folder.
#[derive(Debug)]
pub struct Checkout {
    dir: tempfile::TempDir,
    token: Option<String>,
}

impl Checkout {
    /// An empty repository on `main`.
    pub async fn new() -> Self {
        let checkout = Self {
            dir: tempfile::tempdir().unwrap(),
            token: None,
        };
        checkout.git(&["init", "-q", "-b", "main"]).await;
        checkout
    }

    /// The same, showing this token to servers, as the password of Basic. It goes through the
    /// environment, so that it is in no argument.
    #[must_use]
    pub fn with_token(mut self, secret: &str) -> Self {
        self.token = Some(secret.to_owned());
        self
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs git in it.
    pub async fn try_git(&self, args: &[&str]) -> Ran {
        let mut command = Command::new("git");
        command
            .args(args)
            .current_dir(self.dir())
            .kill_on_drop(true);
        for (key, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", "A Person"),
            ("GIT_AUTHOR_EMAIL", "person@localhost"),
            ("GIT_COMMITTER_NAME", "A Person"),
            ("GIT_COMMITTER_EMAIL", "person@localhost"),
        ] {
            command.env(key, value);
        }
        if let Some(token) = &self.token {
            let basic = STANDARD.encode(format!("x:{token}"));
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "http.extraHeader")
                .env(
                    "GIT_CONFIG_VALUE_0",
                    format!("Authorization: Basic {basic}"),
                );
        }
        let output = command.output().await.unwrap();
        Ran {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs git in it and gives its output.
    ///
    /// # Panics
    /// If git fails.
    pub async fn git(&self, args: &[&str]) -> String {
        let ran = self.try_git(args).await;
        assert!(ran.ok, "git {args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Writes files and commits everything; gives the commit's id.
    pub async fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (path, text) in files {
            let path: PathBuf = self.dir().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "-A"]).await;
        self.git(&["commit", "-q", "--allow-empty", "-m", message])
            .await;
        self.git(&["rev-parse", "HEAD"]).await
    }
}
