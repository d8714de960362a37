//! What the process itself needs: processor, memory, files, threads, and how its runtime keeps up.

use std::fs;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use outcrop_telemetry::names;
use tokio::runtime::Handle;

/// How often the runtime is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Watches the runtime that this is called in, if any, for as long as it runs: how many tasks it has, and how late it is.
pub(crate) fn watch_runtime() {
    let Ok(runtime) = Handle::try_current() else { return };
    runtime.spawn(async {
        loop {
            let due = Instant::now() + LOOK;
            tokio::time::sleep_until(due.into()).await;
            names::RUNTIME_DELAY.record(due.elapsed().as_secs_f64(), &[]);
            names::RUNTIME_TASKS.set(Handle::current().metrics().num_alive_tasks() as f64, &[]);
        }
    });
}

/// What has been told so far.
pub(crate) struct Readings {
    began: Instant,
    cpu: Cpu,
}

/// Processor time used, seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Cpu {
    user: f64,
    system: f64,
}

impl Readings {
    pub(crate) fn new() -> Self {
        let mut readings = Self { began: Instant::now(), cpu: Cpu::default() };
        readings.take();
        readings
    }

    /// Looks, and tells. Where there is no `/proc`, the uptime is all there is.
    pub(crate) fn take(&mut self) {
        names::PROCESS_UPTIME.set(self.began.elapsed().as_secs_f64(), &[]);
        if let Some(cpu) = read("stat").and_then(|stat| cpu(&stat)) {
            let mode = |mode: &'static str| [KeyValue::new(names::CPU_MODE, mode)];
            names::PROCESS_CPU.add((cpu.user - self.cpu.user).max(0.0), &mode("user"));
            names::PROCESS_CPU.add((cpu.system - self.cpu.system).max(0.0), &mode("system"));
            self.cpu = cpu;
        }
        if let Some(status) = read("status") {
            if let Some(kib) = field(&status, "VmRSS:") {
                names::PROCESS_MEMORY.set(kib * 1024.0, &[]);
            }
            if let Some(threads) = field(&status, "Threads:") {
                names::PROCESS_THREADS.set(threads, &[]);
            }
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is the folder that is being read.
            names::PROCESS_FILES.set(files.count().saturating_sub(1) as f64, &[]);
        }
    }
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{file}")).ok()
}

/// A number of proc_pid_status(5), whatever its unit.
fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15 of proc_pid_stat(5), in ticks of which Linux tells programs a hundred a second. The second field is a name
/// in parentheses, which may hold anything.
fn cpu(stat: &str) -> Option<Cpu> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut times = rest.split_whitespace().skip(11).map(|ticks| ticks.parse::<f64>().ok());
    let mut next = || Some(times.next()?? / 100.0);
    Some(Cpu { user: next()?, system: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 75 0 0 20 0 9 0 100 1000 10";
        assert_eq!(cpu(stat), Some(Cpu { user: 2.5, system: 0.75 }));
        assert_eq!(cpu("42 (x"), None);
    }

    #[test]
    fn numbers_of_the_status_are_read_without_their_units() {
        let status = "Name:\toutcrop\nVmRSS:\t   12345 kB\nThreads:\t17\n";
        assert_eq!(field(status, "VmRSS:"), Some(12_345.0));
        assert_eq!(field(status, "Threads:"), Some(17.0));
        assert_eq!(field(status, "VmHWM:"), None);
    }
}
