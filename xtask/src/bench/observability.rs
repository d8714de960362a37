//! `cargo xtask bench observability`: what it costs to be seen, and what it costs if nobody looks.
//!
//! One process against the emulator, once for each way of looking at it; all run at the same time and are measured in turn,
//! round by round, so that whatever else the machine does meanwhile meets all of them. Each second round goes the other way round, and
//! ratios are taken within a round: what the machine does for a minute is in both sides of them. Where in memory a process comes to
//! lie makes it faster or slower for all its life, by more than what is measured here, so all are started anew several times. Printed
//! only.

mod collector;
mod turns;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use outcrop_testkit::{Process, free_port};

use self::collector::Collector;
use super::load::{self, Call, Moment};
use super::subject::{self, Emulator};
use super::{CHAT_CONNECTIONS, build, machine};
use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// How often each is measured in its life.
    #[arg(long, default_value_t = 4)]
    rounds: usize,
    /// How often each is started.
    #[arg(long, default_value_t = 6)]
    starts: usize,
    /// Requests a second over all connections, while latency is measured.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Cargo profile to measure.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
    /// Each kind of telling by itself, instead of what the collector does.
    #[arg(long)]
    apart: bool,
}

/// Before each measurement: the process that was measured before has its usage to write still, which takes some of the core.
const PAUSE: Duration = Duration::from_millis(1_200);
/// And then: another one's work is in the caches.
const WARM_UP: Duration = Duration::from_millis(500);
/// How often Prometheus reads, milliseconds.
const SCRAPE_MS: u64 = 1_000;
/// For so long latency is measured.
const LATENCY: Duration = Duration::from_secs(3);

/// How a process is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// No metrics, no traces, and a log of failures alone.
    Off,
    /// A line for each request in a file, every trace and all metrics to a collector, lines for CloudWatch, and Prometheus.
    On,
    /// The same, without a collector.
    Absent,
    /// The same, with a collector that takes everything and never answers.
    Hanging,
    /// The line for each request alone.
    Log,
    /// Every trace to a collector, and nothing else.
    Traces,
    /// Metrics as lines for CloudWatch and by Prometheus, and nothing else: with a collector spans would be recorded, too.
    Metrics,
}

impl Look {
    const ALL: [Self; 4] = [Self::Off, Self::On, Self::Absent, Self::Hanging];
    const APART: [Self; 5] = [Self::Off, Self::On, Self::Log, Self::Traces, Self::Metrics];

    const fn name(self) -> &'static str {
        match self {
            Self::Off => "all off",
            Self::On => "all on",
            Self::Absent => "all on, collector absent",
            Self::Hanging => "all on, collector hanging",
            Self::Log => "log alone",
            Self::Traces => "traces alone",
            Self::Metrics => "metrics alone",
        }
    }

    const fn logs(self) -> bool {
        !matches!(self, Self::Off | Self::Traces | Self::Metrics)
    }

    const fn traces(self) -> bool {
        !matches!(self, Self::Off | Self::Log | Self::Metrics)
    }

    const fn measures(self) -> bool {
        !matches!(self, Self::Off | Self::Log | Self::Traces)
    }

    /// The settings of it, with a page of metrics at this port.
    fn settings(self, command: &mut Command, endpoint: Option<String>, page: u16) {
        if self.logs() {
            command.env("OUTCROP__TELEMETRY__FORMAT", "json");
        } else {
            command.env("OUTCROP__TELEMETRY__FILTER", "error").env("OUTCROP__TELEMETRY__ACCESS_LOG", "false");
        }
        if let Some(endpoint) = endpoint {
            command.env("OUTCROP__TELEMETRY__OTLP_ENDPOINT", endpoint);
        }
        let percent = if self.traces() { "100" } else { "0" };
        command.env("OUTCROP__TRACES__SAMPLE_PERCENT", percent);
        if self.measures() {
            command
                .env("OUTCROP__METRICS__LISTEN", format!("127.0.0.1:{page}"))
                .env("OUTCROP__METRICS__EMF", "stdout")
                .env("OUTCROP__METRICS__INTERVAL_S", "20");
        } else {
            command.env("OUTCROP__METRICS__OTLP", "false");
        }
    }
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build(&options.profile)?;
    }
    let folder = tempfile::Builder::new().prefix("outcrop-bench-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    machine::pin_this_process();
    let binaries = paths::binaries(&options.profile);
    let emulator = Emulator::start(&binaries, folder.path())?;
    let (taking, hanging) = (Collector::start(true)?, Collector::start(false)?);
    let looks = if options.apart { &Look::APART[..] } else { &Look::ALL };
    let mut all: Vec<_> = looks.iter().map(|look| Measured::new(*look)).collect();
    for start in 1..=options.starts.max(1) {
        println!("start {start} of {}", options.starts.max(1));
        let folder = folder.path().join(start.to_string());
        std::fs::create_dir(&folder)?;
        let place = (&*binaries, &*folder, &emulator);
        let subjects = live(options, &runtime, place, (&taking, &hanging), looks)?;
        for (measured, subject) in all.iter_mut().zip(&subjects) {
            measured.take(subject);
        }
        if start == options.starts.max(1) {
            print(&all, options);
            subjects.iter().try_for_each(|subject| subject.print_losses(&runtime))?;
        }
    }
    println!(
        "\nThe collector was sent {} requests, {} MiB.",
        taking.requests(),
        taking.bytes() / 1024 / 1024
    );
    Ok(())
}

