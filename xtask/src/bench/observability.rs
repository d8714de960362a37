//! `cargo xtask bench observability`: what it costs to be seen, and what it costs if nobody looks.
//!
//! One process against the emulator, once for each way of looking at it; all run at the same time and are measured in turn,
//! round by round, so that whatever else the machine does meanwhile meets all of them. Each second round goes the other way round, and
//! ratios are taken within a round: what the machine does for a minute is in both sides of them. Printed only.

mod collector;

use std::path::Path;
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
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// How often each is measured.
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Requests a second over all connections, while latency is measured.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Cargo profile to measure.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
}

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
}

impl Look {
    const ALL: [Self; 4] = [Self::Off, Self::On, Self::Absent, Self::Hanging];

    const fn name(self) -> &'static str {
        match self {
            Self::Off => "all off",
            Self::On => "all on",
            Self::Absent => "all on, collector absent",
            Self::Hanging => "all on, collector hanging",
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
    let mut subjects = Vec::new();
    for look in Look::ALL {
        let endpoint = match look {
            Look::Off => None,
            Look::On => Some(taking.endpoint()),
            Look::Absent => Some(format!("http://127.0.0.1:{}", free_port()?)),
            Look::Hanging => Some(hanging.endpoint()),
        };
        subjects.push(Subject::start(look, &binaries, folder.path(), &emulator, endpoint)?);
    }
    let rounds = options.rounds.max(2);
    for round in 0..rounds {
        println!("round {} of {rounds}", round + 1);
        let mut turn: Vec<_> = subjects.iter_mut().collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        turn.into_iter().try_for_each(|subject| subject.measure(&runtime, options))?;
        if round + 1 == rounds / 2 {
            subjects.iter_mut().for_each(|it| it.middle_mib = it.rss_mib());
        }
    }
    print(&subjects, options);
    println!(
        "\nThe collector was sent {} requests, {} MiB.",
        taking.requests(),
        taking.bytes() / 1024 / 1024
    );
    subjects.iter().try_for_each(|subject| subject.print_losses(&runtime))
}

fn print(subjects: &[Subject], options: &Options) {
    let Options { seconds, rounds, rate, .. } = options;
    println!(
        "\n{}; medians of {rounds} rounds of {seconds} s, {CHAT_CONNECTIONS} connections",
        machine::describe()
    );
    println!(
        "| Outcrop, one process | answers/s | ratio | CPU µs per answer | p50 µs | p99 µs | MiB, start | half | end |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let base = subjects.first().map_or(&[][..], |it| &it.rates);
    for it in subjects {
        println!(
            "| {} | {:.0} | {:.3} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} |",
            it.look.name(),
            median(&it.rates),
            median(&it.rates.iter().zip(base).map(|(one, base)| one / base).collect::<Vec<_>>()),
            median(&it.cpus_us),
            median(&it.p50s_us),
            median(&it.p99s_us),
            it.start_mib,
            it.middle_mib,
            it.rss_mib(),
        );
    }
    println!("\n(p50 and p99 at {rate} requests a second over all connections.)");
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
    _scraper: Option<Scraper>,
    rates: Vec<f64>,
    cpus_us: Vec<f64>,
    p50s_us: Vec<f64>,
    p99s_us: Vec<f64>,
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
        match endpoint {
            None => {
                command.env("OUTCROP__TELEMETRY__FILTER", "error");
                command.env("OUTCROP__TELEMETRY__ACCESS_LOG", "false");
            }
            Some(endpoint) => {
                command
                    .env("OUTCROP__TELEMETRY__FORMAT", "json")
                    .env("OUTCROP__TELEMETRY__OTLP_ENDPOINT", endpoint)
                    .env("OUTCROP__TRACES__SAMPLE_PERCENT", "100")
                    .env("OUTCROP__METRICS__LISTEN", format!("127.0.0.1:{page}"))
                    .env("OUTCROP__METRICS__EMF", "stdout")
                    .env("OUTCROP__METRICS__INTERVAL_S", "5");
            }
        }
        let process = Process::start("outcrop", &mut command, &log)?;
        subject::wait_until_ready(port)?;
        let printed = std::fs::read_to_string(&log)?;
        let key = subject::key_in(&printed).context("the first start printed no key")?;
        let (chat, _) = subject::outcrop_calls(port, &key, "");
        let page = (look != Look::Off).then_some(page);
        let scraper = page.map(Scraper::start).transpose()?;
        let start_mib = machine::rss_mib(process.id());
        let [rates, cpus_us, p50s_us, p99s_us] = [const { Vec::new() }; 4];
        Ok(Self {
            look,
            process,
            chat,
            page,
            _scraper: scraper,
            rates,
            cpus_us,
            p50s_us,
            p99s_us,
            start_mib,
            middle_mib: 0.0,
        })
    }

    /// One round.
    fn measure(&mut self, runtime: &tokio::runtime::Runtime, options: &Options) -> anyhow::Result<()> {
        let length = Duration::from_secs(options.seconds);
        runtime.block_on(load::closed_loop(&self.chat, CHAT_CONNECTIONS, Duration::from_secs(1)))?;
        let before = machine::cpu(self.process.id());
        let rate = runtime.block_on(load::closed_loop(&self.chat, CHAT_CONNECTIONS, length))?;
        let spent = machine::cpu(self.process.id()).saturating_sub(before);
        self.rates.push(rate.per_second());
        self.cpus_us.push(spent.as_micros() as f64 / rate.answers.max(1) as f64);
        let spread = load::spread(&self.chat, (CHAT_CONNECTIONS, options.rate), length, Moment::LastByte);
        let latency = runtime.block_on(spread)?;
        self.p50s_us.push(latency.p50_us);
        self.p99s_us.push(latency.p99_us);
        Ok(())
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
    port: u16,
}

impl Scraper {
    fn start(port: u16) -> anyhow::Result<Self> {
        let scraper = Self { stop: Arc::default(), read: Arc::default(), port };
        let (stop, read) = (Arc::clone(&scraper.stop), Arc::clone(&scraper.read));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                while !stop.load(Ordering::Relaxed) {
                    // A page that cannot be had is one that is not counted.
                    read.fetch_add(u64::from(scrape(port).await.is_ok()), Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
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
