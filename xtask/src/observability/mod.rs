//! `cargo xtask observability`: dashboards, alarms and collectors, written from the table of instruments.
//!
//! Every metric in them is named by its `static` in `outcrop_telemetry::names`, so that none can be named that does not
//! exist; and what was written is read again and held against the table ([`check`]), so that a hand cannot add one either.

mod alarms;
mod check;
mod cloudwatch;
mod cloudwatch_dashboard;
mod collector;
pub(crate) mod drill;
mod grafana;
mod page;
mod promql;
mod query;
mod rules;
mod series;
mod yaml;

#[cfg(test)]
mod tests;

use anyhow::{Context as _, ensure};

use self::alarms::Scale;
use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail if a file is not as it would be written, or names what does not exist.
    #[arg(long)]
    check: bool,
}

/// A file below `deploy/observability`, and what is in it.
struct File {
    path: String,
    text: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let files = files()?;
    if options.check {
        stale(&files)?;
        check::names()?;
        println!("{} files are as the table of instruments has them", files.len());
        return Ok(());
    }
    for file in &files {
        let path = folder().join(&file.path);
        std::fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
        std::fs::write(&path, &file.text)?;
        println!("{}", path.display());
    }
    check::names()
}

/// Where they are written.
fn folder() -> std::path::PathBuf {
    paths::root().join("deploy/observability")
}

/// Everything that is written.
fn files() -> anyhow::Result<Vec<File>> {
    let alarms = alarms::all();
    let mut files = vec![
        File { path: "prometheus/rules.yml".into(), text: rules::rules(&alarms, Scale(1)) },
        File { path: "prometheus/rules.test.yml".into(), text: rules::tests(&alarms) },
        File {
            path: "cloudwatch/outcrop.yaml".into(),
            text: yaml::document(&cloudwatch::template(&alarms)?),
        },
        File { path: "collector/aws.yaml".into(), text: yaml::document(&collector::aws()) },
        File { path: "collector/local.yaml".into(), text: yaml::document(&collector::local()) },
    ];
    files.push(File { path: "../../docs/metrics.md".into(), text: page::text() });
    for dashboard in grafana::all() {
        files.push(File {
            path: format!("grafana/dashboards/{}.json", dashboard.uid),
            text: format!("{:#}\n", dashboard.json()),
        });
    }
    Ok(files)
}

/// Fails if a file is not as it would be written.
fn stale(files: &[File]) -> anyhow::Result<()> {
    for File { path, text } in files {
        let have =
            std::fs::read_to_string(folder().join(path)).with_context(|| format!("cannot read {path}"))?;
        ensure!(have == *text, "{path} is stale; run `cargo xtask observability`");
    }
    Ok(())
}
