//! The other services, and where telemetry goes.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::Patient;
use super::finding::Finding;
use crate::local_url::local_url;

/// Much more than any service says of itself; who says more is none, and need not be read to its end.
const LARGEST: usize = 64 * 1024;

/// Services that run apart, each by its `/readyz`; of one process that process, if it runs.
pub(super) async fn services(patient: &Patient) -> Vec<Finding> {
    let services = &patient.config.services;
    if !patient.is_apart() {
        let url = local_url(&patient.config);
        let own = ready(patient, "server", &url).await;
        // It need not run while somebody looks whether it could.
        return vec![own.unwrap_or_else(|_| Finding::skipped("server", format!("does not run at {url}")))];
    }
    let named = [
        ("service auth", "services.auth", &services.auth),
        ("service inference", "services.inference", &services.inference),
        ("service jobs", "services.jobs", &services.jobs),
    ];
    let asked = named.into_iter().map(|(name, setting, url)| async move {
        ready(patient, name, url).await.unwrap_or_else(|why| {
            let remedy =
                format!("start the service, or correct `{setting}` and let this machine through to it");
            Finding::fail(name, why, remedy)
        })
    });
    futures::future::join_all(asked).await
}

/// What a service says of itself, or why it says nothing.
async fn ready(patient: &Patient, name: &str, url: &str) -> Result<Finding, String> {
    let url = format!("{}/readyz", url.trim_end_matches('/'));
    let mut answer = patient.http.get(&url).send().await.map_err(|error| {
        let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
        format!("{url} {why}")
    })?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await
        && body.len() < LARGEST
    {
        body.extend_from_slice(&piece);
    }
    let said: Value = serde_json::from_slice(&body)
        .map_err(|_| format!("{url} answers {status}, and not as a service of Outcrop"))?;
    let word = said["status"].as_str().unwrap_or("nothing");
    let away: Vec<String> = said["dependencies"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, it)| it["ok"] == false)
        .map(|(name, it)| format!("{name} {}", it["error"].as_str().unwrap_or("away")))
        .collect();
    let seen = if away.is_empty() { word.to_owned() } else { format!("{word}: {}", away.join(", ")) };
    Ok(match word {
        "ready" => Finding::ok(name, seen),
        "degraded" => {
            Finding::warn(name, seen, "mend what it names; docs/operations.md says what works meanwhile")
        }
        "draining" => Finding::warn(name, seen, "it is being stopped; ask again when its successor runs"),
        _ => Finding::fail(name, seen, "mend what it names; until then it answers nobody"),
    })
}

/// Sends an export without anything in it to the collector.
pub(super) async fn telemetry(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "telemetry";
    let telemetry = &patient.config.telemetry;
    if telemetry.otlp_endpoint.is_empty() {
        return vec![Finding::skipped(
            NAME,
            "no collector is set: traces and metrics are not exported by OTLP",
        )];
    }
    if patient.unresolved.contains(&"telemetry.otlp_headers") {
        return vec![Finding::skipped(NAME, "not asked: its headers could not be read")];
    }
    let url = format!("{}/v1/traces", telemetry.otlp_endpoint.trim_end_matches('/'));
    // No bytes are a message without fields.
    let mut request =
        patient.http.post(&url).header("content-type", "application/x-protobuf").body(Vec::new());
    let headers = telemetry.otlp_headers.as_ref().map(|it| it.expose_secret()).unwrap_or_default();
    for (name, value) in headers.split(',').filter_map(|it| it.split_once('=')) {
        request = request.header(name.trim(), value.trim());
    }
    let remedy = "start the collector with OTLP over HTTP, or correct `telemetry.otlp_endpoint`; nothing else waits for it";
    vec![match request.send().await {
        Ok(answer) if answer.status().is_success() => Finding::ok(NAME, "the collector takes exports"),
        Ok(answer) if matches!(answer.status().as_u16(), 401 | 403) => Finding::warn(
            NAME,
            format!("the collector answers {}", answer.status()),
            "correct `telemetry.otlp_headers`",
        ),
        Ok(answer) => Finding::warn(NAME, format!("the collector answers {}", answer.status()), remedy),
        Err(error) => {
            let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
            Finding::warn(NAME, format!("the collector {why}"), remedy)
        }
    }]
}
