//! A process held to the CPU that Lambda gives to a function of some memory, where this machine's control groups let us.

use std::fs;
use std::path::{Path, PathBuf};

/// With so much memory a function has one CPU (Lambda developer guide, "Configure Lambda function memory").
const ONE_CPU: u32 = 1769;
/// In microseconds: how often the share is given anew.
const PERIOD: u32 = 20_000;

/// A control group, removed when it is dropped: the processes in it must have ended.
#[derive(Debug)]
pub struct Held {
    folder: PathBuf,
}

impl Held {
    /// A group with the CPU that so many MB of memory get; none where this machine, or who runs this, may not make one.
    pub fn new(memory: u32) -> Option<Self> {
        let quota = PERIOD * memory / ONE_CPU;
        let name = format!("blue-green-bench-{}-{memory}", std::process::id());
        let (v1, v2) = (Path::new("/sys/fs/cgroup/cpu"), Path::new("/sys/fs/cgroup"));
        let (folder, limits) = match v1.is_dir() {
            true => (v1.join(name), vec![("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota.to_string())]),
            false => (v2.join(name), vec![("cpu.max", format!("{quota} {PERIOD}"))]),
        };
        fs::create_dir(&folder).ok()?;
        let held = Self { folder };
        limits.iter().try_for_each(|(file, limit)| fs::write(held.folder.join(file), limit)).ok()?;
        Some(held)
    }

    /// Holds a process from now on.
    pub fn hold(&self, process: i32) {
        fs::write(self.folder.join("cgroup.procs"), process.to_string()).unwrap();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // What stays is an empty folder without a process.
        let _ = fs::remove_dir(&self.folder);
    }
}
