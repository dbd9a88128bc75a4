//! CPU time and memory of a process on Linux.

use std::fs;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// The CPU time that a process has used so far, and its memory.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// CPU time of all threads of the process, user and system.
    pub cpu: Duration,
    /// Resident memory in bytes: `VmRSS` of proc(5).
    pub resident: u64,
}

impl Usage {
    /// Reads the usage of a process by `clock_getcpuclockid(3)` and proc(5). `None` if the process has ended.
    pub fn of(process: u32) -> Option<Self> {
        let clock = clock_getcpuclockid(Pid::from_raw(process.try_into().ok()?)).ok()?;
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = resident?.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(Self { cpu: clock_gettime(clock).ok()?.into(), resident: kilobytes * 1024 })
    }
}
