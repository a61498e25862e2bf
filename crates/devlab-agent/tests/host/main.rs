//! Stands in for the `devlab` executable in this crate's tests: the supervisor's hidden commands,
//! `agent`, a process that runs one script as a driver and can be killed, and `work`, a whole agent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use devlab_agent::driver::{CommandDriver, DriverCommand, DriverSpec};
use devlab_agent::faults::FaultPlan;
use devlab_agent::harness::AgentConfig;
use devlab_agent::log::LogFile;
use devlab_agent::strays::become_subreaper;
use devlab_agent::supervise::{
    SUPERVISE_COMMAND, SUPERVISE_EXEC_COMMAND, supervise_exec_main, supervise_main,
};
use devlab_core::SystemClock;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [SUPERVISE_COMMAND, "--spec", spec] => supervise_main(Path::new(spec), &SystemClock::new()),
        [SUPERVISE_EXEC_COMMAND, "--spec", spec, "--parent", parent] => {
            supervise_exec_main(Path::new(spec), parent.parse().unwrap_or(0))
        }
        ["agent", folder, mark, time_limit_ms, script] => agent(
            Path::new(folder),
            mark,
            time_limit_ms.parse().unwrap_or(1),
            script,
        ),
        ["work", url, token, home, faults, record] => work(url, token, home, faults, record),
        _ => ExitCode::from(2),
    }
}

/// An agent of one slot, until it is killed or a point kills it.
fn work(url: &str, token: &str, home: &str, faults: &str, record: &str) -> ExitCode {
    let (Ok(runtime), Ok(plan), Ok(program)) = (
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build(),
        faults.parse::<FaultPlan>(),
        std::env::current_exe(),
    ) else {
        return ExitCode::from(2);
    };
    let token = SecretString::from(token.to_owned());
    let path = "/usr/local/bin:/usr/bin:/bin";
    let mut config = AgentConfig::new(url, token, "worker", home, program, path);
    config.faults = Arc::new(plan.record_to(PathBuf::from(record)));
    let never = CancellationToken::new();
    match runtime.block_on(devlab_agent::harness::run(config, never.clone(), never)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Exits with 0 only if everything about the run worked; the driver may fail.
fn agent(folder: &Path, mark: &str, time_limit_ms: u64, script: &str) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    else {
        return ExitCode::FAILURE;
    };
    let run = async {
        become_subreaper()?;
        let driver = CommandDriver {
            program: std::env::current_exe()?,
            base_env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            clock: Arc::new(SystemClock::new()),
        };
        let log = LogFile::open(folder)?;
        let spec = DriverSpec {
            command: DriverCommand::Script(script.to_owned()),
            vars: BTreeMap::new(),
            cwd: PathBuf::from("/"),
            scratch: folder.to_owned(),
            name: "driver".to_owned(),
            mark: mark.to_owned(),
            time_limit: Duration::from_millis(time_limit_ms),
            output_limit_bytes: 1024 * 1024,
        };
        let ready = driver.prepare(&spec, &log)?;
        std::fs::write(
            folder.join("supervisor"),
            serde_json::to_vec(&ready.supervisor())?,
        )?;
        driver
            .run(ready, &spec, &log, &CancellationToken::new())
            .await;
        Ok::<_, std::io::Error>(())
    };
    match runtime.block_on(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
