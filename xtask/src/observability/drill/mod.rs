//! `cargo xtask drill`: the failures that alarms are for, provoked on a platform of its own.
//!
//! One process of Outcrop with the Bedrock emulator, whose faults can be set, a Redis (and, where a story needs them, Postgres
//! and a local AWS), and a real Prometheus with the rules rendered so that minutes are seconds ([`Scale`]). Each story
//! ([`scenes`]) breaks something, waits until its alarms fire, mends it, and waits until they are over.

mod platform;
mod prometheus;
mod scenes;
mod traffic;

use std::time::{Duration, Instant};

use anyhow::ensure;
use outcrop_testkit::Tools;

use self::platform::Platform;
use self::scenes::{SCENES, Scene};
use super::alarms::{self, Scale};
use crate::paths;

/// Longest that an alarm may take to fire, and to be over.
const PATIENCE: Duration = Duration::from_secs(100);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these alarms; all if none is named.
    alarms: Vec<String>,
}

/// What became of an alarm.
struct Outcome {
    alarm: &'static str,
    scale: u32,
    /// How long until it fired, and until it was over.
    times: anyhow::Result<(Duration, Duration)>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    for name in &options.alarms {
        ensure!(alarms::all().iter().any(|it| it.name == name), "there is no alarm {name}");
    }
    paths::check(paths::cargo().args([
        "build",
        "--quiet",
        "-p",
        "outcrop",
        "-p",
        "outcrop-bedrock-emulator",
        "--bins",
    ]))?;
    let tools = Tools::find_or_install(&paths::tools(), &|text| println!("{text}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcomes = runtime.block_on(all(options, &tools));
    let well = outcomes.iter().all(|it| it.times.is_ok());
    println!("\n{}", table(&outcomes));
    ensure!(well, "not every alarm fired and was over again");
    Ok(())
}

async fn all(options: &Options, tools: &Tools) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for scene in SCENES {
        let wanted = |name: &str| options.alarms.is_empty() || options.alarms.iter().any(|it| it == name);
        let alarms: Vec<_> = scene.alarms.iter().copied().filter(|it| wanted(it)).collect();
        if alarms.is_empty() {
            continue;
        }
        println!("{}: {}", alarms.join(", "), scene.story);
        let times = play(scene, &alarms, tools).await;
        for (at, alarm) in alarms.into_iter().enumerate() {
            let times = match &times {
                Ok(times) => Ok(times[at]),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            };
            outcomes.push(Outcome { alarm, scale: scene.scale, times });
        }
    }
    outcomes
}

async fn play(
    scene: &Scene,
    alarms: &[&'static str],
    tools: &Tools,
) -> anyhow::Result<Vec<(Duration, Duration)>> {
    let mut platform = Platform::start(tools, scene.needs, Scale(scene.scale)).await?;
    platform.quiet(alarms).await?;
    scene.act.prepare(&mut platform).await?;
    let began = Instant::now();
    scene.act.break_it(&mut platform).await?;
    let fired = platform.prometheus.until(alarms, true, began, PATIENCE).await?;
    let mended = Instant::now();
    scene.act.mend(&mut platform).await?;
    let over = platform.prometheus.until(alarms, false, mended, PATIENCE).await?;
    Ok(fired.into_iter().zip(over).collect())
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!("{:<18} {:>11} {:>12} {:>12}\n", "alarm", "1 s is", "fired after", "over after");
    for Outcome { alarm, scale, times } in outcomes {
        let line = match times {
            Ok((fired, over)) => {
                format!(
                    "{alarm:<18} {:>9} s {:>10.1} s {:>10.1} s\n",
                    scale,
                    fired.as_secs_f64(),
                    over.as_secs_f64()
                )
            }
            Err(error) => format!("{alarm:<18} {scale:>9} s   FAILED: {error}\n"),
        };
        text.push_str(&line);
    }
    text
}
