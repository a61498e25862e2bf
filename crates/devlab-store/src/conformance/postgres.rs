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

/// The port that is the name of a server's socket, unless it listens elsewhere too.
const PORT: u16 = 5432;

/// A running server. Ends at once when it is dropped.
#[derive(Debug)]
pub struct Server {
    dir: tempfile::TempDir,
    programs: PathBuf,
    settings: Vec<String>,
    port: u16,
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
        let temporary = std::env::temp_dir();
        let dir = self::folder(if is_root() { &temporary } else { folder });
        let mut server = Self {
            dir,
            programs: programs(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            port: PORT,
            child: None,
        };
        for folder in ["data", "socket"] {
            server.own_folder(folder);
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

    /// A standby of this server, which streams what it commits. From now on a commit is answered only
    /// when the standby has it too.
    ///
    /// # Panics
    /// It cannot be copied from, or does not begin to stream.
    #[must_use]
    pub fn standby(&self) -> Self {
        let dir = folder(&std::env::temp_dir());
        let mut standby = Self {
            dir,
            programs: self.programs.clone(),
            settings: self.settings.clone(),
            port: PORT,
            child: None,
        };
        standby.own_folder("socket");
        standby.own_folder("data");
        let copied = standby
            .command("pg_basebackup")
            .args(["--username=devlab", "--write-recovery-conf", "--no-sync"])
            .args(["--checkpoint=fast", "--wal-method=stream", "--host"])
            .arg(self.socket())
            .arg("--pgdata")
            .arg(standby.data())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "pg_basebackup: {said}");
        standby.run();
        self.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        );
        self.sql("postgres", "SELECT pg_reload_conf()");
        const STREAMS: &str = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let until = Instant::now() + PATIENCE;
        while self.sql("postgres", STREAMS) != "1" {
            assert!(Instant::now() < until, "the standby does not stream");
            std::thread::sleep(Duration::from_millis(5));
        }
        standby
    }

    /// Makes a standby the server that is written to.
    ///
    /// # Panics
    /// It is none.
    pub fn promote(&self) {
        // What its first server was told to wait for is in its copy of the settings too.
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
        self.sql("postgres", "SELECT pg_reload_conf()");
        assert_eq!(self.sql("postgres", "SELECT pg_promote()"), "t");
    }

    /// Address of a database on whichever of two servers can be written to.
    #[must_use]
    pub fn url_of_either(&self, other: &Self, database: &str) -> String {
        let hosts = [self.socket(), other.socket()];
        let hosts = hosts.map(|host| host.to_string_lossy().replace('/', "%2F"));
        let hosts = hosts.join(",");
        format!("postgres://devlab@{hosts}/{database}?target_session_attrs=read-write")
    }

    /// Puts a private file into the data folder and returns its path.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.data().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        path
    }

    /// What the server has logged so far; all statements, with `log_statement=all` in its settings.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Adds a setting, from the next [`Self::run`] on.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Listens on loopback too, on a port that is free, from the next [`Self::run`] on. Returns the
    /// port.
    ///
    /// # Panics
    /// No port is free.
    pub fn listen(&mut self) -> u16 {
        let free = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        self.port = free.local_addr().unwrap().port();
        self.set("listen_addresses=127.0.0.1");
        self.set(&format!("port={}", self.port));
        self.port
    }

    fn own_folder(&self, name: &str) {
        let folder = self.dir.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
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
        // What stands still does not end.
        self.wake();
        let Some(mut child) = self.child.take() else {
            return;
        };
        signal(child.id(), Signal::QUIT);
        drop(child.wait());
    }

    /// Stops all processes of the server where they are: what is sent to them is taken by the
    /// system, and not answered until [`Self::wake`].
    pub fn pause(&self) {
        // A process may have begun another one meanwhile, but not once it stands still.
        self.signal(Signal::STOP);
        self.signal(Signal::STOP);
    }

    /// Stops the one process that serves the connections of this name.
    ///
    /// # Panics
    /// There is none, or there are several.
    pub fn pause_one(&self, name: &str) {
        let pid = format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{name}'");
        signal(self.sql("postgres", &pid).parse().unwrap(), Signal::STOP);
    }

    /// Lets everything go on after [`Self::pause`] and [`Self::pause_one`].
    pub fn wake(&self) {
        self.signal(Signal::CONT);
    }

    /// To the server's first process, then to those that it has begun.
    fn signal(&self, what: Signal) {
        let Some(first) = self.child.as_ref().map(Child::id) else {
            return;
        };
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        signal(first, what);
        for child in children.unwrap_or_default().split_whitespace() {
            signal(child.parse().unwrap(), what);
        }
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
            .client("psql", database)
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--command", sql])
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// A program that came with the server, such as `pgbench`, to be run in a database.
    #[must_use]
    pub fn client(&self, program: &str, database: &str) -> Command {
        let mut command = self.command(program);
        command
            .env("PGHOST", self.socket())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "devlab")
            .env("PGDATABASE", database);
        command
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

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        kill_process(pid, signal).ok();
    }
}

/// A folder that others can pass through to the data folder, which is private.
fn folder(parent: &Path) -> tempfile::TempDir {
    let dir = tempfile::Builder::new()
        .prefix("devlab-pg-")
        .tempdir_in(parent)
        .unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
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
