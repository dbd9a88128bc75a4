//! What a process costs.

use std::fs;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::Error;

/// CPU time and memory of a process until now.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// CPU time of all threads, in the program and in the kernel.
    pub cpu: Duration,
    /// Resident memory in bytes: the process's own pages and those of its file.
    pub resident: u64,
}

impl Usage {
    /// Reads `clock_getcpuclockid(3)` and proc(5).
    pub fn of(process: u32) -> Result<Self, Error> {
        let clock = clock_getcpuclockid(Pid::from_raw(process.try_into()?))?;
        let cpu = Duration::from(clock_gettime(clock)?);
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))
            .ok_or("no VmRSS")?;
        Ok(Self {
            cpu,
            resident: resident.trim().parse::<u64>()? * 1024,
        })
    }
}