/// One life of all.
fn live(
    options: &Options,
    runtime: &tokio::runtime::Runtime,
    (binaries, folder, emulator): (&Path, &Path, &Emulator),
    (taking, hanging): (&Collector, &Collector),
    looks: &[Look],
) -> anyhow::Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for &look in looks {
        let endpoint = match look {
            Look::Off | Look::Log | Look::Metrics => None,
            Look::On | Look::Traces => Some(taking.endpoint()),
            Look::Absent => Some(format!("http://127.0.0.1:{}", free_port()?)),
            Look::Hanging => Some(hanging.endpoint()),
        };
        subjects.push(Subject::start(look, binaries, folder, emulator, endpoint)?);
    }
    let rounds = options.rounds.max(2);
    for round in 0..rounds {
        let mut turn: Vec<_> = subjects.iter_mut().collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        turn.into_iter().try_for_each(|subject| subject.measure(runtime, options))?;
        if round + 1 == rounds / 2 {
            subjects.iter_mut().for_each(|it| it.middle_mib = it.rss_mib());
        }
    }
    turns::measure(runtime, &mut subjects)?;
    subjects.iter_mut().try_for_each(|subject| subject.measure_latency(runtime, options))?;
    Ok(subjects)
}

/// What was measured of one way in all its lives.
struct Measured {
    look: Look,
    rates: Vec<f64>,
    cpus_us: Vec<f64>,
    /// The same while all are measured in quick turns, once in a life.
    turns_us: Vec<f64>,
    p50s_us: Vec<f64>,
    p99s_us: Vec<f64>,
    /// At the start, half of the time and the end.
    mibs: [Vec<f64>; 3],
}

impl Measured {
    fn new(look: Look) -> Self {
        let [rates, cpus_us, turns_us, p50s_us, p99s_us] = [const { Vec::new() }; 5];
        Self { look, rates, cpus_us, turns_us, p50s_us, p99s_us, mibs: [const { Vec::new() }; 3] }
    }

    fn take(&mut self, subject: &Subject) {
        self.rates.extend(&subject.rates);
        self.cpus_us.extend(&subject.cpus_us);
        self.turns_us.push(subject.turns_us);
        self.p50s_us.extend(&subject.p50s_us);
        self.p99s_us.extend(&subject.p99s_us);
        let now = [subject.start_mib, subject.middle_mib, subject.rss_mib()];
        self.mibs.iter_mut().zip(now).for_each(|(all, one)| all.push(one));
    }

    /// How it fares beside another way, round by round.
    fn ratios(&self, base: &Self) -> Vec<f64> {
        ratios(&self.rates, &base.rates)
    }

    /// How many answers it gives in the time that another one has for one, in quick turns.
    fn in_turns(&self, base: &Self) -> Vec<f64> {
        ratios(&base.turns_us, &self.turns_us)
    }
}

