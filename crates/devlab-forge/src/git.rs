//! Running git so that neither a repository nor the environment can turn it against us.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::error::{Error, Result};
use crate::objects::Readers;

/// Time limit of a command on a local repository.
pub(crate) const LOCAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Time limit of a fetch, a push, a check of a whole repository.
pub(crate) const LONG_TIMEOUT: Duration = Duration::from_secs(600);
/// A tree that every repository has: attributes of a bare one come from there. Some versions of git
/// take them from `HEAD` otherwise, and a merge would come out differently once that has moved.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
/// How long a command that is asked to end may take.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);
/// Time limit of what reads or writes a whole repository, however large.
pub(crate) const WHOLE_TIMEOUT: Duration = Duration::from_secs(6 * 3600);
/// Most that a command may print unless the caller says otherwise.
pub(crate) const STDOUT_BYTES_MAX: usize = 64 << 20;
/// Bytes of output that are handled at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Most that is kept of standard error.
const STDERR_BYTES_MAX: usize = 256 << 10;
/// Oldest git that has all we use: `merge-tree --write-tree`, `cat-file -z`.
const VERSION_MIN: (u32, u32) = (2, 38);

/// Configuration of every command. It is passed in the environment, which outranks every file.
///
/// Filters and merge drivers need no entry: they run only if configured, and no configuration
/// that a driver can write is read.
const HARDENING: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("core.autocrlf", "false"),
    ("core.quotePath", "false"),
    ("core.askPass", ""),
    ("core.sshCommand", "false"),
    // A push is quarantined beside what is there, which git takes for an alternate and asks, with a
    // process more, for refs to tell the client of: it knows them already.
    ("core.alternateRefsCommand", ":"),
    ("core.filesRefLockTimeout", "3000"),
    ("core.packedRefsTimeout", "3000"),
    ("core.fsync", "objects,reference"),
    ("core.fsyncMethod", "batch"),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("http.followRedirects", "false"),
    ("gc.auto", "0"),
    ("gc.autoDetach", "false"),
    ("maintenance.auto", "false"),
    ("receive.autogc", "false"),
    ("safe.directory", "*"),
    ("safe.bareRepository", "all"),
    ("commit.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("push.negotiate", "false"),
    ("push.followTags", "false"),
    ("log.showSignature", "false"),
    ("color.ui", "false"),
    ("init.templateDir", ""),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.fsckObjects", "true"),
    ("receive.fsckObjects", "true"),
    ("transfer.fsckObjects", "true"),
    // Harmless faults that old tools left in the history of many real projects.
    ("fsck.badTimezone", "ignore"),
    ("fsck.missingSpaceBeforeDate", "ignore"),
    ("fsck.zeroPaddedFilemode", "ignore"),
    ("fetch.fsck.badTimezone", "ignore"),
    ("fetch.fsck.missingSpaceBeforeDate", "ignore"),
    ("fetch.fsck.zeroPaddedFilemode", "ignore"),
    ("receive.fsck.badTimezone", "ignore"),
    ("receive.fsck.missingSpaceBeforeDate", "ignore"),
    ("receive.fsck.zeroPaddedFilemode", "ignore"),
];

/// Which git to run. The caller, who may read the environment, names both.
#[derive(Debug, Clone)]
pub struct GitBinary {
    /// The program: `git`, or an absolute path.
    pub program: PathBuf,
    /// The `PATH` that git sees; git itself needs no more than the system's folders.
    pub path_env: OsString,
}

impl GitBinary {
    /// `git`, looked up in `path_env`.
    #[must_use]
    pub fn from_path(path_env: impl Into<OsString>) -> Self {
        Self {
            program: PathBuf::from("git"),
            path_env: path_env.into(),
        }
    }

    /// The file to start: the child's `PATH` is set explicitly, so it is searched here.
    fn resolve(&self) -> PathBuf {
        if self.program.components().count() > 1 {
            return self.program.clone();
        }
        std::env::split_paths(&self.path_env)
            .map(|folder| folder.join(&self.program))
            .find(|file| file.is_file())
            .unwrap_or_else(|| self.program.clone())
    }
}

