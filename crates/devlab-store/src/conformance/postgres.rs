//! A PostgreSQL server of a test's own: in a temporary folder, reached through a socket in it, gone
//! with its value.
#![expect(
    clippy::disallowed_methods,
    reason = "a fixture of tests: it waits by real time, and looks for programs in PATH"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long the server may take to answer or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// The owner of its files when the test runs as root, whom PostgreSQL does not run as: `nobody`.
const NOBODY: u32 = 65_534;

/// A running server. Ends at once when it is dropped.
#[derive(Debug)]
pub struct Server {
    dir: tempfile::TempDir,
    programs: PathBuf,
    settings: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// Makes a cluster and starts it. `settings` are added to its configuration, such as
    /// `fsync=on`; without them it is fast and forgets when the machine fails.
    ///
    /// # Panics
    /// PostgreSQL 14 or later is not installed, or does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), settings)
    }

    /// The same, with its folder in another one, whose disk is the one to use. As root the
    /// temporary folder is used anyway: the server does not run as root and might not get there.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_in(folder: &Path, settings: &[&str]) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("devlab-pg-")
            .tempdir_in(if is_root() {
                std::env::temp_dir()
            } else {
                folder.to_owned()
            })
            .unwrap();
        // Others have to pass through to the data folder, which is private.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut server = Self {
            dir,
            programs: programs(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            child: None,
        };
        for folder in ["data", "socket"] {
            let folder = server.dir.path().join(folder);
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
            if is_root() {
                chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let made = server
            .command("initdb")
            .args([
                "--username=devlab",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
            ])
            .args(["--locale=C.UTF-8", "--pgdata"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        server.run();
        server
    }

    /// Starts the server again after [`Self::stop`].
    pub fn run(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        command.arg("-k").arg(self.socket());
        let fast = [
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=200",
        ];
        for setting in fast
            .iter()
            .copied()
            .chain(self.settings.iter().map(String::as_str))
        {
            command.args(["-c", setting]);
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let ready = self.dir.path().join("data/postmaster.pid");
        let is_ready = || {
            // The eighth line says `ready` once connections are accepted.
            fs::read_to_string(&ready).is_ok_and(|text| {
                text.lines()
                    .nth(7)
                    .is_some_and(|line| line.trim() == "ready")
            })
        };
        let until = Instant::now() + PATIENCE;
        while !is_ready() {
            let child = self.child.as_mut().unwrap();
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < until,
                "PostgreSQL did not start: {}",
                fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops the server: at once and without a checkpoint, as a crash would.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            kill_process(pid, Signal::QUIT).ok();
        }
        drop(child.wait());
    }

    /// Address of a database of this server, which may not exist yet.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let socket = self.socket().to_string_lossy().replace('/', "%2F");
        format!("postgres://devlab@{socket}/{database}")
    }

    /// Runs SQL with `psql` in a database, and returns what it prints.
    ///
    /// # Panics
    /// It fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let done = self
            .command("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--username=devlab", "--host"])
            .arg(self.socket())
            .args(["--dbname", database, "--command", sql])
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Makes an empty database and returns its address.
    pub fn create(&self, database: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE {database}"));
        self.url(database)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.stdin(Stdio::null()).current_dir(self.dir.path());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where the server's programs are: Debian keeps them out of `PATH`, one folder for each version.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    debian.sort();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).chain(debian).collect();
    found.retain(|folder| folder.join("initdb").exists() && folder.join("psql").exists());
    found.pop().unwrap_or_else(|| {
        panic!("PostgreSQL is not installed: `apt-get install postgresql` on Debian")
    })
}
