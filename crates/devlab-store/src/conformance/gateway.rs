//! A real server that speaks S3, of a test's own: Versity's gateway on a temporary folder. `make
//! interop-s3` builds it and says where it is.
#![expect(
    clippy::disallowed_methods,
    reason = "a fixture of tests: it waits by real time, and make says where the program is"
)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Where the gateway's program is.
const PROGRAM: &str = "DEVLAB_VERSITYGW";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway with one bucket, `lab`, for the key `key` with the secret `hush`. Its objects stay when
/// its process ends, and go with this value.
#[derive(Debug)]
pub struct Gateway {
    program: PathBuf,
    dir: tempfile::TempDir,
    addr: SocketAddr,
    process: Option<Child>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Gateway {
    /// Starts one on a free port of loopback.
    ///
    /// # Panics
    /// `DEVLAB_VERSITYGW` names no program, or it does not listen in time.
    #[must_use]
    pub fn start() -> Self {
        let program = std::env::var_os(PROGRAM)
            .unwrap_or_else(|| panic!("{PROGRAM} names no program: run `make interop-s3`"));
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("objects/lab")).unwrap();
        std::fs::create_dir_all(dir.path().join("meta")).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let mut gateway = Self {
            program: program.into(),
            dir,
            addr,
            process: None,
        };
        gateway.run();
        gateway
    }

    /// Starts the process, again after [`Self::kill`], and waits until it listens.
    ///
    /// # Panics
    /// It does not, in time.
    pub fn run(&mut self) {
        let path = |name: &str| self.dir.path().join(name);
        let log = std::fs::File::create(path("log")).unwrap();
        let process = Command::new(&self.program)
            .args(["--access", "key", "--secret", "hush", "--quiet", "--port"])
            .arg(self.addr.to_string())
            .args(["posix", "--sidecar"])
            .arg(path("meta"))
            .arg(path("objects"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(self.addr).is_err() {
            let log = || std::fs::read_to_string(path("log")).unwrap_or_default();
            assert!(
                Instant::now() < until,
                "the gateway does not listen:\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its address, as `http://…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The folder of the bucket's objects.
    #[must_use]
    pub fn bucket(&self) -> PathBuf {
        self.dir.path().join("objects/lab")
    }

    /// How many blobs are there, below a prefix.
    ///
    /// # Panics
    /// The folder cannot be read.
    #[must_use]
    pub fn blobs(&self, prefix: &str) -> usize {
        let below = |dir: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(dir).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect()
        };
        let folder = self.bucket().join(prefix).join("sha256");
        match folder.exists() {
            true => below(&folder).iter().map(|dir| below(dir).len()).sum(),
            false => 0,
        }
    }

    /// Sends its process a signal.
    ///
    /// # Panics
    /// It does not run.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.as_ref().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Ends its process at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}
