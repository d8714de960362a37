//! The machine: what it is, and keeping the measuring apart from the measured.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

/// How many cores there are, counted before this process confines itself to one of them.
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// The core of the system under test: the last one.
fn subject_core() -> usize {
    *CORES - 1
}

/// A command that runs on the core of the system under test, where cores can be chosen.
pub(crate) fn on_subject_core(program: &Path) -> Command {
    pinned(program, subject_core())
}

/// A command that runs beside the load generator.
pub(crate) fn on_load_core(program: &Path) -> Command {
    pinned(program, 0)
}

fn pinned(program: &Path, core: usize) -> Command {
    if !has_taskset() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Moves this process to the load generator's core.
pub(crate) fn pin_this_process() {
    LazyLock::force(&CORES);
    if has_taskset() {
        // Where it fails, the table is noisier and still true.
        let _ = Command::new("taskset").args(["-acp", "0", &std::process::id().to_string()]).output();
    }
}

fn has_taskset() -> bool {
    Command::new("taskset").arg("--version").output().is_ok()
}

/// User and system time that a process has used so far (Linux; zero elsewhere).
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is the name in parentheses and may hold spaces; times are fields 14 and 15, in 1/100 s.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of a process, MiB (Linux; zero elsewhere).
pub(crate) fn rss_mib(pid: u32) -> f64 {
    status_mib(pid, "VmRSS:")
}

fn status_mib(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// The most memory of a process that was resident at a time, since it began or [`forget_peak`], MiB (Linux; zero elsewhere).
pub(crate) fn peak_mib(pid: u32) -> f64 {
    status_mib(pid, "VmHWM:")
}

/// Lets the peak of a process begin anew (proc(5), `clear_refs`).
pub(crate) fn forget_peak(pid: u32) {
    // Where it cannot be written, the peak is that of the process's whole life: an upper bound still.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// The machine in one line.
pub(crate) fn describe() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let memory =
        field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
    format!(
        "{} cores of {}, {} GiB, {}; rustc {}",
        *CORES,
        field(&read("/proc/cpuinfo"), "model name"),
        memory / 1024 / 1024,
        first_line("uname", &["-sr"]),
        first_line("rustc", &["--version"]).trim_start_matches("rustc ")
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().map(|out| out.stdout).unwrap_or_default();
    String::from_utf8_lossy(&out).lines().next().unwrap_or("unknown").to_owned()
}
