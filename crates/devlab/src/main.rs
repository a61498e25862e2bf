//! The `devlab` executable: command line, settings, wiring, shutdown.
//!
//! *Invariant:* only this crate reads the environment, and only in [`environment`].
//! *Invariant:* no command writes into a person's checkout unless that is what the command is for.

mod archive;
mod args;
mod checkout;
mod client;
mod clock;
mod context;
mod demo;
mod doctor;
mod environment;
mod failure;
mod home;
mod lab;
mod provenance;
mod settings;
mod show;

use std::collections::BTreeMap;
use std::process::ExitCode;

use args::{Args, Command, DbCommand, Output, ProjectCommand, ServerArgs};
use context::Context;
use devlab_api::client::AuditQuery;
use environment::Environment;
use settings::{Key, Settings};

fn main() -> ExitCode {
    // One provider for TLS, before anything can ask for one. That another is there already cannot
    // be: nothing ran before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let words: Vec<_> = std::env::args_os().collect();
    let args = match Args::read(&words) {
        Ok(args) => args,
        Err(error) => return refused(&error, args::asks_for_json(&words)),
    };
    let output = args.global.output();
    match &args.command {
        // These two come before everything else: they are small processes with one thread.
        Command::Supervise(own) => {
            devlab_agent::supervise::supervise_main(&own.spec, &devlab_core::SystemClock::new())
        }
        Command::SuperviseExec(own) => {
            devlab_agent::supervise::supervise_exec_main(&own.spec, own.parent)
        }
        _ => match start(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error, output),
        },
    }
}

fn failed(error: &anyhow::Error, output: Output) -> ExitCode {
    let exit = failure::exit_of(error);
    let words = failure::words(error);
    match (output, exit) {
        (Output::Json, _) => report(&failure::report(error)),
        // A person who ends something knows that it was no error.
        (Output::Table, failure::Exit::Interrupted) => show::note(&words),
        (Output::Table, _) => show::note(&format!("{0}error:{0:#} {words}", show::RED)),
    }
    ExitCode::from(exit as u8)
}

/// The parser has no command for us: help and the version are that too.
fn refused(error: &clap::Error, json: bool) -> ExitCode {
    if json && error.use_stderr() {
        report(&failure::report_of_parser(error));
    } else {
        // If it cannot be written, nobody is there to be told.
        error.print().ok();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::Exit::Usage as u8))
}

/// One line, after whatever remarks came before, so that a program finds it.
fn report(report: &failure::Report) {
    show::note(&serde_json::to_string(report).unwrap_or_default());
}

fn start(args: Args) -> anyhow::Result<()> {
    let environment = Environment::read();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = Settings::load(&environment, flags(&args), cores)?;
    let context = Context {
        clock: clock::clock(settings.test_clock_file()),
        environment,
        settings,
        output: args.global.output(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match run(&context, args.command).await {
            Err(error) => Err(client::orgs::with_orgs(&context, error).await),
            Ok(()) => Ok(()),
        }
    });
    // What is still in a blocking call (a read of standard input) is not waited for.
    runtime.shutdown_background();
    result
}

/// Flags that stand for settings.
fn flags(args: &Args) -> BTreeMap<Key, String> {
    let mut flags = BTreeMap::new();
    let mut put = |key, value: Option<String>| {
        if let Some(value) = value {
            flags.insert(key, value);
        }
    };
    put(Key::Url, args.global.url.clone());
    put(Key::Token, args.global.token.clone());
    let server: Option<&ServerArgs> = match &args.command {
        Command::Server(server) => Some(server),
        Command::Up(up) => {
            put(Key::Agents, up.agents.map(|agents| agents.to_string()));
            put(Key::AgentOrgs, up.agent_orgs.clone());
            Some(&up.server)
        }
        _ => None,
    };
    if let Some(server) = server {
        put(Key::Bind, server.bind.map(|bind| bind.to_string()));
        put(Key::Roles, server.roles.clone());
        put(Key::Advertise, server.advertise.clone());
        put(
            Key::LeaseSecs,
            server.lease_secs.map(|secs| secs.to_string()),
        );
    }
    flags
}

async fn run(context: &Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(run) => checkout::run::run(context, run).await,
        Command::Up(up) => lab::up::up(context, &up).await,
        Command::Down(down) => lab::daemon::down(context, &down).await,
        Command::Server(_) => lab::up::server(context).await,
        Command::Agent(agent) => lab::agent::run(context, agent).await,
        Command::Demo(demo) => demo::run(context, &demo).await,
        Command::Doctor => doctor::run(context).await,
        Command::Logs(logs) => lab::logs::run(context, &logs).await,
        Command::Backup(backup) => archive::backup::run(context, &backup).await,
        Command::Restore(restore) => archive::restore::run(context, &restore).await,
        Command::Verify => archive::verify::run(context).await,
        Command::Db(DbCommand::Migrate) => archive::migrate::run(context).await,
        Command::Retention(command) => client::retention::run(context, command).await,
        Command::Org(command) => client::orgs::org(context, command).await,
        Command::Project(ProjectCommand::Sync { push }) => {
            checkout::sync::run(context, push.as_deref()).await
        }
        Command::Project(command) => client::orgs::project(context, command).await,
        Command::Goal(command) => client::goals::run(context, command).await,
        Command::Plan(command) => client::plans::run(context, command).await,
        Command::Policy(command) => client::policies::run(context, command).await,
        Command::Schedule(command) => client::schedules::run(context, command).await,
        Command::Task(command) => client::tasks::run(context, command).await,
        Command::Patch(command) => client::patches::run(context, command).await,
        Command::Provenance(command) => provenance::run(context, command).await,
        Command::Artifact(command) => client::artifacts::run(context, command).await,
        Command::Agents(command) => client::agents::run(context, command).await,
        Command::Token(command) => client::tokens::run(context, command).await,
        Command::Events { follow, after, org } => {
            client::lab::events(context, follow, after, org).await
        }
        Command::Audit {
            org,
            text,
            since,
            until,
            paging,
        } => {
            let query = AuditQuery {
                org,
                text,
                since,
                until,
                ..AuditQuery::default()
            };
            client::lab::audit(context, query, &paging).await
        }
        Command::Whoami => client::lab::whoami(context).await,
        Command::Peers => client::lab::peers(context).await,
        Command::Clusters => client::lab::clusters(context).await,
        Command::Config => config(context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut args::command_line(), "devlab", &mut script);
            match context.output {
                Output::Json => show::json(&serde_json::json!({
                    "shell": shell.to_string(),
                    "script": String::from_utf8_lossy(&script),
                })),
                Output::Table => show::bytes(&script),
            }
        }
        // Both were taken care of before there was a runtime.
        Command::Supervise(_) | Command::SuperviseExec(_) => Ok(()),
    }
}

fn config(context: &Context) -> anyhow::Result<()> {
    let shown = context.settings.shown();
    show::list(
        context.output,
        &shown,
        &["setting", "value", "from", "what"],
        |row| {
            vec![
                row.name.to_owned(),
                row.value.clone().unwrap_or_default(),
                row.source.clone(),
                row.about.to_owned(),
            ]
        },
    )
}
