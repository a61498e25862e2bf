//! git in a person's checkout, with their configuration, and with the lab's token where it has to
//! be: in the environment of that one command, never in an argument or a file.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use crate::context::Context;
use crate::failure::Failure;

/// What git says if another process writes the same configuration.
const CONFIG_LOCKED: &str = "could not lock config file";
/// How often it is tried to be written, and the pause in between.
const CONFIG_TRIES: u32 = 20;
const CONFIG_PAUSE: Duration = Duration::from_millis(100);

/// A checkout.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    top: PathBuf,
    /// `GIT_CONFIG_COUNT` of the person's own environment: ours is added to it.
    configured: usize,
}

/// A project's repository in the lab.
#[derive(Debug, Clone)]
pub(crate) struct LabRepo {
    pub(crate) url: String,
    pub(crate) token: Option<SecretString>,
}

impl Checkout {
    /// The checkout that the current folder is in.
    ///
    /// # Errors
    /// It is in none, or git is missing.
    pub(crate) async fn here(context: &Context) -> anyhow::Result<Self> {
        let here = std::env::current_dir()?;
        let this = Self::at(context, here.clone());
        let top = this.run(&["rev-parse", "--show-toplevel"]).await.map_err(|error| {
            Failure::usage(format!(
                "{} is in no git checkout ({error}): go to one, or make one with `git init` and a \
                 first commit",
                here.display()
            ))
        })?;
        Ok(Self {
            top: PathBuf::from(top),
            ..this
        })
    }

    /// The checkout in this folder.
    pub(crate) fn at(context: &Context, top: PathBuf) -> Self {
        let configured = context.environment.text("GIT_CONFIG_COUNT");
        Self {
            top,
            configured: configured.and_then(|count| count.parse().ok()).unwrap_or(0),
        }
    }

    /// Another folder, with the same environment.
    pub(crate) fn beside(&self, top: PathBuf) -> Self {
        Self {
            top,
            configured: self.configured,
        }
    }

    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.top)
            .args(args)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs git; its output without the last line end.
    ///
    /// # Errors
    /// git's own words.
    pub(crate) async fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        output(self.command(args), args).await
    }

    /// Whether git says yes (exit code 0).
    pub(crate) async fn holds(&self, args: &[&str]) -> anyhow::Result<bool> {
        let ended = self
            .command(args)
            .output()
            .await
            .context("cannot run git")?;
        Ok(ended.status.success())
    }

    /// Runs git with the lab's token for addresses of the lab.
    async fn run_with(&self, repo: &LabRepo, args: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(args);
        let mut pairs = vec![
            // The person's helpers would be asked, and would store the answer.
            ("credential.helper".to_owned(), String::new()),
            ("core.askPass".to_owned(), String::new()),
            ("http.followRedirects".to_owned(), "false".to_owned()),
        ];
        if let Some(token) = &repo.token {
            let basic = STANDARD.encode(format!("devlab:{}", token.expose_secret()));
            let name = format!("http.{}.extraHeader", repo.url);
            pairs.push((name, format!("Authorization: Basic {basic}")));
        }
        for (index, (name, value)) in pairs.iter().enumerate() {
            let index = self.configured + index;
            command.env(format!("GIT_CONFIG_KEY_{index}"), name);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command.env(
            "GIT_CONFIG_COUNT",
            (self.configured + pairs.len()).to_string(),
        );
        command.env("GIT_TERMINAL_PROMPT", "0");
        output(command, args).await
    }

    /// Pushes a commit to a ref of the lab. Hooks of the person are for their own remotes.
    pub(crate) async fn push(&self, repo: &LabRepo, from: &str, to: &str) -> anyhow::Result<()> {
        let refspec = format!("{from}:{to}");
        let args = [
            "push",
            "--quiet",
            "--no-verify",
            "--no-signed",
            &repo.url,
            &refspec,
        ];
        self.run_with(repo, &args).await?;
        Ok(())
    }

    /// Fetches a ref or a commit of the lab; with `to`, into a ref of this checkout.
    pub(crate) async fn fetch(
        &self,
        repo: &LabRepo,
        from: &str,
        to: Option<&str>,
    ) -> anyhow::Result<()> {
        let refspec = to.map_or_else(|| from.to_owned(), |to| format!("+{from}:{to}"));
        let args = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            &repo.url,
            &refspec,
        ];
        self.run_with(repo, &args).await?;
        Ok(())
    }

    /// The commit that is checked out; `None` in a repository without one.
    pub(crate) async fn head(&self) -> anyhow::Result<Option<String>> {
        self.resolve("HEAD").await
    }

    /// The commit that a name stands for, if there is one.
    pub(crate) async fn resolve(&self, name: &str) -> anyhow::Result<Option<String>> {
        let commit = format!("{name}^{{commit}}");
        let args = [
            "rev-parse",
            "--quiet",
            "--verify",
            "--end-of-options",
            &commit,
        ];
        if !self.holds(&args).await? {
            return Ok(None);
        }
        self.run(&args).await.map(Some)
    }

    /// The branch that is checked out; `None` if the head is detached.
    pub(crate) async fn branch(&self) -> anyhow::Result<Option<String>> {
        let args = ["symbolic-ref", "--quiet", "--short", "HEAD"];
        if !self.holds(&args).await? {
            return Ok(None);
        }
        self.run(&args).await.map(Some)
    }

    /// Refuses a clone that lacks a part of its history: no lab can take a push from it, or tell what
    /// it has in common with a project.
    ///
    /// # Errors
    /// It is shallow.
    pub(crate) async fn whole(&self) -> anyhow::Result<()> {
        let said = self.run(&["rev-parse", "--is-shallow-repository"]).await?;
        if said != "true" {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{} is a shallow clone, and the lab needs the whole history\n  → `git fetch --unshallow`",
            self.top.display()
        )))
    }

    /// Files with changes that are in no commit; untracked ones count.
    pub(crate) async fn dirty(&self) -> anyhow::Result<u64> {
        let status = self.run(&["status", "--porcelain"]).await?;
        Ok(status.lines().count() as u64)
    }

    /// Whether one commit is in the history of another. Both have to be here.
    pub(crate) async fn is_ancestor(&self, one: &str, of: &str) -> anyhow::Result<bool> {
        self.holds(&["merge-base", "--is-ancestor", one, of]).await
    }

    /// A value of the checkout's own configuration.
    pub(crate) async fn config(&self, name: &str) -> anyhow::Result<Option<String>> {
        let args = ["config", "--local", "--get", name];
        if !self.holds(&args).await? {
            return Ok(None);
        }
        self.run(&args).await.map(Some)
    }

    /// Sets a value of the checkout's own configuration. git does not wait for another command that
    /// does so at the same moment, so this does.
    pub(crate) async fn set_config(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let args = ["config", "--local", name, value];
        for _ in 1..CONFIG_TRIES {
            match self.run(&args).await {
                Err(error) if error.to_string().contains(CONFIG_LOCKED) => {
                    tokio::time::sleep(CONFIG_PAUSE).await;
                }
                set => return set.map(drop),
            }
        }
        self.run(&args).await.map(drop)
    }
}

async fn output(mut command: Command, args: &[&str]) -> anyhow::Result<String> {
    let ended = command
        .output()
        .await
        .context("cannot run git: is it installed?")?;
    if ended.status.success() {
        return Ok(String::from_utf8_lossy(&ended.stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    anyhow::bail!(
        "git {} failed: {}",
        args.first().unwrap_or(&""),
        said.trim()
    )
}
