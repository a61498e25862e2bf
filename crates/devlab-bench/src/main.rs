//! The `devlab-bench` executable: load generator and benchmarks.
//!
//! *Invariant:* it knows a server by its HTTP interface only.
//! *Invariant:* the load runs on one thread with one connection for each simulated agent, because
//! it shares the machine with the server that it measures.

mod args;
#[cfg(test)]
mod fake;
mod lab;
mod load;
mod machine;
mod report;
mod scenarios;
mod stats;
mod wire;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use args::{Args, Output};
use report::Report;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            report::progress(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    machine::raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = scenarios::run_all(args) => report,
            // Dropping the rest ends the processes and removes the data folders.
            pressed = tokio::signal::ctrl_c() => {
                pressed.context("cannot wait for Ctrl-C")?;
                anyhow::bail!("stopped before the end: there is no result")
            }
        }
    })?;
    publish(args, &report)?;
    if args.check && !report.all_met() {
        report::progress("a number of the targets was missed");
        return Ok(ExitCode::from(2));
    }
    Ok(ExitCode::SUCCESS)
}

fn publish(args: &Args, report: &Report) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(report)?;
    if let Some(dir) = &args.out {
        let path = dir.join(format!("{}.json", args.command.name()));
        std::fs::create_dir_all(dir)?;
        std::fs::write(&path, &json).with_context(|| format!("cannot write {}", path.display()))?;
        report::progress(&format!("wrote {}", path.display()));
    }
    let text = match args.output {
        Output::Json => json,
        Output::Text => report.text(),
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").context("cannot write to standard output")
}
