//! The data folder: what is where, and the small files that processes of one lab share.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use devlab_agent::process::ProcessRef;
use devlab_core::{ServerId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// A data folder.
#[derive(Debug, Clone)]
pub(crate) struct Home(PathBuf);

/// Where a lab is and how to talk to it, for the user who started it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) url: String,
    pub(crate) token: String,
}

/// The lab's process, as it describes itself while it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    pub(crate) process: ProcessRef,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) dashboard: Option<String>,
    pub(crate) version: String,
    pub(crate) agents: usize,
}

/// How far a restore is, as it is noted in `restoring/` before anything is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restoring {
    pub(crate) archive: String,
    /// Id of the lab that is made, which no other one has or has had.
    pub(crate) lab: String,
    /// Ids of the labs that are removed for it: those in the database and in the folder.
    #[serde(default)]
    pub(crate) replaces: Vec<String>,
    /// The database that is restored into; `None` for the embedded one.
    #[serde(default)]
    pub(crate) store: Option<String>,
    /// The place of blobs; `None` for the folder's own.
    #[serde(default)]
    pub(crate) blobs: Option<String>,
    /// That place was nobody's and had no blob: what is there without an owner is what was restored.
    #[serde(default)]
    pub(crate) began_empty: bool,
    /// That place becomes the new lab's in the end, whoever has it.
    #[serde(default)]
    pub(crate) take: bool,
    /// The archive's records may be in that database, in place of what was there before.
    #[serde(default)]
    pub(crate) records: bool,
    /// Everything is made; it only has to be put into place.
    pub(crate) complete: bool,
    /// The place of blobs is the new lab's.
    #[serde(default)]
    pub(crate) taken: bool,
}

impl Restoring {
    /// Where it stands, and what to do.
    pub(crate) fn words(&self) -> String {
        let store = self.store.as_deref().unwrap_or("the database");
        match (self.complete, self.records) {
            (true, _) => "everything is made, and not all of it is in place\n  → run `devlab \
                          restore` again, which only ends it"
                .to_owned(),
            (false, true) => format!(
                "the records of {} may be in {store} now, in place of what was there before, and \
                 its repositories are not in place\n  → run `devlab restore` again, with the same \
                 database",
                self.archive
            ),
            (false, false) => {
                "nothing of it is in place\n  → run `devlab restore` again".to_owned()
            }
        }
    }
}

impl Home {
    /// Takes the folder over, making it if it is not there; only its user may enter it.
    pub(crate) fn ensure(path: PathBuf) -> anyhow::Result<Self> {
        let home = Self(path);
        for folder in [home.0.clone(), home.run(), home.logs()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(home)
    }

    /// The folder as it is, perhaps not there.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.0.join("run")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    pub(crate) fn lab_log(&self) -> PathBuf {
        self.logs().join("lab.log")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("db")
    }

    pub(crate) fn repos(&self) -> PathBuf {
        self.0.join("repos")
    }

    pub(crate) fn agent(&self, name: &str) -> PathBuf {
        self.0.join("agents").join(name)
    }

    /// Copies of projects, shared by the agents of this lab.
    pub(crate) fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// The same for the agents of one org, where several share this machine.
    pub(crate) fn cache_of(&self, org: &str) -> PathBuf {
        self.0.join("caches").join(org)
    }

    pub(crate) fn credentials_path(&self) -> PathBuf {
        self.0.join("credentials.json")
    }

    /// What a restore has made so far; there only while one is under way, or was cut off.
    pub(crate) fn restoring(&self) -> PathBuf {
        self.0.join("restoring")
    }

    pub(crate) fn restoring_state_path(&self) -> PathBuf {
        self.restoring().join("state.json")
    }