/// A git program that was found, ready to run hardened commands. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    path_env: OsString,
    readers: Readers,
}

impl Git {
    /// Uses this git. Nothing is run yet; see [`Git::version`].
    #[must_use]
    pub fn new(binary: GitBinary) -> Self {
        let program = binary.resolve();
        Self {
            inner: Arc::new(Inner {
                program,
                path_env: binary.path_env,
                readers: Readers::default(),
            }),
        }
    }

    /// The version, such as `2.39.5`. One process.
    ///
    /// # Errors
    /// [`Error::GitMissing`] or [`Error::GitTooOld`], both with the command that installs it.
    pub async fn version(&self) -> Result<String> {
        let out = self.cmd("version").arg("version").ok().await?;
        let line = String::from_utf8_lossy(&out).trim().to_owned();
        let version = line
            .strip_prefix("git version ")
            .unwrap_or(&line)
            .to_owned();
        let mut parts = version
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if found < VERSION_MIN {
            return Err(Error::GitTooOld { found: version });
        }
        Ok(version)
    }

    /// The program that serves repositories over HTTP. One process.
    ///
    /// # Errors
    /// [`Error::HttpBackendMissing`] with the packages that hold it.
    pub async fn http_backend(&self) -> Result<PathBuf> {
        let out = self.cmd("--exec-path").arg("--exec-path").ok().await?;
        let folder = String::from_utf8_lossy(&out).trim().to_owned();
        let path = Path::new(&folder).join("git-http-backend");
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::HttpBackendMissing { path })
        }
    }

    /// What reads objects of the repositories that this git is used on.
    pub(crate) fn readers(&self) -> &Readers {
        &self.inner.readers
    }

    /// A command without a repository. `name` is what errors call it.
    pub(crate) fn cmd(&self, name: &'static str) -> Cmd {
        Cmd {
            name,
            program: self.inner.program.clone(),
            path_env: self.inner.path_env.clone(),
            args: Vec::new(),
            env: Vec::new(),
            config: Vec::new(),
            cwd: None,
            stdin: None,
            held: None,
            timeout: LOCAL_TIMEOUT,
            stdout_bytes_max: STDOUT_BYTES_MAX,
        }
    }

    /// A command on a bare repository; `name` is also its first argument.
    pub(crate) fn in_dir(&self, git_dir: &Path, name: &'static str) -> Cmd {
        self.cmd(name)
            .env("GIT_DIR", git_dir)
            .cwd(git_dir)
            .config("attr.tree", EMPTY_TREE)
            .arg(name)
    }
}

/// One git command, to be run once.
#[derive(Debug)]
pub(crate) struct Cmd {
    name: &'static str,
    program: PathBuf,
    path_env: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    config: Vec<(String, String)>,
    cwd: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    held: Option<File>,
    timeout: Duration,
    stdout_bytes_max: usize,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// It printed more than it may; `stdout` is the beginning.
    pub(crate) truncated: bool,
}

