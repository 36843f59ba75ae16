//! What the kernel says of a process. Source: proc(5), and the kernel's documentation of /proc/PID/schedstat.

use std::fs;
use std::time::Duration;

/// How much CPU a living process has used, by the scheduler's own clock: getrusage counts by it, `stat` in ticks of 10 ms.
pub fn cpu(id: i32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let nanoseconds = threads.map(|thread| {
        let text = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The most memory that a living process has had resident, in MB.
pub fn memory(id: i32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0 / 1e6
}
