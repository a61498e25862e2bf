//! Reading objects through one git that stays for a while: most reads are a few bytes, and a
//! process for each costs forty times as much as the read.
//!
//! *Invariant:* an answer comes from the repository that is at the path now. A folder that was
//! removed and made again is another one, told by its inode.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::git::{Cmd, GroupChild, LOCAL_TIMEOUT};
use crate::name::Oid;

/// How long a reader waits for the next question before it ends: longer than most drivers work, so
/// that one serves an attempt to its end.
const IDLE: Duration = Duration::from_secs(60);
/// Most readers at a time; the one that was asked longest ago makes room.
const READERS_MAX: usize = 16;
/// Questions that may wait for one reader; more wait before they ask.
const WAITING_MAX: usize = 64;
/// Longest first line of an answer. It repeats the question if there is no such object.
const HEADER_BYTES_MAX: u64 = 8 * 1024;
/// Most that is kept of what a reader that ended said.
const LAST_WORDS_BYTES_MAX: u64 = 4 * 1024;

/// An object that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its id.
    pub(crate) oid: Oid,
    /// `blob`, `tree`, `commit` or `tag`.
    pub(crate) kind: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its bytes, if they were asked for and are not more than what was allowed.
    pub(crate) content: Option<Vec<u8>>,
}

/// The readers of all repositories that one [`crate::Git`] is used on.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The one that was asked last is at the end.
    readers: Vec<Known>,
    /// Ends them all when this is dropped.
    tasks: JoinSet<()>,
}

#[derive(Debug, Clone)]
struct Known {
    dir: PathBuf,
    inode: u64,
    questions: mpsc::Sender<Question>,
}

#[derive(Debug)]
struct Question {
    name: String,
    /// Most bytes of content that are wanted.
    content_bytes_max: u64,
    answer: oneshot::Sender<Result<Option<Object>>>,
}

impl Readers {
    /// Looks an object up by any name that git knows it by; `None` if there is none. Content comes
    /// along up to `content_bytes_max`. `cmd` starts a reader, if none is there.
    pub(crate) async fn ask(
        &self,
        dir: &Path,
        name: &str,
        content_bytes_max: u64,
        cmd: impl Fn() -> Cmd,
    ) -> Result<Option<Object>> {
        if name.contains('\0') || name.len() as u64 > HEADER_BYTES_MAX / 2 {
            return Err(Error::invalid(
                "object name",
                name,
                "is too long, or has a NUL",
            ));
        }
        loop {
            let (questions, is_new) = self.reader(dir, &cmd).await?;
            let (answer, answered) = oneshot::channel();
            let question = Question {
                name: name.to_owned(),
                content_bytes_max,
                answer,
            };
            if questions.send(question).await.is_ok()
                && let Ok(answer) = answered.await
            {
                return answer;
            }
            // It has just ended, being idle. A new one has not.
            if is_new {
                return Err(Error::unexpected("cat-file", "it ended without an answer"));
            }
            self.forget(&questions);
        }
    }

    async fn reader(
        &self,
        dir: &Path,
        cmd: impl Fn() -> Cmd,
    ) -> Result<(mpsc::Sender<Question>, bool)> {
        let inode = inode(dir).await?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.readers.retain(|known| !known.questions.is_closed());
        let place = open.readers.iter().position(|known| known.dir == dir);
        if let Some(known) = place.map(|place| open.readers.remove(place))
            && known.inode == inode
        {
            let questions = known.questions.clone();
            open.readers.push(known);
            return Ok((questions, false));
        }
        while open.tasks.try_join_next().is_some() {}
        if open.readers.len() >= READERS_MAX {
            open.readers.remove(0);
        }
        let command = cmd().args(["--batch-command", "-z"]);
        let reader = Reader::new(command.spawn(Stdio::piped())?)?;
        let (questions, asked) = mpsc::channel(WAITING_MAX);
        open.tasks.spawn(reader.serve(asked));
        open.readers.push(Known {
            dir: dir.to_owned(),
            inode,
            questions: questions.clone(),
        });
        Ok((questions, true))
    }

