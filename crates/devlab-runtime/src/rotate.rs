//! A log file with a bound: when it is full it becomes `<name>.1`, and a new one begins.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Largest size of one file, in bytes; with the one before, a log takes twice as much.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A log file that cannot fill a disk.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    file: File,
    len: u64,
    max: u64,
}

impl RotatingFile {
    /// Goes on with the file at `path`, or begins it. `max` bounds one file, in bytes.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: &Path, max: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append(path)?;
        let len = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            len,
            max,
        })
    }

    /// Where the file before goes.
    #[must_use]
    pub fn previous(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".1");
        PathBuf::from(name)
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(&self.path, Self::previous(&self.path))?;
        self.file = append(&self.path)?;
        self.len = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.len > 0 && self.len + bytes.len() as u64 > self.max {
            self.rotate()?;
        }
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_kept_once_and_goes_on_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/a.log");
        let mut log = RotatingFile::open(&path, 8).unwrap();
        log.write_all(b"12345\n").unwrap();
        drop(log);
        let mut log = RotatingFile::open(&path, 8).unwrap();
        log.write_all(b"678\n").unwrap();
        log.write_all(b"9\n").unwrap();
        log.write_all(b"0123456789\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"0123456789\n");
        let previous = RotatingFile::previous(&path);
        assert_eq!(fs::read(previous).unwrap(), b"678\n9\n");
        assert_eq!(fs::read_dir(dir.path().join("logs")).unwrap().count(), 2);
    }
}