fn print(all: &[Measured], options: &Options) {
    let Options { seconds, rounds, starts, rate, .. } = options;
    println!(
        "\n{}; {starts} starts, medians of {rounds} rounds of {seconds} s after each, {CHAT_CONNECTIONS} connections",
        machine::describe()
    );
    println!(
        "| Outcrop, one process | answers/s | ratio | half of the ratios | CPU µs per answer | in turns | ratio | p50 µs | p99 µs | MiB, start | half | end |"
    );
    println!("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let Some(base) = all.first() else { return };
    for it in all {
        let ratios = it.ratios(base);
        let [start, half, end] = it.mibs.each_ref().map(|all| median(all));
        println!(
            "| {} | {:.0} | {:.3} | {:.3} to {:.3} | {:.0} | {:.0} | {:.3} | {:.0} | {:.0} | {start:.1} | {half:.1} | {end:.1} |",
            it.look.name(),
            median(&it.rates),
            median(&ratios),
            part(&ratios, 0.25),
            part(&ratios, 0.75),
            median(&it.cpus_us),
            median(&it.turns_us),
            median(&it.in_turns(base)),
            median(&it.p50s_us),
            median(&it.p99s_us),
        );
    }
    println!("\n(p50 and p99 at {rate} requests a second over all connections.)");
}

fn ratios(some: &[f64], others: &[f64]) -> Vec<f64> {
    some.iter().zip(others).map(|(one, other)| one / other).collect()
}

/// The value below which such a part of them is.
fn part(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * part).round() as usize;
    values.get(at).copied().unwrap_or_default()
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

struct Subject {
    look: Look,
    process: Process,
    chat: Arc<Call>,
    /// Where its metrics are, if they are anywhere.
    page: Option<u16>,
    scraper: Option<Scraper>,
    rates: Vec<f64>,
    cpus_us: Vec<f64>,
    p50s_us: Vec<f64>,
    p99s_us: Vec<f64>,
    turns_us: f64,
    start_mib: f64,
    middle_mib: f64,
}

impl Subject {
    fn start(
        look: Look,
        binaries: &Path,
        folder: &Path,
        emulator: &Emulator,
        endpoint: Option<String>,
    ) -> anyhow::Result<Self> {
        let (port, page) = (free_port()?, free_port()?);
        let home = folder.join(look.name().replace([' ', ','], "-"));
        let log = home.with_extension("log");
        let mut command = machine::on_subject_core(&binaries.join("outcrop"));
        command.arg("--data-dir").arg(&home);
        subject::settings(&mut command, port, emulator);
        look.settings(&mut command, endpoint, page);
        let process = Process::start("outcrop", &mut command, &log)?;
        subject::wait_until_ready(port)?;
        let printed = std::fs::read_to_string(&log)?;
        let key = subject::key_in(&printed).context("the first start printed no key")?;
        let (chat, _) = subject::outcrop_calls(port, &key, "");
        let page = look.measures().then_some(page);
        let scraper = page.map(Scraper::start).transpose()?;
        let start_mib = machine::rss_mib(process.id());
        let [rates, cpus_us, p50s_us, p99s_us] = [const { Vec::new() }; 4];
        Ok(Self {
            look,
            process,
            chat,
            page,
            scraper,
            rates,
            cpus_us,
            p50s_us,
            p99s_us,
            turns_us: 0.0,
            start_mib,
            middle_mib: 0.0,
        })
    }

    /// One round.
    fn measure(&mut self, runtime: &tokio::runtime::Runtime, options: &Options) -> anyhow::Result<()> {
        let length = Duration::from_secs(options.seconds);
        runtime.block_on(async { tokio::time::sleep(PAUSE).await });
        runtime.block_on(load::closed_loop(&self.chat, CHAT_CONNECTIONS, WARM_UP))?;
        let before = machine::cpu(self.process.id());
        let rate = runtime.block_on(load::closed_loop(&self.chat, CHAT_CONNECTIONS, length))?;
        let spent = machine::cpu(self.process.id()).saturating_sub(before);
        self.rates.push(rate.per_second());
        self.cpus_us.push(spent.as_micros() as f64 / rate.answers.max(1) as f64);
        Ok(())
    }

    /// Once in its life.
    fn measure_latency(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        options: &Options,
    ) -> anyhow::Result<()> {
        let spread = load::spread(&self.chat, (CHAT_CONNECTIONS, options.rate), LATENCY, Moment::LastByte);
        let latency = runtime.block_on(spread)?;
        self.p50s_us.push(latency.p50_us);
        self.p99s_us.push(latency.p99_us);
        Ok(())
    }

    fn scrape_every(&self, millis: u64) {
        if let Some(scraper) = &self.scraper {
            scraper.every_ms.store(millis, Ordering::Relaxed);
        }
    }

    fn rss_mib(&self) -> f64 {
        machine::rss_mib(self.process.id())
    }

    /// What the process says that it could not hand on, and that it was looked at indeed.
    fn print_losses(&self, runtime: &tokio::runtime::Runtime) -> anyhow::Result<()> {
        let Some(port) = self.page else { return Ok(()) };
        println!("\n{}:", self.look.name());
        let page = runtime.block_on(scrape(port))?;
        for line in page.lines().filter(|line| line.starts_with("outcrop_telemetry_")) {
            println!("  {line}");
        }
        Ok(())
    }
}

async fn scrape(port: u16) -> anyhow::Result<String> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let answer = client.get(format!("http://127.0.0.1:{port}/metrics")).send().await?;
    Ok(answer.error_for_status()?.text().await?)
}

/// Reads the metrics each second, as Prometheus would, on a thread of its own.
struct Scraper {
    stop: Arc<AtomicBool>,
    read: Arc<AtomicU64>,
    every_ms: Arc<AtomicU64>,
    port: u16,
}

impl Scraper {
    fn start(port: u16) -> anyhow::Result<Self> {
        let every_ms = Arc::new(AtomicU64::new(SCRAPE_MS));
        let scraper = Self { stop: Arc::default(), read: Arc::default(), every_ms, port };
        let (stop, read) = (Arc::clone(&scraper.stop), Arc::clone(&scraper.read));
        let every_ms = Arc::clone(&scraper.every_ms);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                while !stop.load(Ordering::Relaxed) {
                    // A page that cannot be had is one that is not counted.
                    read.fetch_add(u64::from(scrape(port).await.is_ok()), Ordering::Relaxed);
                    let pause = Duration::from_millis(every_ms.load(Ordering::Relaxed));
                    tokio::time::sleep(pause).await;
                }
            });
        });
        Ok(scraper)
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        println!("port {}: {} pages were read", self.port, self.read.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), median(&[])], [2.0, 2.5, 0.0]);
    }
}
