//! `devlab agent`: one agent in this process.

use std::path::PathBuf;

use anyhow::Context as _;
use devlab_agent::harness::{self, AgentConfig, Withhold};
use devlab_api::task::{Command, Driver};
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio_util::task::TaskTracker;

use super::serve::host_name;
use super::signals::Stop;
use super::{faults, telemetry};
use crate::args::AgentArgs;
use crate::checkout::slug;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::show;

/// Longest token that is read from standard input.
const TOKEN_BYTES_MAX: u64 = 4096;

/// `devlab agent`.
pub(crate) async fn run(context: &Context, args: AgentArgs) -> anyhow::Result<()> {
    telemetry::to_stderr(&context.settings)?;
    let tracker = TaskTracker::new();
    let stop = Stop::listen(&tracker)?;
    let lab = context.lab()?;
    let token = if args.managed {
        managed(&tracker, &stop).await?
    } else {
        lab.token.ok_or_else(|| {
            Failure::new(
                Exit::NotAllowed,
                "an agent needs a token of the role agent: `devlab token create agent` makes one, \
                 DEVLAB_TOKEN gives it",
            )
        })?
    };
    let name = args.name.unwrap_or_else(|| slug(&host_name()));
    let (home, shared) = match args.home {
        Some(home) => (std::path::absolute(home)?, None),
        None => {
            let lab_home = context.home()?;
            (lab_home.agent(&name), Some(lab_home.cache()))
        }
    };
    let cache = match args.cache {
        Some(cache) => Some(std::path::absolute(cache)?),
        None => shared,
    };
    show::done(
        context.output,
        &serde_json::json!({ "name": name, "url": lab.url, "home": home }),
    )?;
    let path = context.environment.raw("PATH").unwrap_or_default();
    let executable: PathBuf = std::env::current_exe().context("cannot find this program")?;
    let mut config = AgentConfig::new(lab.url, token, name, home, executable, path);
    config.cache = cache;
    config.labels = args.labels;
    config.capacity = args.capacity;
    config.clock = std::sync::Arc::clone(&context.clock);
    config.faults = faults::plan(&context.settings)?;
    config.default_driver = args.driver_command.map(script);
    config.withhold = Withhold {
        check_log: context.settings.withhold() == Some("log"),
        conflict: context.settings.withhold() == Some("conflict"),
    };
    harness::run(config, stop.soft.clone(), stop.hard.clone()).await?;
    if args.managed {
        // Whoever started it asks for no words, and knows why it ends.
        return Ok(());
    }
    stop.ended("stopped")
}

fn script(script: String) -> Driver {
    Driver::Command(Command {
        script: Some(script),
        ..Command::default()
    })
}

/// The token from the pipe of the runtime that started this agent. When the pipe ends, nobody is
/// left who could stop the agent, so it stops by itself.
async fn managed(tracker: &TaskTracker, stop: &Stop) -> anyhow::Result<SecretString> {
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = String::new();
    (&mut input)
        .take(TOKEN_BYTES_MAX)
        .read_line(&mut line)
        .await?;
    let token = SecretString::from(line.trim());
    let stop = stop.clone();
    drop(tracker.spawn(async move {
        let mut rest = [0; 64];
        while let Ok(1..) = input.read(&mut rest).await {}
        stop.soft.cancel();
        stop.hard.cancel();
    }));
    Ok(token)
}
