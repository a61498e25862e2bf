//! The log of this process.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context as _;
use devlab_runtime::rotate::{FILE_BYTES_MAX, RotatingFile};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;
use crate::settings::{LogFormat, Settings};

/// Logs to standard error.
pub(crate) fn to_stderr(settings: &Settings) -> anyhow::Result<()> {
    start(settings, io::stderr)
}

/// Logs to a file with a bound.
pub(crate) fn to_file(settings: &Settings, path: &Path) -> anyhow::Result<()> {
    let file = RotatingFile::open(path, FILE_BYTES_MAX)
        .with_context(|| format!("cannot write {}", path.display()))?;
    start(settings, Mutex::new(file))
}

fn start<W>(settings: &Settings, writer: W) -> anyhow::Result<()>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(settings.log())
        .map_err(|error| Failure::usage(format!("DEVLAB_LOG is not a filter: {error}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(writer);
    let started = match settings.log_format()? {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}
