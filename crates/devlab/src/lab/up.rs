//! `devlab server` and `devlab up`: the lab in the foreground of this process.

use std::time::Duration;

use devlab_core::server::ServerRole;
use devlab_runtime::local::{LocalConfig, LocalRuntime};
use devlab_runtime::{AgentSpec, Runtime};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::serve::Server;
use super::share::Sharing;
use super::signals::Stop;
use super::{daemon, telemetry};
use crate::args::{Output, Up};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::show;

/// Its last words once it is up: what it says before is complete then.
pub(super) const UP: &str = "Ctrl-C stops it; `devlab logs -f` shows what it does";
/// What is said where the agents of several orgs run as one user.
const SHARED: &str =
    "several orgs share the local agents: their drivers run as the same user of this machine";
/// Label of local agents.
pub(super) const LOCAL_LABEL: &str = "local";
/// How long running work may go on after the first signal.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);
/// What an agent gets on top, to hand in what it has.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// `devlab server`.
pub(crate) async fn server(context: &Context) -> anyhow::Result<()> {
    telemetry::to_stderr(&context.settings)?;
    let tracker = TaskTracker::new();
    let stop = Stop::listen(&tracker)?;
    let server = Server::start(context, 0).await?;
    announce(context, &server, 0)?;
    let by_itself = ends(&server, &stop).await;
    tokio::select! {
        () = server.shut_down() => {}
        () = stop.hard.cancelled() => {}
    }
    ended(by_itself, &stop)
}

/// `devlab up`.
pub(crate) async fn up(context: &Context, up: &Up) -> anyhow::Result<()> {
    if up.detach {
        return daemon::start(context, up).await;
    }
    let home = Home::ensure(context.settings.home()?)?;
    if up.daemon {
        // Its own session, so that the end of the terminal is not its end.
        rustix::process::setsid().ok();
    }
    telemetry::to_file(&context.settings, &home.lab_log())?;
    let tracker = TaskTracker::new();
    let stop = Stop::listen(&tracker)?;
    let count = context.settings.agents()?;
    if !context.settings.roles()?.has(ServerRole::Api) {
        return Err(Failure::usage(
            "the local agents of `devlab up` need a server with the role api: add it, or use \
             `devlab server`",
        ));
    }
    let server = Server::start(context, count).await?;
    let runtime = runtime(context, &server.home)?;
    let sharing = match context.settings.agent_orgs() {
        Some(orgs) if count > 0 => {
            Some(Sharing::start(context, &server, &runtime, orgs, count).await?)
        }
        Some(_) | None => {
            start_agents(&server, &runtime, count).await?;
            None
        }
    };
    announce(context, &server, count)?;
    if sharing.is_some() {
        show::note(SHARED);
    }
    show::note(UP);
    let by_itself = match sharing {
        None => ends(&server, &stop).await,
        Some(sharing) => {
            let end = CancellationToken::new();
            let ends = async {
                let by_itself = ends(&server, &stop).await;
                end.cancel();
                by_itself
            };
            let (by_itself, ()) = tokio::join!(ends, sharing.run(&server, &runtime, &end));
            by_itself
        }
    };
    show::note("stopping: running work gets 30 s to finish; Ctrl-C again stops at once");
    stop_all(server, &runtime, &stop).await;
    ended(by_itself, &stop)
}

/// Waits until somebody ends it, or it ends by itself, which is `true`.
async fn ends(server: &Server, stop: &Stop) -> bool {
    tokio::select! {
        () = stop.soft.cancelled() => false,
        () = server.lab.stopping().cancelled() => true,
    }
}

fn ended(by_itself: bool, stop: &Stop) -> anyhow::Result<()> {
    if by_itself {
        let words = "stopped: another process runs as this server, or its lab was replaced; its log \
                     says more";
        return Err(Failure::new(Exit::Failed, words));
    }
    stop.ended("stopped")
}

/// A runtime whose agents log into the home's folder.
pub(crate) fn runtime(context: &Context, home: &Home) -> anyhow::Result<LocalRuntime> {
    Ok(LocalRuntime::new(LocalConfig {
        executable: std::env::current_exe()?,
        logs: home.logs(),
        env: context.environment.for_agents(),
    }))
}

/// Name of a local agent.
pub(super) fn local_agent(number: usize) -> String {
    format!("local-{number}")
}

async fn start_agents(server: &Server, runtime: &LocalRuntime, count: usize) -> anyhow::Result<()> {
    let token = server.agent_token(server.org).await?;
    for number in 1..=count {
        let name = local_agent(number);
        let spec = AgentSpec {
            home: server.home.agent(&name),
            cache: Some(server.home.cache()),
            name,
            labels: vec![LOCAL_LABEL.to_owned()],
            capacity: 1,
            url: server.url.clone(),
            token: token.clone(),
            env: std::collections::BTreeMap::new(),
        };
        runtime.start(spec).await?;
    }
    Ok(())
}

/// Agents first, so that they can hand in what they finish; a second signal hurries them.
pub(crate) async fn stop_all(server: Server, runtime: &LocalRuntime, stop: &Stop) {
    let drained = runtime.stop_all(DRAIN + DRAIN_MARGIN);
    tokio::select! {
        () = drained => {}
        () = stop.hard.cancelled() => runtime.stop_all(Duration::ZERO).await,
    }
    server.shut_down().await;
}

fn announce(context: &Context, server: &Server, agents: usize) -> anyhow::Result<()> {
    if let Some(trouble) = &server.blobs_trouble {
        show::note(&format!(
            "no log is sealed and no artifact kept until this is mended: {trouble}"
        ));
    }
    if context.output == Output::Json {
        return show::json(&serde_json::json!({
            "url": server.url,
            "dashboard": server.dashboard,
            "agents": agents,
            "login": server.login,
        }));
    }
    let with = if agents > 0 {
        format!(", {}", show::count(agents as u64, "local agent"))
    } else {
        String::new()
    };
    show::line(&format!("devlab is up at {}{with}", server.url))?;
    if let Some(dashboard) = &server.dashboard {
        show::line(&format!("  dashboard: {dashboard}"))?;
    }
    if let Some(login) = &server.login {
        let path = server.home.credentials_path();
        show::line(&format!("  log in once, within a day: {login}"))?;
        show::line(&format!("  commands of yours use {}", path.display()))?;
    }
    Ok(())
}