    fn forget(&self, questions: &mpsc::Sender<Question>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = |known: &Known| !known.questions.same_channel(questions);
        open.readers.retain(is_other);
    }
}

async fn inode(dir: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let meta = tokio::fs::metadata(dir).await;
    Ok(meta.map_err(Error::io("read", dir))?.ino())
}

/// A running `git cat-file --batch-command`.
struct Reader {
    group: GroupChild,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Reader {
    fn new(mut group: GroupChild) -> Result<Self> {
        let (stdin, stdout) = (group.child.stdin.take(), group.child.stdout.take());
        match (stdin, stdout) {
            (Some(stdin), Some(stdout)) => Ok(Self {
                group,
                stdin,
                stdout: BufReader::new(stdout),
            }),
            _ => Err(Error::unexpected("cat-file", "it has no streams")),
        }
    }

    /// Answers until nobody asks any more. After a failure where the stream is, is not known: it
    /// ends too.
    async fn serve(mut self, mut asked: mpsc::Receiver<Question>) {
        while let Ok(Some(question)) = timeout(IDLE, asked.recv()).await {
            let answer = timeout(LOCAL_TIMEOUT, self.look_up(&question)).await;
            let answer = answer.unwrap_or(Err(Error::Timeout {
                command: "cat-file",
                limit_secs: LOCAL_TIMEOUT.as_secs(),
            }));
            let failed = answer.is_err();
            // Who asked may have gone away.
            let _unwanted = question.answer.send(answer);
            if failed {
                return;
            }
        }
    }

    async fn look_up(&mut self, question: &Question) -> Result<Option<Object>> {
        let Some(mut found) = self.command("info", &question.name).await? else {
            return Ok(None);
        };
        if question.content_bytes_max > 0 && found.size <= question.content_bytes_max {
            // By its id: a name may mean something else by now.
            let name = found.oid.to_string();
            let Some(same) = self.command("contents", &name).await? else {
                return Ok(None);
            };
            let mut content = vec![0; usize::try_from(same.size).unwrap_or(usize::MAX)];
            let read = self.stdout.read_exact(&mut content).await;
            // A line end follows.
            if read.is_err() || self.stdout.read_u8().await.is_err() {
                return Err(self.ended().await);
            }
            found.content = Some(content);
        }
        Ok(Some(found))
    }

    /// Sends a command and reads the first line of its answer.
    async fn command(&mut self, command: &str, name: &str) -> Result<Option<Object>> {
        let sent = format!("{command} {name}\0");
        if self.stdin.write_all(sent.as_bytes()).await.is_err() {
            return Err(self.ended().await);
        }
        let mut line = String::new();
        let mut bounded = (&mut self.stdout).take(HEADER_BYTES_MAX);
        let read = bounded.read_line(&mut line).await;
        if read.is_err() || !line.ends_with('\n') {
            return Err(self.ended().await);
        }
        // This repeats the name as it is, line ends included.
        if let Some(rest) = format!("{name} missing\n").strip_prefix(&line) {
            let mut skipped = vec![0; rest.len()];
            return match self.stdout.read_exact(&mut skipped).await {
                Ok(_) if skipped == rest.as_bytes() => Ok(None),
                _ => Err(self.ended().await),
            };
        }
        let line = line.trim_end_matches('\n');
        let mut words = line.split(' ');
        let odd = || Error::unexpected("cat-file", line.to_owned());
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(oid), Some(kind), Some(size), None) => Ok(Some(Object {
                oid: oid.parse().map_err(|_| odd())?,
                kind: kind.to_owned(),
                size: size.parse().map_err(|_| odd())?,
                content: None,
            })),
            _ => Err(odd()),
        }
    }

    /// Why it ended, in its own words.
    async fn ended(&mut self) -> Error {
        let mut words = Vec::new();
        if let Some(stderr) = self.group.child.stderr.take() {
            let mut said = stderr.take(LAST_WORDS_BYTES_MAX);
            if said.read_to_end(&mut words).await.is_err() {
                words.clear();
            }
        }
        Error::failed("cat-file", None, &words)
    }
}