impl Cmd {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.push((key.into(), value.into()));
        self
    }

    pub(crate) fn cwd(mut self, dir: &Path) -> Self {
        self.cwd = Some(dir.to_owned());
        self
    }

    pub(crate) fn program(mut self, program: &Path) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Keeps a file open, with its lock, as long as the command lives: as the standard input of
    /// one that reads none.
    pub(crate) fn hold(mut self, file: File) -> Self {
        self.held = Some(file);
        self
    }

    pub(crate) fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    pub(crate) fn stdout_bytes_max(mut self, limit: usize) -> Self {
        self.stdout_bytes_max = limit;
        self
    }

    /// Starts it in a process group of its own, with all three streams as given.
    pub(crate) fn spawn(self, stdin: Stdio) -> Result<GroupChild> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", &self.path_env)
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_DEFAULT_HASH", "sha1")
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            .env("GIT_PAGER", "cat");
        let given = self
            .config
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let mut count = 0_usize;
        for (key, value) in HARDENING.iter().copied().chain(given) {
            command.env(format!("GIT_CONFIG_KEY_{count}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{count}"), value);
            count += 1;
        }
        command.env("GIT_CONFIG_COUNT", count.to_string());
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command.current_dir(self.cwd.as_deref().unwrap_or_else(|| Path::new("/")));
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        match command.spawn() {
            Ok(child) => Ok(GroupChild { child }),
            Err(source) if self.cwd.as_ref().is_some_and(|dir| !dir.is_dir()) => Err(Error::Io {
                what: "enter",
                path: self.cwd.unwrap_or_default(),
                source,
            }),
            Err(source) => Err(Error::GitMissing {
                program: self.program,
                source,
            }),
        }
    }

    /// Runs it to its end, whatever its exit code.
    ///
    /// # Errors
    /// It could not start, or took too long.
    pub(crate) async fn run(self) -> Result<Finished> {
        self.run_until(std::future::pending()).await
    }

    /// Runs it to its end, or asks it to end once `stop` is: git removes its locks then, which it
    /// cannot when it is killed. One that does not end within [`STOP_GRACE`] is killed all the same.
    ///
    /// # Errors
    /// It could not start, or took too long.
    pub(crate) async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<Finished> {
        let (name, limit, bytes_max) = (self.name, self.timeout, self.stdout_bytes_max);
        let input = self.stdin.take();
        let stdin = match (&input, self.held.take()) {
            (Some(_), _) => Stdio::piped(),
            (None, Some(file)) => file.into(),
            (None, None) => Stdio::null(),
        };
        let mut group = self.spawn(stdin)?;
        let pid = group.pid();
        let work = async {
            let (stdin, stdout, stderr) = (
                group.child.stdin.take(),
                group.child.stdout.take(),
                group.child.stderr.take(),
            );
            let feed = async {
                if let (Some(mut pipe), Some(bytes)) = (stdin, input) {
                    // A command that fails early closes its input; its exit code says why.
                    let _closed_early = pipe.write_all(&bytes).await;
                }
            };
            let ((), (out, truncated), (err, _)) = tokio::join!(
                feed,
                read_bounded(stdout, bytes_max),
                read_bounded(stderr, STDERR_BYTES_MAX)
            );
            let status = group.child.wait().await;
            (status, out, err, truncated)
        };
        let ended = async {
            let mut work = std::pin::pin!(work);
            tokio::select! {
                ended = &mut work => Ok(ended),
                () = stop => {
                    signal(pid, rustix::process::Signal::TERM);
                    tokio::time::timeout(STOP_GRACE, work).await
                }
            }
        };
        let Ok(Ok((status, stdout, stderr, truncated))) = tokio::time::timeout(limit, ended).await
        else {
            return Err(Error::Timeout {
                command: name,
                limit_secs: limit.as_secs(),
            });
        };
        let status = status.map_err(|source| Error::Io {
            what: "wait for",
            path: name.into(),
            source,
        })?;
        Ok(Finished {
            code: status.code(),
            stdout,
            stderr,
            truncated,
        })
    }

    /// Runs it, gives its output piece by piece to `taker`, however much it is, and expects exit
    /// code 0.
    ///
    /// # Errors
    /// Also those of `taker`, which end it.
    pub(crate) async fn pieces(mut self, taker: &mut (impl TakePiece + Send)) -> Result<()> {
        let (name, limit) = (self.name, self.timeout);
        let input = self.stdin.take().unwrap_or_default();
        let mut group = self.spawn(Stdio::piped())?;
        let work = async {
            let (stdin, stdout, stderr) = (
                group.child.stdin.take(),
                group.child.stdout.take(),
                group.child.stderr.take(),
            );
            let feed = async {
                if let Some(mut pipe) = stdin {
                    // As in `run`: the exit code says why it was closed early.
                    let _closed_early = pipe.write_all(&input).await;
                }
            };
            let read = async {
                let mut stdout = stdout.ok_or_else(|| Error::unexpected(name, "no output"))?;
                let mut piece = vec![0; PIECE_BYTES];
                loop {
                    let len = stdout.read(&mut piece).await;
                    match len.map_err(Error::io("read the output of", Path::new(name)))? {
                        0 => return Ok::<(), Error>(()),
                        len => taker.take(&piece[..len]).await?,
                    }
                }
            };
            let ((), read, (err, _)) =
                tokio::join!(feed, read, read_bounded(stderr, STDERR_BYTES_MAX));
            read?;
            let status = group.child.wait().await;
            let status = status.map_err(Error::io("wait for", Path::new(name)))?;
            match status.code() {
                Some(0) => Ok(()),
                code => Err(Error::failed(name, code, &err)),
            }
        };
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or(Err(Error::Timeout {
                command: name,
                limit_secs: limit.as_secs(),
            }))
    }

    /// Runs it, shows each line of its output, and expects exit code 0.
    pub(crate) async fn lines(self, each: impl FnMut(&str) -> Result<()> + Send) -> Result<()> {
        let rest = Vec::new();
        self.pieces(&mut Lines { rest, each }).await
    }

    /// Runs it, and expects exit code 0 and complete output.
    pub(crate) async fn ok(self) -> Result<Vec<u8>> {
        let (name, limit) = (self.name, self.stdout_bytes_max);
        let done = self.run().await?;
        if done.truncated {
            return Err(Error::TooLarge {
                what: format!("the output of git {name}"),
                limit_bytes: limit as u64,
            });
        }
        match done.code {
            Some(0) => Ok(done.stdout),
            code => Err(Error::failed(name, code, &done.stderr)),
        }
    }
}

