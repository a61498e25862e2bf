//! A folder of its own for each test, and the executable with nothing of the caller's environment.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a failing fixture fails its test; programs are found by the caller's PATH"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest time that a test waits for something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const SPEC: &str = "# Feature Specification: Greeting\n\n\
    ### User Story 1 - Greet (Priority: P1)\n\nSomebody is greeted.\n\n- **FR-001**: It MUST greet\n";
pub(crate) const TASKS: &str = "# Tasks: Greeting\n\n## Phase 1: Setup\n\n- [ ] T001 Write the words\n\n\
    ## Phase 2: User Story 1 - Greet (Priority: P1)\n\n\
    - [ ] T002 [P] [US1] Greet in a file\n- [ ] T003 [P] [US1] Greet in another\n";

/// Runs a command to its end, and reads what it says as JSON.
pub(crate) fn json(bench: &Bench, args: &[&str]) -> serde_json::Value {
    let value = bench.run(&[&["--output", "json"], args].concat()).ok();
    value.json()
}

/// A data folder, and whatever runs on it.
pub(crate) struct Bench {
    dir: TempDir,
    /// Whether logs are sealed at once, however short.
    seals: bool,
    /// Variables besides.
    env: Vec<(String, String)>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::Builder::new()
                .prefix("devlab-it-")
                .tempdir()
                .unwrap(),
            seals: false,
            env: Vec::new(),
        }
    }

    /// One whose lab seals logs at once, however short.
    pub(crate) fn sealing() -> Self {
        let mut bench = Self::new();
        bench.seals = true;
        bench
    }

    /// The same with more variables for everything that it runs.
    pub(crate) fn with_env(mut self, env: &[(&str, String)]) -> Self {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.env.extend(env);
        self
    }

    /// Moves the clock of everything that this bench runs, and has started after the first move.
    pub(crate) fn move_clock(&self, by: Duration) {
        let millis = by.as_millis().to_string();
        let fresh = self.clock().with_extension("fresh");
        std::fs::write(&fresh, millis).unwrap();
        std::fs::rename(fresh, self.clock()).unwrap();
    }

    fn clock(&self) -> PathBuf {
        self.path().join("clock")
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// `devlab` with these arguments, on this bench's data folder and any free port.
    pub(crate) fn devlab(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devlab"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("DEVLAB_HOME", self.home())
            .env("DEVLAB_BIND", "127.0.0.1:0")
            // The usual port is for a person's lab.
            .env("DEVLAB_DASHBOARD_BIND", "127.0.0.1:0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null());
        if self.clock().exists() {
            command.env("DEVLAB_TEST_CLOCK_FILE", self.clock());
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if self.seals {
            command
                .env("DEVLAB_SEAL_AFTER_SECS", "0")
                .env("DEVLAB_TEST_SEAL_FROM", "1");
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of_command(&mut self.devlab(args))
    }

    /// Runs it in a folder.
    pub(crate) fn run_in(&self, folder: &Path, args: &[&str]) -> Ended {
        Ended::of_command(self.devlab(args).current_dir(folder))
    }

    /// A lab in the background, with this many agents.
    pub(crate) fn up(&self, agents: usize) -> serde_json::Value {
        let agents = agents.to_string();
        let up = self.run(&["up", "--detach", "--agents", &agents, "--output", "json"]);
        up.ok().json()
    }

    /// A checkout with one commit.
    pub(crate) fn checkout(&self, name: &str) -> PathBuf {
        let folder = self.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("README"), "hello\n").unwrap();
        self.git(&folder, &["init", "--quiet", "--initial-branch", "main"]);
        self.git(&folder, &["config", "user.name", "Ada"]);
        self.git(&folder, &["config", "user.email", "ada@example.org"]);
        self.commit(&folder, "first");
        folder
    }

    /// A checkout with a Spec-Kit feature, `specs/001-greeting`, that is not committed yet.
    pub(crate) fn feature(&self) -> PathBuf {
        let folder = self.checkout("greeting");
        let feature = folder.join("specs/001-greeting");
        std::fs::create_dir_all(&feature).unwrap();
        std::fs::write(feature.join("spec.md"), SPEC).unwrap();
        std::fs::write(feature.join("tasks.md"), TASKS).unwrap();
        folder
    }

    pub(crate) fn commit(&self, folder: &Path, message: &str) {
        self.git(folder, &["add", "--all"]);
        self.git(folder, &["commit", "--quiet", "--message", message]);
    }

    pub(crate) fn git(&self, folder: &Path, args: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Processes whose command line or environment names this bench's folder.
    pub(crate) fn processes(&self) -> Vec<String> {
        let needle = self.path().to_str().unwrap().as_bytes();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if pid.parse::<u32>().is_err() {
                continue;
            }
            let read = |name| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let line = read("cmdline");
            let names = |bytes: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
            if names(&line) || names(&read("environ")) {
                found.push(format!(
                    "{pid} {}",
                    String::from_utf8_lossy(&line).replace('\0', " ")
                ));
            }
        }
        found
    }

    /// Waits until nothing of this bench runs any more.
    pub(crate) fn assert_nothing_left(&self) {
        until("the end of all processes", || {
            self.processes().is_empty().then_some(())
        });
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A failed test must not leave a lab behind.
        self.devlab(&["down", "--now"]).output().ok();
    }
}

/// Polls until there is something; fails after [`PATIENCE`].
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command to its end, but not longer than a person would wait.
    pub(crate) fn of_command(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = read(child.stdout.take().unwrap());
        let err = read(child.stderr.take().unwrap());
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() >= end => break None,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let (out, err) = (out.join().unwrap(), err.join().unwrap());
        let Some(status) = status else {
            panic!("{command:?} does not end\n{out}\n{err}")
        };
        Self {
            code: status.code().unwrap_or(-1),
            out,
            err,
        }
    }

    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    pub(crate) fn fails_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

fn read(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Ends a child and gives its exit code.
pub(crate) fn wait(mut child: Child) -> Option<i32> {
    until("the end of a process", || child.try_wait().unwrap()).code()
}
