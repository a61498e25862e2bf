//! A bounded queue between callers and a thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use devlab_core::StorageError;
use devlab_core::error::StorageErrorKind;

use crate::tally::Tally;

/// Jobs that wait for a thread. Never blocks who puts one in.
pub(crate) struct Jobs<J> {
    state: Mutex<State<J>>,
    filled: Condvar,
    max: usize,
    /// Jobs that the thread has taken and has not begun.
    held: AtomicUsize,
    /// What its thread has done with them.
    pub(crate) tally: Tally,
}

struct State<J> {
    waiting: VecDeque<J>,
    closed: bool,
}

impl<J> Jobs<J> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                closed: false,
            }),
            filled: Condvar::new(),
            max,
            held: AtomicUsize::default(),
            tally: Tally::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // Nothing that runs under the lock can panic half-way, so a poisoned one is intact.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job in.
    ///
    /// # Errors
    /// `Busy` if too many wait; `Closed` after [`Self::close`].
    pub(crate) fn push(&self, job: J) -> Result<(), StorageError> {
        let mut state = self.lock();
        if state.closed {
            return Err(closed());
        }
        if state.waiting.len() + self.held.load(Ordering::Relaxed) >= self.max {
            return Err(StorageError::new(
                StorageErrorKind::Busy,
                format!("{} units of work wait already; try again later", self.max),
            ));
        }
        state.waiting.push_back(job);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Moves at most `max` jobs to `into`, after waiting until there is one. Returns whether there
    /// was; if not, the queue is closed and empty.
    pub(crate) fn wait(&self, into: &mut VecDeque<J>, max: usize) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.closed {
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        take(&mut state, into, max) > 0
    }

    /// Moves at most `max` jobs that wait now to `into` and returns how many.
    pub(crate) fn take(&self, into: &mut VecDeque<J>, max: usize) -> usize {
        take(&mut self.lock(), into, max)
    }

    /// Lets nothing more in. What waits is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// The thread says how many jobs it has taken and not begun: they wait as the others do.
    pub(crate) fn hold(&self, count: usize) {
        self.held.store(count, Ordering::Relaxed);
    }

    /// Jobs that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len() + self.held.load(Ordering::Relaxed)
    }
}

fn take<J>(state: &mut State<J>, into: &mut VecDeque<J>, max: usize) -> usize {
    let n = state.waiting.len().min(max);
    into.extend(state.waiting.drain(..n));
    n
}

/// The answer after the end.
pub(crate) fn closed() -> StorageError {
    StorageError::new(StorageErrorKind::Closed, "it takes no more work")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_says_so_and_a_closed_one_hands_out_what_it_has() {
        let jobs = Jobs::new(2);
        jobs.push(1).unwrap();
        jobs.push(2).unwrap();
        assert_eq!(jobs.push(3).unwrap_err().kind, StorageErrorKind::Busy);
        jobs.close();
        assert_eq!(jobs.push(3).unwrap_err().kind, StorageErrorKind::Closed);
        assert_eq!(jobs.len(), 2);
        let mut into = VecDeque::new();
        assert!(jobs.wait(&mut into, 1));
        assert_eq!(jobs.take(&mut into, 9), 1);
        assert_eq!(into, [1, 2]);
        assert!(!jobs.wait(&mut into, 1));
    }

    #[test]
    fn what_the_thread_holds_back_waits_too() {
        let jobs = Jobs::new(2);
        jobs.push(1).unwrap();
        let mut into = VecDeque::new();
        assert!(jobs.wait(&mut into, 1));
        jobs.hold(into.len());
        jobs.push(2).unwrap();
        assert_eq!(jobs.len(), 2);
        assert_eq!(jobs.push(3).unwrap_err().kind, StorageErrorKind::Busy);
        jobs.hold(0);
        jobs.push(3).unwrap();
    }
}
