//! The lab in the background: `devlab up --detach` and `devlab down`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use devlab_api::client::{Client, Timeouts};
use rustix::process::Signal;
use serde_json::json;
use tokio::process::{Child, Command};

use super::{drain, up};
use crate::args::{Down, Output, Up};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::{Home, ServerFile};
use crate::show;

/// How long a lab may take to start: it may have to migrate its store.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a lab that answers is waited for to say the rest.
const ANNOUNCED_MAX: Duration = Duration::from_secs(15);
/// How often a file or process is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it is told so until it has.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// How long a lab has to end after it was told to stop at once.
const HARD_STOP: Duration = Duration::from_secs(15);
/// Most of a failed start's output that is shown.
const OUTPUT_SHOWN_MAX: usize = 4_000;

/// `devlab up --detach`.
pub(crate) async fn start(context: &Context, up: &Up) -> anyhow::Result<()> {
    let home = Home::ensure(context.settings.home()?)?;
    if let Some(server) = home.server() {
        show::note(&format!(
            "a lab runs already (process {})",
            server.process.pid
        ));
        return print(context, &server);
    }
    let mut command = base_command()?;
    if let Some(agents) = up.agents {
        command.args(["--agents", &agents.to_string()]);
    }
    if let Some(orgs) = &up.agent_orgs {
        command.args(["--agent-orgs", orgs]);
    }
    if let Some(bind) = up.server.bind {
        command.args(["--bind", &bind.to_string()]);
    }
    if let Some(lease) = up.server.lease_secs {
        command.args(["--lease-secs", &lease.to_string()]);
    }
    let server = start_with(&home, command).await?;
    print(context, &server)
}

/// Starts a lab in the background with the settings of this process, unless one runs.
pub(crate) async fn ensure(context: &Context) -> anyhow::Result<ServerFile> {
    let home = Home::ensure(context.settings.home()?)?;
    match home.server() {
        Some(server) => Ok(server),
        None => start_with(&home, base_command()?).await,
    }
}

fn base_command() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--foreground", "--daemon"]);
    Ok(command)
}

async fn start_with(home: &Home, mut command: Command) -> anyhow::Result<ServerFile> {
    let output = home.logs().join("start.log");
    let file = std::fs::File::create(&output)
        .with_context(|| format!("cannot write {}", output.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .context("cannot start the lab")?;
    let began = async {
        let server = ready(home, &mut child).await?;
        announced(&output, &server).await;
        Ok(server)
    };
    let server = match tokio::time::timeout(START_MAX, began).await {
        Ok(result) => result,
        Err(_) => {
            child.kill().await.ok();
            Err(Failure::new(
                Exit::Timeout,
                "the lab did not get ready in time",
            ))
        }
    };
    let said = std::fs::read(&output).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let start = said.trim().get(..OUTPUT_SHOWN_MAX).unwrap_or(said.trim());
    match server {
        Ok(server) => {
            // Its first words: among them the login link of a first start.
            show::note(
                start
                    .lines()
                    .filter(|line| *line != up::UP)
                    .collect::<Vec<_>>()
                    .join("\n")
                    .trim(),
            );
            Ok(server)
        }
        Err(error) => Err(error.context(start.to_owned())),
    }
}

/// Until the lab answers, or has ended.
async fn ready(home: &Home, child: &mut Child) -> anyhow::Result<ServerFile> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Err(Failure::new(
                Exit::Failed,
                format!(
                    "the lab ended with {status}; its log is {}",
                    home.lab_log().display()
                ),
            ));
        }
        if let Some(server) = home.server() {
            let client = Client::new(&server.url, None, Timeouts::default())?;
            if client.ready().await.is_ok() {
                return Ok(server);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Until the lab has said all that it says at its start, or has ended: it answers before that. A lab
/// that answers is not given up because it says nothing.
async fn announced(output: &Path, server: &ServerFile) {
    let is_complete = || {
        let said = std::fs::read(output).unwrap_or_default();
        String::from_utf8_lossy(&said)
            .lines()
            .any(|line| line == up::UP)
    };
    let waited = async {
        while !is_complete() && server.process.is_alive() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(ANNOUNCED_MAX, waited).await.is_err() {
        tracing::warn!("the lab answers, but has not said all that it says at its start");
    }
}

fn print(context: &Context, server: &ServerFile) -> anyhow::Result<()> {
    match context.output {
        Output::Json => show::json(server),
        Output::Table => show::line(&format!(
            "devlab runs in the background at {} (process {}); `devlab down` stops it",
            server.url, server.process.pid
        )),
    }
}

/// `devlab down`.
pub(crate) async fn down(context: &Context, down: &Down) -> anyhow::Result<()> {
    let home = context.home()?;
    let Some(server) = home.server() else {
        show::note(&format!("no lab runs on {}", home.path().display()));
        return show::done(context.output, &json!({ "stopped": false }));
    };
    let pid = server.process.pid;
    server.process.signal(Signal::TERM);
    let mut wait = Duration::from_secs(down.wait);
    if down.now {
        wait = Duration::ZERO;
    } else {
        show::note(&format!(
            "asked the lab (process {pid}) to stop; running work may finish first"
        ));
    }
    let in_time = finished(context, &server, wait).await;
    if !in_time {
        show::note("it is told to stop at once");
        if !stops_at_once(&server).await {
            return Err(Failure::new(
                Exit::Timeout,
                format!(
                    "the lab (process {pid}) is still there; `kill -9 {pid}` ends it, and nothing that was acknowledged is lost"
                ),
            ));
        }
    }
    show::note(&format!(
        "the lab (process {pid}) has stopped, and its agents with it"
    ));
    show::done(
        context.output,
        &json!({ "stopped": true, "process": pid, "work_finished": in_time }),
    )
}

/// Waits for the lab to end, and says meanwhile what it is that takes time.
async fn finished(context: &Context, server: &ServerFile, wait: Duration) -> bool {
    let Ok(lab) = context.lab_at(server.url.clone()) else {
        return gone(server, wait).await;
    };
    if wait.is_zero() {
        return gone(server, wait).await;
    }
    let in_time = tokio::select! {
        in_time = gone(server, wait) => in_time,
        never = drain::show(&lab.client, server.agents, wait) => match never {},
    };
    drain::clear();
    in_time
}

/// Tells it again and again: of two signals that come together a process hears one.
async fn stops_at_once(server: &ServerFile) -> bool {
    let told = async {
        loop {
            server.process.signal(Signal::TERM);
            if gone(server, TELL_EVERY).await {
                return;
            }
        }
    };
    tokio::time::timeout(HARD_STOP, told).await.is_ok()
}

async fn gone(server: &ServerFile, wait: Duration) -> bool {
    let look = async {
        while server.process.is_alive() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(wait, look).await.is_ok()
}