    /// How far the last restore came; `None` if none was cut off, or before it began.
    ///
    /// # Errors
    /// The file cannot be read as one.
    pub(crate) fn restoring_state(&self) -> anyhow::Result<Option<Restoring>> {
        match fs::read(self.restoring_state_path()) {
            Ok(text) => {
                let state = serde_json::from_slice(&text);
                Ok(Some(state.with_context(|| {
                    format!(
                        "{} is damaged, or of another version of devlab: complete the restore with \
                         the version that began it",
                        self.restoring_state_path().display()
                    )
                })?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("cannot read restoring/state.json"),
        }
    }

    pub(crate) fn write_restoring_state(&self, state: &Restoring) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(state)?;
        write_private(&self.restoring_state_path(), &text)
    }

    /// Refuses a folder on which a restore was cut off.
    pub(crate) fn refuse_restoring(&self) -> anyhow::Result<()> {
        let Some(state) = self.restoring_state()? else {
            return Ok(());
        };
        let otherwise = match state.complete || state.records {
            true => String::new(),
            false => format!(
                ", or remove {} to go on with what was there before",
                self.restoring().display()
            ),
        };
        Err(Failure::new(
            Exit::Failed,
            format!(
                "a restore into {} was cut off: {}{otherwise}",
                self.0.display(),
                state.words()
            ),
        ))
    }

    /// Id of the server with this data folder, made on its first start. It is the id of the disk: a
    /// project's home is where its repository is.
    ///
    /// # Errors
    /// The file cannot be read or written, or has no id in it.
    pub(crate) fn server_id(&self, now: Timestamp) -> anyhow::Result<ServerId> {
        let path = self.0.join("server-id");
        match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .with_context(|| format!("{} does not have the id of a server", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let id = ServerId::new(now, rand::random());
                write_private(&path, format!("{id}\n").as_bytes())?;
                Ok(id)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Id of the lab that this folder belongs to, as far as it is noted.
    pub(crate) fn lab_id(&self) -> Option<String> {
        let text = fs::read_to_string(self.0.join("lab-id")).ok()?;
        Some(text.trim().to_owned())
    }

    fn server_path(&self) -> PathBuf {
        self.run().join("server.json")
    }

    /// Holds the folder for this process until the file is dropped.
    ///
    /// # Errors
    /// Another lab runs on it.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        let path = self.run().join("lab.lock");
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => {
                let who = self.server().map_or_else(String::new, |server| {
                    format!(" (process {}, {})", server.process.pid, server.url)
                });
                Err(Failure::new(
                    Exit::Failed,
                    format!(
                        "a lab runs already on {}{who}: use it, or stop it with `devlab down`, or \
                         give this one another folder with DEVLAB_HOME",
                        self.0.display()
                    ),
                ))
            }
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// The lab's process, if its file is there and it is alive.
    pub(crate) fn server(&self) -> Option<ServerFile> {
        let bytes = fs::read(self.server_path()).ok()?;
        let file: ServerFile = serde_json::from_slice(&bytes).ok()?;
        file.process.is_alive().then_some(file)
    }

    pub(crate) fn write_server(&self, server: &ServerFile) -> anyhow::Result<()> {
        write_private(&self.server_path(), &serde_json::to_vec_pretty(server)?)
    }

    pub(crate) fn remove_server(&self) {
        // A file that stays names a process that is gone, which readers notice.
        fs::remove_file(self.server_path()).ok();
    }

    pub(crate) fn credentials(&self) -> Option<Credentials> {
        serde_json::from_slice(&fs::read(self.credentials_path()).ok()?).ok()
    }

    pub(crate) fn write_credentials(&self, credentials: &Credentials) -> anyhow::Result<()> {
        write_private(
            &self.credentials_path(),
            &serde_json::to_vec_pretty(credentials)?,
        )
    }
}

/// Writes a file that only its user may read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn credentials_are_for_their_user_only() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::ensure(dir.path().join("home")).unwrap();
        let credentials = Credentials {
            url: "http://127.0.0.1:1".to_owned(),
            token: "dl_x".to_owned(),
        };
        home.write_credentials(&credentials).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&home.credentials_path()), 0o600);
        assert_eq!(mode(home.path()), 0o700);
        assert_eq!(home.credentials().unwrap().token, "dl_x");
    }

    #[test]
    fn two_labs_never_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::ensure(dir.path().to_owned()).unwrap();
        let held = home.lock().unwrap();
        let error = home.lock().unwrap_err().to_string();
        assert!(error.contains("devlab down"), "{error}");
        drop(held);
        home.lock().unwrap();
    }

    #[test]
    fn a_server_file_of_a_dead_process_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::ensure(dir.path().to_owned()).unwrap();
        let mut me = ProcessRef::of(devlab_agent::process::own_pid()).unwrap();
        let file = |process| ServerFile {
            process,
            url: "http://127.0.0.1:1".to_owned(),
            dashboard: None,
            version: "0".to_owned(),
            agents: 0,
        };
        home.write_server(&file(me)).unwrap();
        assert_eq!(home.server().unwrap().process, me);
        me.start_ticks += 1;
        home.write_server(&file(me)).unwrap();
        assert!(home.server().is_none());
    }
}
