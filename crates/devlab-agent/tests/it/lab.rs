//! One-line fixtures.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devlab_agent::driver::{CommandDriver, DriverCommand, DriverSpec};
use devlab_agent::log::LogFile;
use devlab_agent::process::ProcessRef;
use devlab_agent::supervise::DriverOutcome;
use devlab_core::{Clock, SystemClock};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The test's stand-in for `devlab`.
pub(crate) const HOST: &str = env!("CARGO_BIN_EXE_devlab-agent-test-host");
/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder, a log, and a driver that runs in it.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
    pub(crate) log: LogFile,
    pub(crate) driver: CommandDriver,
    pub(crate) spec: DriverSpec,
    pub(crate) cancel: CancellationToken,
}

impl Lab {
    pub(crate) fn new(command: DriverCommand) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = CommandDriver {
            program: PathBuf::from(HOST),
            base_env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            clock: Arc::new(SystemClock::new()),
        };
        let spec = DriverSpec {
            command,
            vars: BTreeMap::new(),
            cwd: folder.path().to_owned(),
            scratch: folder.path().to_owned(),
            name: "driver".to_owned(),
            mark: unique(),
            time_limit: Duration::from_secs(60),
            output_limit_bytes: 1024 * 1024,
        };
        let log = LogFile::open(folder.path()).unwrap();
        Self {
            folder,
            log,
            driver,
            spec,
            cancel: CancellationToken::new(),
        }
    }

    pub(crate) fn script(text: &str) -> Self {
        Self::new(DriverCommand::Script(text.to_owned()))
    }

    pub(crate) fn argv(argv: &[&str]) -> Self {
        Self::new(DriverCommand::Argv(
            argv.iter().map(|arg| (*arg).to_owned()).collect(),
        ))
    }

    pub(crate) async fn run(&self) -> DriverOutcome {
        let ready = self.driver.prepare(&self.spec, &self.log).unwrap();
        self.driver
            .run(ready, &self.spec, &self.log, &self.cancel)
            .await
    }

    pub(crate) fn output(&self) -> String {
        let bytes = self.log.read(0, 16 * 1024 * 1024).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A mark that no other run on this machine has.
pub(crate) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "test-{}-{}-{count}",
        std::process::id(),
        SystemClock::new().now().as_millis()
    )
}

/// Waits until `look` finds something.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("waited too long until {what}"))
}

/// The processes that wrote their ids into a file, once there are `count` of them.
pub(crate) async fn pids(file: PathBuf, count: usize) -> Vec<ProcessRef> {
    until("the processes have started", || {
        let text = std::fs::read_to_string(&file).ok()?;
        let found: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (found.len() == count).then(|| found.into_iter().filter_map(ProcessRef::of).collect())
    })
    .await
}
