//! `cargo xtask pictures`: what dashboards and a trace show of a real run, as SVG for docs/observability.md.
//!
//! Four services, Postgres, Redis, SQS and S3 (moto), the Bedrock emulator with some faults, a real Prometheus, and a load of
//! two teams. The panels are those of the Grafana dashboards, asked of Prometheus as Grafana would ask.

mod chart;
mod collector;
mod dashboards;
mod load;
mod prometheus;
mod stage;

use std::time::Duration;

use anyhow::Context as _;
use outcrop_testkit::Tools;

use self::collector::Collector;
use self::prometheus::Prometheus;
use self::stage::Stage;
use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long the load lasts.
    #[arg(long, default_value_t = 90)]
    seconds: u64,
    /// The profile that the programs are built with.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Draw what is built already.
    #[arg(long)]
    no_build: bool,
}

/// The dashboards that are drawn; what `jobs` and `team` show needs more of a platform than this run has.
const DRAWN: [&str; 4] = ["outcrop-overview", "outcrop-latency", "outcrop-errors", "outcrop-cost"];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        crate::bench::build(&options.profile)?;
    }
    let tools = Tools::find_or_install(&paths::tools(), &|text| println!("{text}"))?;
    let folder = tempfile::Builder::new().prefix("outcrop-pictures-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let collector = Collector::start().await?;
        let stage =
            Stage::start(&tools, &paths::binaries(&options.profile), folder.path(), &collector.url).await?;
        let prometheus = Prometheus::start(folder.path(), &stage.metrics)?;
        let length = Duration::from_secs(options.seconds);
        println!("asking for {length:?}");
        let asked = load::ask(&stage, length).await?;
        println!("{asked}");
        // One more round of scraping, and what is still on its way to the collector.
        tokio::time::sleep(Duration::from_secs(6)).await;
        let out = paths::root().join("docs/pictures");
        std::fs::create_dir_all(&out)?;
        for uid in DRAWN {
            let (title, charts) = dashboards::charts(uid, &prometheus, length).await?;
            let drawn = charts.iter().filter(|it| !it.series.is_empty()).count();
            println!("{uid}: {drawn} of {} panels show something", charts.len());
            write(
                &out,
                &format!("{}.svg", uid.trim_start_matches("outcrop-")),
                &chart::page(&title, &charts),
            )?;
        }
        let bars = collector.failover().context("no trace of a chat that went on to another target came")?;
        write(&out, "trace.svg", &chart::waterfall("A chat whose first attempt was throttled", &bars))
    })
}

/// Bounded: what hangs is to be seen as such.
fn http() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?)
}

fn write(folder: &std::path::Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    println!("{} ({} kB)", path.display(), text.len() / 1_000);
    Ok(())
}
