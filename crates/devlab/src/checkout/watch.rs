//! Watches a task until it needs nobody's patience any more.

use std::pin::Pin;
use std::time::Duration;

use devlab_api::client::{Client, ClientError, LogChunk};
use devlab_api::task::{ChoiceRole, TaskChoice, TaskDetail};
use devlab_core::TaskId;
use devlab_core::attempt::AttemptKind;
use devlab_core::state::{StateName, TaskKind, WaitReason};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior};

use super::held::Held;
use crate::client::tasks::waiting;
use crate::show;

/// How often the task is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a lab that does not answer is waited for.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Longest line of a log that is shown.
const LINE_CHARS_MAX: usize = 400;
/// How long the rest of a log is waited for once the task has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

type Chunks = Pin<Box<dyn Stream<Item = Result<LogChunk, ClientError>> + Send>>;

struct Watch<'a> {
    client: &'a Client,
    task: TaskId,
    shown: String,
    held: Held,
    /// The log of the latest try that was told of.
    log: Option<Chunks>,
    /// Tries that were told of.
    tries: u32,
    rest: Vec<u8>,
    spinner: Spinner,
}

/// Shows a task's states and its log as they come. Returns once it has ended or waits for a person.
///
/// # Errors
/// The lab says no, or does not answer for a long time.
pub(crate) async fn until_settled(client: &Client, task: TaskId) -> anyhow::Result<TaskDetail> {
    let mut watch = Watch {
        client,
        task,
        shown: String::new(),
        held: Held::default(),
        log: None,
        tries: 0,
        rest: Vec::new(),
        spinner: Spinner::new(),
    };
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answered = Instant::now();
    loop {
        tokio::select! {
            chunk = next(&mut watch.log) => watch.hear(chunk)?,
            _ = look.tick() => match client.task(task).await {
                Ok(detail) => {
                    answered = Instant::now();
                    watch.see(&detail).await?;
                    if is_settled(&detail) || waits_for_a_choice(client, &detail).await? {
                        watch.finish().await?;
                        return Ok(detail);
                    }
                    if let Err(error) = watch.held.is_bearable(&detail, answered) {
                        watch.finish().await?;
                        // What has passed meanwhile can be taken.
                        let choice = open_choice(client, &detail).await?;
                        let passed = |choice: &TaskChoice| {
                            choice.alternatives.iter().any(|one| one.choosable)
                        };
                        return match choice.is_some_and(|choice| passed(&choice)) {
                            true => Ok(detail),
                            false => Err(error),
                        };
                    }
                }
                Err(error) if error.is_retryable() && answered.elapsed() < AWAY_MAX => {
                    watch.spinner.say("the lab does not answer; waiting for it");
                }
                Err(error) => {
                    watch.spinner.clear();
                    return Err(error.into());
                }
            },
        }
    }
}

/// Whether waiting on brings nothing.
fn is_settled(detail: &TaskDetail) -> bool {
    match detail.task.state {
        StateName::Done | StateName::Failed | StateName::Cancelled | StateName::Waiting => true,
        // What it depends on will not be done, or waits for a person.
        StateName::Blocked => detail.stuck.is_some(),
        StateName::Draft | StateName::Ready | StateName::Running | StateName::Integrating => false,
    }
}

/// Whether none of a task's alternatives goes on without a person. That agents are missing may be over
/// in a moment.
async fn waits_for_a_choice(client: &Client, detail: &TaskDetail) -> anyhow::Result<bool> {
    if detail.stuck.is_none() {
        return Ok(false);
    }
    let rests = |state| {
        matches!(
            state,
            StateName::Waiting | StateName::Failed | StateName::Cancelled
        )
    };
    let choice = open_choice(client, detail).await?;
    Ok(choice.is_some_and(|choice| choice.alternatives.iter().all(|one| rests(one.state))))
}

/// What there is to choose from, if a task has alternatives of which none was taken.
pub(super) async fn open_choice(
    client: &Client,
    detail: &TaskDetail,
) -> anyhow::Result<Option<TaskChoice>> {
    match detail.task.choice {
        Some(ChoiceRole::Open) => Ok(Some(client.choice(detail.task.id).await?)),
        Some(ChoiceRole::Taken | ChoiceRole::Alternative) | None => Ok(None),
    }
}

async fn next(log: &mut Option<Chunks>) -> Option<Result<LogChunk, ClientError>> {
    match log {
        Some(log) => log.next().await,
        None => std::future::pending().await,
    }
}

