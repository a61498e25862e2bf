//! Named points at which a test makes this process die, fail or stand still.
//!
//! The harness calls [`Faults::hit`] at every step whose loss must be survived. In production that
//! is [`NoFaults`]; the binary builds a [`FaultPlan`] from its configuration when it is told to.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest time that a blocked point waits for its release.
pub const BLOCK_MAX: Duration = Duration::from_secs(60);
/// Most points that one plan arms.
pub const ARMED_MAX: usize = 64;

/// Asked at every named point.
pub trait Faults: Send + Sync + 'static {
    /// This point is reached. May not return at all.
    ///
    /// # Errors
    /// The injected error; the caller treats it like one of the operation that follows.
    fn hit(&self, point: &'static str) -> io::Result<()>;

    /// Whether [`Faults::hit`] may take long here.
    fn may_block(&self, point: &'static str) -> bool;
}

/// Nothing goes wrong on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn hit(&self, _: &'static str) -> io::Result<()> {
        Ok(())
    }

    fn may_block(&self, _: &'static str) -> bool {
        false
    }
}

/// [`Faults::hit`] for async code: a point that blocks does so off the async threads.
///
/// # Errors
/// As [`Faults::hit`].
pub async fn reach(faults: &Arc<dyn Faults>, point: &'static str) -> io::Result<()> {
    if !faults.may_block(point) {
        return faults.hit(point);
    }
    let faults = Arc::clone(faults);
    tokio::task::spawn_blocking(move || faults.hit(point))
        .await
        .map_err(io::Error::other)?
}

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// This process ends as by `kill -9`.
    Kill,
    /// This process stands still, as by `kill -STOP`, until somebody lets it go on.
    Stop,
    /// The disk is full.
    DiskFull,
    /// The operation fails.
    Fail,
    /// Nothing goes on until [`FaultPlan::release`].
    Block,
}

/// Which points do what, and how often each was reached.
#[derive(Debug, Default)]
pub struct FaultPlan {
    armed: BTreeMap<String, (Action, Range)>,
    record: Option<PathBuf>,
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    hits: BTreeMap<&'static str, u64>,
    released: BTreeMap<String, bool>,
}

/// From which hit on, and whether only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u64,
    once: bool,
}

/// Why a text is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {entry:?}: {problem}")]
pub struct ParsePlanError {
    entry: String,
    problem: &'static str,
}

impl FaultPlan {
    /// Arms a point for its `nth` hit (from 1), and only for that.
    #[must_use]
    pub fn arm(mut self, point: &str, action: Action, nth: u64) -> Self {
        self.armed.insert(
            point.to_owned(),
            (
                action,
                Range {
                    first: nth,
                    once: true,
                },
            ),
        );
        self
    }

    /// Arms a point for every hit.
    #[must_use]
    pub fn arm_always(mut self, point: &str, action: Action) -> Self {
        self.armed.insert(
            point.to_owned(),
            (
                action,
                Range {
                    first: 1,
                    once: false,
                },
            ),
        );
        self
    }

    /// Appends the name of each point to a file, before anything happens there: hits outlive the
    /// process that way.
    #[must_use]
    pub fn record_to(mut self, path: PathBuf) -> Self {
        self.record = Some(path);
        self
    }

    /// How often a point was reached, armed or not.
    #[must_use]
    pub fn hits(&self, point: &str) -> u64 {
        self.lock().hits.get(point).copied().unwrap_or(0)
    }

    /// Lets a blocked point go on, now and later.
    pub fn release(&self, point: &str) {
        self.lock().released.insert(point.to_owned(), true);
        self.released.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain counters: a panic elsewhere leaves them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn block(&self, point: &str) -> io::Result<()> {
        let blocked = |state: &mut State| !state.released.get(point).copied().unwrap_or(false);
        let wait = self
            .released
            .wait_timeout_while(self.lock(), BLOCK_MAX, blocked);
        let (state, timeout) = wait.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        if timeout.timed_out() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nobody released the fault point",
            ));
        }
        Ok(())
    }

    fn write_record(&self, point: &str) -> io::Result<()> {
        let Some(path) = &self.record else {
            return Ok(());
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{point}\n").as_bytes())
    }
}

