//! The driver's output, on its way from the pipe to the log.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::{DriverEnd, SuperviseSpec, report};

/// Largest piece of output that is taken at once.
const READ_BYTES: usize = 64 * 1024;
/// Most pieces that are taken before other events get their turn.
const READS_IN_A_ROW: usize = 16;

/// The driver never has the log itself open: it could cut it off, and bytes of the log that are
/// acknowledged elsewhere must stay what they were.
pub(super) struct Output {
    /// `None` once everyone has closed the other end.
    pub(super) pipe: Option<PipeReader>,
    /// `None` once the rest of the output is thrown away.
    log: Option<File>,
    path: PathBuf,
    bytes: u64,
    bytes_max: u64,
    /// Why the driver must end because of its output.
    pub(super) problem: Option<DriverEnd>,
}

impl Output {
    /// Opens the log, and a pipe whose other end is for the driver.
    pub(super) fn open(spec: &SuperviseSpec) -> io::Result<(Self, PipeWriter)> {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&spec.log)?;
        let (pipe, writer) = io::pipe()?;
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        let output = Self {
            pipe: Some(pipe),
            log: Some(log),
            path: spec.log.clone(),
            bytes: 0,
            bytes_max: spec.output_limit_bytes,
            problem: None,
        };
        Ok((output, writer))
    }

    /// Bytes of the driver's that are in the log.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Moves some of what is in the pipe to the log; `false` if there is nothing more for now.
    pub(super) fn take(&mut self) -> bool {
        let mut buffer = vec![0_u8; READ_BYTES];
        for _ in 0..READS_IN_A_ROW {
            let Some(pipe) = self.pipe.as_mut() else {
                return false;
            };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.append(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => self.pipe = None,
            }
        }
        true
    }

    /// The rest of the output, when nobody is left who could write more.
    pub(super) fn drain(&mut self) {
        while self.log.is_some() && self.take() {}
    }

    fn append(&mut self, bytes: &[u8]) {
        let Some(log) = self.log.as_mut() else { return };
        let room = self.bytes_max.saturating_sub(self.bytes);
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        if let Err(error) = log.write_all(&bytes[..fits]) {
            let problem = format!("cannot write the log {}: {error}", self.path.display());
            self.problem = Some(DriverEnd::Failed { problem });
            self.log = None;
            return;
        }
        self.bytes += fits as u64;
        report::log_grown(log.stream_position().unwrap_or(self.bytes));
        if fits < bytes.len() {
            self.note(&format!("wrote more than {} bytes", self.bytes_max));
            self.problem = Some(DriverEnd::OutputLimit);
            self.log = None;
        }
    }

    /// Leaves a line of ours in the log that says why the driver is ended.
    pub(super) fn note(&mut self, why: &str) {
        let Some(log) = self.log.as_mut() else { return };
        // A disk that is full now takes nothing from the outcome.
        writeln!(log, "\n[devlab] the command {why}, and was ended").ok();
        report::log_grown(log.stream_position().unwrap_or(0));
    }
}
