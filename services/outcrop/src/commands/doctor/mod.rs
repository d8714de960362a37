//! `outcrop doctor`: whether everything the settings name is there, lets us in and fits together; and what to do where not.
//!
//! One file per area, one function per check. All checks run side by side, each within a limit of its own, and none of them
//! changes anything that anybody could notice, unless flags allow it. What a check finds is a list of [`Finding`]s, which
//! never hold a secret.

mod aws;
mod database;
mod finding;
mod folders;
mod models;
mod peers;
mod quota_names;
mod quotas;
mod secrets;
mod settings;
mod shared;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use outcrop_config::{Config, LoadOptions};
use outcrop_ports::Clock;
use serde_json::json;

use self::finding::{Finding, State};
use crate::cli::DoctorArgs;
use crate::failure::Failure;
use crate::output;

/// Checks under way at once.
const AT_ONCE: usize = 8;

/// What checks look at.
struct Patient {
    /// With its secrets, as far as they could be had.
    config: Config,
    /// Settings whose secrets could not be had: what needs them is not asked.
    unresolved: Vec<&'static str>,
    /// Bounded, and follows nobody anywhere.
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    call: bool,
    write: bool,
    limit: Duration,
}

impl Patient {
    /// Whether services run apart: only then they share a secret.
    const fn is_apart(&self) -> bool {
        self.config.internal.secret.is_some()
    }

    /// Whether anything here stands on AWS.
    fn uses_aws(&self) -> bool {
        let config = &self.config;
        let mut places = [&config.blobs.url, &config.usage.export_url].into_iter().flatten();
        places.any(|it| it.starts_with("s3://"))
            || config.models.url.starts_with("bedrock://")
            || !config.queue.url.starts_with("embedded://")
            || !self.unresolved.is_empty()
    }
}

/// A check: what it is called, and its work.
type Check<'a> = (&'static str, LocalBoxFuture<'a, Vec<Finding>>);

pub(crate) async fn run(args: &DoctorArgs, options: &LoadOptions) -> Result<(), Failure> {
    let mut findings = Vec::new();
    match Config::load(options) {
        Ok(config) => Box::pin(examine(args, config, &mut findings)).await?,
        Err(error) => findings.extend(settings::refused(&error)),
    }
    report(args, &findings)
}

async fn examine(args: &DoctorArgs, config: Config, findings: &mut Vec<Finding>) -> Result<(), Failure> {
    // What the parts log of their failures, the findings say.
    let telemetry = outcrop_wiring::start_log("outcrop", &config, "off")?;
    let limit = Duration::from_secs(args.limit);
    let http = reqwest::Client::builder().timeout(limit.min(Duration::from_secs(5)));
    let http = http.redirect(reqwest::redirect::Policy::none()).build();
    let http = http.map_err(|error| Failure::from_error(&error))?;
    findings.extend(settings::together(&config));
    let resolved = secrets::resolved(config, limit).await;
    findings.extend(resolved.findings);
    let patient = Patient {
        config: resolved.config,
        unresolved: resolved.missing,
        http,
        clock: outcrop_wiring::clock(),
        call: args.call,
        write: args.write,
        limit,
    };
    let bounded = futures::stream::iter(checks(&patient)).map(|check| within(limit, check));
    let found: Vec<Vec<Finding>> = bounded.buffered(AT_ONCE).collect().await;
    findings.extend(found.into_iter().flatten());
    findings.iter_mut().for_each(|it| secrets::scrub(it, &patient.config));
    telemetry.finish();
    Ok(())
}

/// Everything there is to check, in the order in which it is told.
fn checks(patient: &Patient) -> Vec<Check<'_>> {
    vec![
        ("secret strength", ready(secrets::strength(patient)).boxed_local()),
        ("data folder", folders::check(patient).boxed_local()),
        ("database", database::check(patient).boxed_local()),
        ("database replica", database::replica(patient).boxed_local()),
        ("redis", shared::redis(patient).boxed_local()),
        ("response cache", shared::answers(patient).boxed_local()),
        ("queue", shared::queue(patient).boxed_local()),
        ("files", shared::files(patient).boxed_local()),
        ("usage export", shared::usage_export(patient).boxed_local()),
        ("aws identity", aws::identity(patient).boxed_local()),
        ("clock", aws::clock(patient).boxed_local()),
        ("models", models::check(patient).boxed_local()),
        ("quotas", quotas::check(patient).boxed_local()),
        ("services", peers::services(patient).boxed_local()),
        ("telemetry", peers::telemetry(patient).boxed_local()),
    ]
}

async fn within(limit: Duration, (name, check): Check<'_>) -> Vec<Finding> {
    let late = |_| {
        let seen = format!("no answer within {} s", limit.as_secs());
        let remedy = "see whether the network lets it through (security group, VPC endpoint, DNS); \
                      `--limit` waits longer";
        vec![Finding::fail(name, seen, remedy)]
    };
    tokio::time::timeout(limit, check).await.unwrap_or_else(late)
}

fn report(args: &DoctorArgs, findings: &[Finding]) -> Result<(), Failure> {
    let count = |state| findings.iter().filter(|it| it.state == state).count();
    let (warned, failed) = (count(State::Warn), count(State::Fail));
    if args.json {
        let all: Vec<_> = findings.iter().map(Finding::json).collect();
        output::line(&json!({ "ok": failed == 0, "findings": all }).to_string())?;
    } else {
        findings.iter().try_for_each(|it| output::write(&it.lines()))?;
        let (ok, skipped) = (count(State::Ok), count(State::Skipped));
        output::note(&format!(
            "{} findings: {ok} ok, {skipped} not asked, {warned} to look at, {failed} failed.",
            findings.len()
        ));
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::failed(format!("{failed} of {} checks failed", findings.len())))
}