impl Faults for FaultPlan {
    fn hit(&self, point: &'static str) -> io::Result<()> {
        let count = {
            let mut state = self.lock();
            let count = state.hits.entry(point).or_default();
            *count += 1;
            *count
        };
        self.write_record(point)?;
        let Some((action, range)) = self.armed.get(point) else {
            return Ok(());
        };
        if count < range.first || (range.once && count > range.first) {
            return Ok(());
        }
        match action {
            Action::Kill => kill_self(),
            Action::Stop => stop_self(),
            Action::DiskFull => Err(rustix::io::Errno::NOSPC.into()),
            Action::Fail => Err(io::Error::other(format!("injected at {point}"))),
            Action::Block => self.block(point),
        }
    }

    fn may_block(&self, point: &'static str) -> bool {
        self.armed
            .get(point)
            .is_some_and(|(action, _)| *action == Action::Block)
    }
}

/// Dies without unwinding, flushing or telling anyone.
fn kill_self() -> io::Result<()> {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
    // The signal is on its way; nothing more must happen on this thread.
    loop {
        std::thread::park();
    }
}

fn stop_self() -> io::Result<()> {
    let own = rustix::process::getpid();
    Ok(rustix::process::kill_process(
        own,
        rustix::process::Signal::STOP,
    )?)
}

/// `point=action` or `point=action@nth`, comma-separated; actions are `kill`, `stop`, `full`, `fail`
/// and `block`; without `@nth`, the first two and `block` take the first hit and the others every
/// hit.
impl FromStr for FaultPlan {
    type Err = ParsePlanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self::default();
        for entry in text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let refuse = |problem| ParsePlanError {
                entry: entry.to_owned(),
                problem,
            };
            let (point, rest) = entry
                .split_once('=')
                .ok_or_else(|| refuse("expected point=action[@nth]"))?;
            let (action, nth) = match rest.split_once('@') {
                Some((action, nth)) => {
                    let nth: u64 = nth.parse().map_err(|_| refuse("nth is not a number"))?;
                    (action, Some(nth.max(1)))
                }
                None => (rest, None),
            };
            let (action, once) = match action {
                "kill" => (Action::Kill, true),
                "stop" => (Action::Stop, true),
                "block" => (Action::Block, true),
                "full" => (Action::DiskFull, nth.is_some()),
                "fail" => (Action::Fail, nth.is_some()),
                _ => return Err(refuse("actions are kill, stop, full, fail and block")),
            };
            let range = Range {
                first: nth.unwrap_or(1),
                once,
            };
            plan.armed.insert(point.to_owned(), (action, range));
            if plan.armed.len() > ARMED_MAX {
                return Err(refuse("too many points are armed"));
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_fails_when_it_is_told_to() {
        let plan: FaultPlan = "a=full, b=fail@2".parse().unwrap();
        for _ in 0..2 {
            assert_eq!(
                plan.hit("a").unwrap_err().kind(),
                io::ErrorKind::StorageFull
            );
        }
        assert!(plan.hit("b").is_ok());
        assert!(plan.hit("b").is_err());
        assert!(plan.hit("b").is_ok());
        assert!(plan.hit("c").is_ok());
        assert_eq!(
            (
                plan.hits("a"),
                plan.hits("b"),
                plan.hits("c"),
                plan.hits("d")
            ),
            (2, 3, 1, 0)
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["a", "a=explode", "a=kill@x"] {
            assert!(bad.parse::<FaultPlan>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_blocked_point_waits_for_its_release() {
        let plan = Arc::new("a=block".parse::<FaultPlan>().unwrap());
        let faults: Arc<dyn Faults> = Arc::clone(&plan) as _;
        let reached = reach(&faults, "a");
        let release = async {
            while plan.hits("a") == 0 {
                tokio::task::yield_now().await;
            }
            plan.release("a");
        };
        let (reached, ()) = tokio::join!(reached, release);
        reached.unwrap();
        assert_eq!(plan.hits("a"), 1);
    }
}
