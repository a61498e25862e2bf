//! The stage between supervisor and driver.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use super::{EXIT_NOT_STARTED, MARK_VARIABLE, SuperviseSpec, read_spec};

/// Ties this process to its supervisor `parent` and becomes the driver. Returns only if that fails,
/// with the reason on standard error, which is the driver's log.
#[must_use]
pub fn supervise_exec_main(spec: &Path, parent: i32) -> ExitCode {
    let problem = match read_spec(spec).and_then(|spec| become_driver(&spec, parent)) {
        Ok(never) => match never {},
        Err(problem) => problem,
    };
    writeln!(std::io::stderr(), "[devlab] {problem}").ok();
    ExitCode::from(EXIT_NOT_STARTED)
}

fn become_driver(spec: &SuperviseSpec, parent: i32) -> Result<std::convert::Infallible, String> {
    die_with(parent)?;
    // A session of its own: no controlling terminal, and no way back into ours.
    rustix::process::setsid().map_err(|e| format!("cannot start a session: {e}"))?;
    let program = &spec.argv[0];
    let error = Command::new(program)
        .args(&spec.argv[1..])
        .env_clear()
        .envs(&spec.env)
        // Last, so that nothing in `env` can take its place.
        .env(MARK_VARIABLE, &spec.mark)
        .current_dir(&spec.cwd)
        .stdin(Stdio::null())
        .exec();
    Err(format!(
        "cannot start {program} in {}: {error}",
        spec.cwd.display()
    ))
}

/// The death signal outlives exec. A parent that died before it was set is seen by its pid.
#[cfg(target_os = "linux")]
fn die_with(parent: i32) -> Result<(), String> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("cannot ask for the parent's death signal: {e}"))?;
    match getppid() {
        Some(now) if now.as_raw_nonzero().get() == parent => Ok(()),
        Some(_) | None => Err("the supervisor is gone".to_owned()),
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with(_parent: i32) -> Result<(), String> {
    Ok(())
}