/// Takes output piece by piece.
pub(crate) trait TakePiece {
    /// Takes the next piece.
    fn take(&mut self, piece: &[u8]) -> impl Future<Output = Result<()>> + Send;
}

/// Puts pieces together to lines.
struct Lines<F> {
    rest: Vec<u8>,
    each: F,
}

impl<F: FnMut(&str) -> Result<()> + Send> TakePiece for Lines<F> {
    async fn take(&mut self, mut piece: &[u8]) -> Result<()> {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(&piece[..end]);
            (self.each)(&String::from_utf8_lossy(&self.rest))?;
            self.rest.clear();
            piece = &piece[end + 1..];
        }
        self.rest.extend_from_slice(piece);
        Ok(())
    }
}

/// A child and all that it started; dropping it ends the whole process group.
#[derive(Debug)]
pub(crate) struct GroupChild {
    pub(crate) child: Child,
}

impl GroupChild {
    /// Its process, which names the group; `None` once the child was reaped, so that a reused id is
    /// never signalled.
    fn pid(&self) -> Option<rustix::process::Pid> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        id.and_then(rustix::process::Pid::from_raw)
    }
}

impl Drop for GroupChild {
    fn drop(&mut self) {
        signal(self.pid(), rustix::process::Signal::KILL);
    }
}

fn signal(group: Option<rustix::process::Pid>, signal: rustix::process::Signal) {
    if let Some(group) = group {
        // Already gone is what we want.
        let _gone = rustix::process::kill_process_group(group, signal);
    }
}

/// Reads up to `limit` bytes; closing the pipe then ends a command that goes on printing.
async fn read_bounded<R: AsyncRead + Unpin>(from: Option<R>, limit: usize) -> (Vec<u8>, bool) {
    let Some(reader) = from else {
        return (Vec::new(), false);
    };
    let mut bytes = Vec::new();
    let read = reader.take(limit as u64 + 1).read_to_end(&mut bytes).await;
    if let Err(error) = read {
        tracing::debug!(%error, "reading from git ended early");
    }
    let truncated = bytes.len() > limit;
    bytes.truncate(limit);
    (bytes, truncated)
}