impl Watch<'_> {
    async fn see(&mut self, detail: &TaskDetail) -> anyhow::Result<()> {
        if detail.task.attempts != self.tries {
            self.begin_new_tries(detail.task.attempts).await?;
        }
        let words = words(detail);
        if words != self.shown {
            if detail.task.state != StateName::Running {
                // What a try has said comes before what became of it.
                self.last_words().await?;
            }
            self.tell(words);
        }
        if let Some(why) = self.held.look(detail, Instant::now()) {
            self.spinner.clear();
            show::note(&format!("{0}•{0:#} {why}", show::YELLOW));
        }
        self.spinner.say(&self.shown);
        Ok(())
    }

    fn tell(&mut self, words: String) {
        self.spinner.clear();
        show::note(&format!("{0}•{0:#} {words}", show::CYAN));
        self.shown = words;
    }

    /// A try may begin and end between two looks: each gets its heading and its log all the same.
    async fn begin_new_tries(&mut self, tries: u32) -> anyhow::Result<()> {
        let attempts = self.client.attempts(self.task).await?;
        for attempt in attempts.items {
            if attempt.kind != AttemptKind::Work || attempt.number <= self.tries {
                continue;
            }
            self.last_words().await?;
            self.tell(works(attempt.number));
            self.tries = attempt.number;
            self.log = Some(Box::pin(self.client.follow_log(self.task, attempt.id, 0)));
        }
        self.tries = tries;
        Ok(())
    }

    fn hear(&mut self, chunk: Option<Result<LogChunk, ClientError>>) -> anyhow::Result<()> {
        match chunk {
            Some(Ok(chunk)) => self.print(&chunk.bytes),
            // What the state says is enough; the log can be read again.
            Some(Err(_)) | None => {
                self.log = None;
                Ok(())
            }
        }
    }

    fn print(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.rest.extend_from_slice(bytes);
        self.spinner.clear();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = show::printable(String::from_utf8_lossy(&line).trim_end());
            show::note(&format!(
                "{0}  │{0:#} {1}",
                show::DIM,
                show::short(&line, LINE_CHARS_MAX)
            ));
        }
        Ok(())
    }

    /// The rest of a log whose attempt is over, for a moment.
    async fn last_words(&mut self) -> anyhow::Result<()> {
        let Some(mut log) = self.log.take() else {
            return Ok(());
        };
        let end = Instant::now() + LAST_WORDS;
        while let Ok(Some(Ok(chunk))) = tokio::time::timeout_at(end, log.next()).await {
            self.print(&chunk.bytes)?;
        }
        Ok(())
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        self.last_words().await?;
        if !self.rest.is_empty() {
            self.print(b"\n")?;
        }
        self.spinner.clear();
        Ok(())
    }
}

fn works(number: u32) -> String {
    format!("an agent works on it (try {number})")
}

/// The state in words.
fn words(detail: &TaskDetail) -> String {
    let task = &detail.task;
    let base = match task.state {
        StateName::Draft => "a draft: it waits for an approval".to_owned(),
        StateName::Blocked => format!("waits for {}", show::count(task.unmet, "other task")),
        StateName::Ready if task.attempts > 0 => format!("waits for its try {}", task.attempts + 1),
        StateName::Ready => "waits for an agent".to_owned(),
        StateName::Running if task.choice == Some(ChoiceRole::Open) => {
            format!(
                "{} work on it",
                show::count(task.open_children, "alternative")
            )
        }
        StateName::Running if task.kind == TaskKind::Composite => {
            "its tasks are at work".to_owned()
        }
        StateName::Running => works(task.attempts),
        StateName::Integrating => "is being merged and checked".to_owned(),
        StateName::Waiting => {
            let reason = task.waiting_for.unwrap_or(WaitReason::Attention);
            format!("waits for {}", waiting(reason))
        }
        StateName::Done => "done".to_owned(),
        StateName::Failed => "failed".to_owned(),
        StateName::Cancelled => "cancelled".to_owned(),
    };
    match &detail.stuck {
        // That may be over in a moment; `Held` tells it if it is not.
        Some(_) if task.state == StateName::Ready => base,
        Some(why) => format!("{base}: {why}"),
        None => base,
    }
}

/// A line at the bottom of a terminal that shows that something goes on; nothing elsewhere.
struct Spinner {
    is_terminal: bool,
    turn: usize,
    began: Instant,
    drawn: bool,
}

const TURNS: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

impl Spinner {
    fn new() -> Self {
        Self {
            is_terminal: std::io::IsTerminal::is_terminal(&std::io::stderr()),
            turn: 0,
            began: Instant::now(),
            drawn: false,
        }
    }

    fn say(&mut self, text: &str) {
        if !self.is_terminal {
            return;
        }
        self.turn = (self.turn + 1) % TURNS.len();
        let secs = self.began.elapsed().as_secs();
        let line = show::short(&format!("{} {text} · {secs} s", TURNS[self.turn]), 78);
        show::status(&format!("\r\x1b[2K{line}"));
        self.drawn = true;
    }

    fn clear(&mut self) {
        if self.drawn {
            show::status("\r\x1b[2K");
            self.drawn = false;
        }
    }
}
