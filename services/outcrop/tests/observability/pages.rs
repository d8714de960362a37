//! The pages that Prometheus reads: they are what it takes, and they tell what happened.

use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::client::{MODEL, ask, http};
use crate::platform::setting;
use crate::process::port;
use crate::wait::until;
use crate::world::World;

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and promtool: cargo xtask test"]
async fn every_service_has_a_page_that_prometheus_takes() {
    let mut world = World::apart(&[]).await;
    let at = format!("127.0.0.1:{}", port());
    let gateway = world.platform.another_gateway_with(&[setting("METRICS__LISTEN", &at)]).await;
    let admin = crate::client::Client::new(&gateway.url, Some(&world.platform.key));
    let answer = admin.chat(&ask("[[say: ok]]")).await.expect(200);
    admin.chat(&json!({})).await.expect(400);
    let job = json!({ "path": "/generate", "body": { "prompt": "[[say: ok]]" } });
    let job = admin.post("/v1/jobs", &job).await.expect(202).body;
    let job = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    until("the job", async || (admin.get(&job).await.body["status"] == "succeeded").then_some(())).await;

    let public = admin.without_key().get("/metrics").await;
    assert!([401, 404].contains(&public.status), "nobody's business: {public:#?}");
    let services = world.platform.services.apart();
    let mut pages = Vec::new();
    for (name, url) in [
        ("gateway", &format!("http://{at}")),
        ("auth", &services.auth.url),
        ("inference", &services.inference.url),
        ("jobs", &services.jobs.url),
    ] {
        let page = page(url).await;
        takes(name, &page).await;
        assert!(sum(&page, "http_server_request_duration_seconds_count", &[]) > 0.0, "{name}:\n{page}");
        for every in ["process_memory_usage_bytes", "process_uptime_seconds"] {
            assert!(sum(&page, every, &[]) > 0.0, "{name} has no {every}");
        }
        pages.push(page);
    }
    let [gateway, _, inference, jobs] = &pages[..] else { unreachable!() };
    let by = |class| sum(gateway, "outcrop_requests_total", &[("outcrop_status_class", class)]);
    assert!(by("2xx") >= 2.0 && by("4xx") >= 1.0, "{gateway}");
    let usage = &answer.body["usage"];
    let model = ("gen_ai_request_model", MODEL);
    for (kind, least) in [("input", "prompt_tokens"), ("output", "completion_tokens")] {
        let counted = sum(inference, "outcrop_tokens_total", &[model, ("gen_ai_token_type", kind)]);
        assert!(counted >= usage[least].as_f64().unwrap(), "{kind} {counted}:\n{inference}");
    }
    assert!(sum(inference, "outcrop_cost_total", &[]) > 0.0, "{inference}");
    assert!(sum(inference, "gen_ai_server_request_duration_seconds_count", &[]) >= 2.0, "{inference}");
    assert!(sum(jobs, "outcrop_job_duration_seconds_count", &[]) >= 1.0, "{jobs}");
    let exported = until("metrics at the collector", async || {
        Some(world.collector.metrics()).filter(|it| it.iter().any(|name| name == "outcrop.tokens"))
    });
    assert!(exported.await.iter().any(|name| name == "http.server.request.duration"));
}

pub(crate) async fn page(url: &str) -> String {
    let answer = http().get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    answer.text().await.unwrap()
}

/// The sum of all samples of a series that have these labels.
pub(crate) fn sum(page: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let of_it = |line: &&str| {
        let rest = line.strip_prefix(name);
        let is = rest.is_some_and(|rest| rest.starts_with(['{', ' ']));
        is && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
    };
    let samples = page.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next());
    samples.map(|it| it.parse::<f64>().unwrap()).sum()
}

/// Prometheus' own program reads the page.
async fn takes(name: &str, page: &str) {
    let mut promtool = Command::new(outcrop_testkit::promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).await.unwrap();
    let output = promtool.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // 1 is a page that cannot be read; 3 is one whose names are not to the taste of its rules, which those of OpenTelemetry are not.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{name}: {said}\n{page}");
    assert!(!said.contains("error while linting"), "{name}: {said}");
}
