//! Logs, wherever their bytes are: live ones in the store, sealed ones in blobs.

use std::collections::HashSet;

use devlab_core::auth::Principal;
use devlab_core::bytes::KeptLog;
use devlab_core::check::Sha256Hex;
use devlab_core::error::StorageErrorKind;
use devlab_core::{AttemptId, Refusal, StorageError, TaskId};

use crate::error::Result;
use crate::lab::Lab;
use crate::scope;

/// How often a read begins again because the log was sealed meanwhile.
const TRIES: u32 = 4;

/// Part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Length of the whole log.
    pub len: u64,
}

impl Lab {
    /// Length of an attempt's log.
    ///
    /// # Errors
    /// Storage only.
    pub async fn log_len(&self, attempt: AttemptId) -> Result<u64> {
        let (_, len) = self.store().read_log(attempt, 0, 0).await?;
        if len > 0 {
            return Ok(len);
        }
        Ok(self.kept_log(attempt).await?.map_or(0, |kept| kept.len))
    }

    /// At most `max` bytes of an attempt's log from an offset, and the log's length. Less than
    /// `max` only at the end of the log.
    ///
    /// # Errors
    /// [`Refusal::Gone`] if its bytes were removed by the rules of retention.
    pub async fn read_log(
        &self,
        attempt: AttemptId,
        offset: u64,
        max: usize,
    ) -> Result<(Vec<u8>, u64)> {
        let mut bytes = Vec::new();
        let mut tries = 0;
        loop {
            let at = offset + bytes.len() as u64;
            let (mut more, len) = self
                .store()
                .read_log(attempt, at, max - bytes.len())
                .await?;
            let is_moving = !more.is_empty();
            bytes.append(&mut more);
            let at = offset + bytes.len() as u64;
            if bytes.len() >= max || (at >= len && len > 0) {
                return Ok((bytes, len));
            }
            let kept = self.kept_log(attempt).await?;
            match kept {
                Some(KeptLog { gone: true, .. }) => return Err(Refusal::Gone("log").into()),
                // The end of one that is sealed: a restored lab has nothing of it in the store.
                Some(KeptLog { len: sealed, .. }) if at >= len.max(sealed) => {
                    return Ok((bytes, len.max(sealed)));
                }
                Some(KeptLog {
                    blob: Some(blob),
                    len: sealed,
                    ..
                }) if at < sealed => {
                    let max = max - bytes.len();
                    let (mut more, _) = self.blobs().read(&blob, at, max).await?;
                    bytes.append(&mut more);
                    let at = offset + bytes.len() as u64;
                    if bytes.len() >= max || at >= len.max(sealed) {
                        return Ok((bytes, len.max(sealed)));
                    }
                    tries += 1;
                }
                // Nothing was ever written.
                None if len == 0 => return Ok((bytes, 0)),
                // It was settled between the two looks.
                Some(_) | None if is_moving => {}
                Some(_) | None => tries += 1,
            }
            if tries > TRIES {
                let detail = format!("the log of {attempt} at {at}");
                return Err(StorageError::new(StorageErrorKind::Corrupt, detail).into());
            }
        }
    }

    /// The last lines of an attempt's log, at most `lines` of them and at most `max` bytes. Reads no
    /// more than that from its end.
    ///
    /// # Errors
    /// As [`Lab::read_log`].
    pub async fn log_tail(&self, attempt: AttemptId, lines: usize, max: usize) -> Result<LogPart> {
        let len = self.log_len(attempt).await?;
        let mut offset = len.saturating_sub(max as u64);
        let (mut bytes, now) = self.read_log(attempt, offset, max).await?;
        let from = last_lines(&bytes, lines, offset == 0);
        bytes.drain(..from);
        offset += from as u64;
        Ok(LogPart {
            offset,
            bytes,
            len: now,
        })
    }

    /// At most `max` bytes of a blob from an offset.
    ///
    /// # Errors
    /// The place of blobs.
    pub async fn read_blob(&self, blob: &Sha256Hex, offset: u64, max: usize) -> Result<Vec<u8>> {
        Ok(self.blobs().read(blob, offset, max).await?.0)
    }

    /// Those of some attempts whose logs are gone, by the rules of retention.
    ///
    /// # Errors
    /// Storage only.
    pub async fn gone_logs(
        &self,
        attempts: impl IntoIterator<Item = AttemptId>,
    ) -> Result<HashSet<AttemptId>> {
        let mut asked: HashSet<AttemptId> = attempts.into_iter().collect();
        let found = self.read(move |view| {
            let mut gone = HashSet::new();
            for attempt in asked.drain() {
                if view.kept_log(attempt)?.is_some_and(|kept| kept.gone) {
                    gone.insert(attempt);
                }
            }
            Ok(gone)
        });
        Ok(found.await?)
    }

    /// What became of a log.
    pub(crate) async fn kept_log(&self, attempt: AttemptId) -> Result<Option<KeptLog>> {
        Ok(self.read(move |view| view.kept_log(attempt)).await?)
    }

    /// The attempt of a task whose log is meant: the one that is named, or the latest.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a task that the caller may not see or an attempt of another task.
    pub async fn log_of(
        &self,
        who: &Principal,
        task: TaskId,
        attempt: Option<AttemptId>,
    ) -> Result<AttemptId> {
        let who = who.clone();
        let found = self.read(move |view| {
            scope::task(view, &who, task)?;
            let mut attempts = view.attempts(task)?;
            let wanted = match attempt {
                Some(id) => attempts.into_iter().find(|attempt| attempt.id == id),
                None => attempts.pop(),
            };
            Ok(wanted.ok_or(Refusal::NotFound("attempt"))?.id)
        });
        Ok(found.await?)
    }
}

/// Where the last lines begin. A line that began before the bytes do is left out, unless there is
/// no other, or `is_whole` says that nothing was before.
fn last_lines(bytes: &[u8], lines: usize, is_whole: bool) -> usize {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut ends = body
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1);
    let wanted = lines.checked_sub(1).and_then(|before| ends.nth(before));
    if let Some(from) = wanted {
        return from;
    }
    if lines == 0 {
        return bytes.len();
    }
    let first = body.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
    match first {
        Some(first) if !is_whole => first,
        Some(_) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole() {
        for (text, lines, whole, from) in [
            ("a\nbb\nccc\n", 1, true, 5),
            ("a\nbb\nccc\n", 2, true, 2),
            ("a\nbb\nccc\n", 3, true, 0),
            ("a\nbb\nccc\n", 9, true, 0),
            ("a\nbb\nccc\n", 9, false, 2),
            ("a\nbb\nccc", 1, true, 5),
            ("a\nbb\nccc", 0, true, 8),
            ("no end", 1, false, 0),
            ("no end", 9, true, 0),
            ("", 1, true, 0),
            ("\n\n", 1, true, 1),
        ] {
            let found = last_lines(text.as_bytes(), lines, whole);
            assert_eq!(found, from, "{text:?} {lines} {whole}");
        }
    }
}
