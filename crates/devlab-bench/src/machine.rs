//! The machine that is measured on: processor, memory, disk, and what a process takes of them.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use crate::stats::{Metrics, Samples};

/// Clock ticks a second in `/proc`: `USER_HZ` is 100 on all that Linux and Rust's std run on.
const TICKS_PER_SECOND: f64 = 100.0;
/// Writes of the disk's measurement.
const SYNC_WRITES: usize = 1_000;
/// Size of one of them: a page of the database.
const SYNC_BYTES: usize = 4_096;
/// Open files that the largest load needs, with room.
const FILES_WANTED: u64 = 4_096;

/// What ran the benchmark.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let meminfo = read("/proc/meminfo");
        let cpu = field(&cpuinfo, "model name")
            .unwrap_or("unknown")
            .to_owned();
        Self {
            cpu,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: field(&meminfo, "MemTotal").and_then(kib).unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// The disk under the data folder.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Disk {
    /// The folder.
    pub(crate) dir: String,
    /// Type of its file system.
    pub(crate) file_system: String,
    /// Percentiles of a 4 KiB write with fdatasync, appended to one file.
    pub(crate) fdatasync: Metrics,
}

impl Disk {
    /// Measures it, which takes about a second.
    pub(crate) fn measure(dir: &Path) -> anyhow::Result<Self> {
        let dir = dir.canonicalize()?;
        let path = dir.join("fdatasync.tmp");
        let samples =
            sync_samples(&path).with_context(|| format!("cannot measure {}", dir.display()));
        std::fs::remove_file(&path)?;
        let mut fdatasync = Metrics::new();
        samples?.report("fdatasync", &mut fdatasync);
        Ok(Self {
            file_system: file_system(&read("/proc/self/mounts"), &dir),
            dir: dir.display().to_string(),
            fdatasync,
        })
    }
}

fn sync_samples(path: &Path) -> anyhow::Result<Samples> {
    let mut file = File::create(path)?;
    let page = [0x5a_u8; SYNC_BYTES];
    let mut samples = Samples::default();
    for _ in 0..SYNC_WRITES {
        let start = tokio::time::Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        samples.push(start.elapsed());
    }
    Ok(samples)
}

/// Type of the file system that holds a path: of the longest mount point that leads to it.
fn file_system(mounts: &str, path: &Path) -> String {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (point, kind) = (words.next()?, words.next()?);
            path.starts_with(point).then_some((point.len(), kind))
        })
        // Of two on one point the later one is on top.
        .max_by_key(|(len, _)| *len)
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// Resident memory of a process in MiB.
pub(crate) fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kib = field(&status, "VmRSS")
        .and_then(kib)
        .with_context(|| format!("{path} has no VmRSS"))?;
    Ok(f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0)
}

/// Processor time that a process has used so far.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks = ticks(&stat).with_context(|| format!("cannot understand {path}"))?;
    Ok(Duration::from_secs_f64(f64::from(ticks) / TICKS_PER_SECOND))
}

/// User and system time; fields 14 and 15, counted from behind the name, which may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace().skip(11);
    let user: u32 = words.next()?.parse().ok()?;
    let system: u32 = words.next()?.parse().ok()?;
    user.checked_add(system)
}

/// Lets this process, and the servers it starts, have a connection for each simulated agent.
pub(crate) fn raise_file_limit() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= FILES_WANTED) {
        return Ok(());
    }
    let wanted = limit
        .maximum
        .map_or(FILES_WANTED, |max| max.min(FILES_WANTED));
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).context("cannot raise the limit of open files")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn kib(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 120 34 0 0";
        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn the_deepest_mount_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x xfs rw 0 0\n";
        for (path, expected) in [
            ("/home/a", "ext4"),
            ("/tmp/y", "tmpfs"),
            ("/tmp/x/y", "xfs"),
        ] {
            assert_eq!(file_system(mounts, Path::new(path)), expected);
        }
        assert_eq!(file_system("", Path::new("/")), "unknown");
    }

    #[test]
    fn this_process_can_be_measured() {
        let pid = std::process::id();
        assert!(resident_mib(pid).unwrap() > 0.1);
        cpu_time(pid).unwrap();
        assert!(Machine::here().memory_mib > 0);
    }

    #[test]
    fn a_disk_is_measured_and_left_clean() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::measure(dir.path()).unwrap();
        assert_eq!(disk.fdatasync["fdatasync_count"], 1000.0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
