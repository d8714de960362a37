//! Configurations of the OpenTelemetry collector: what processes send it by OTLP, and where it sends that on.

use outcrop_telemetry::names::INSTRUMENTS;
use serde_json::{Value, json};

use super::series::ENVIRONMENT;

/// For `docker compose`: traces to Jaeger. Metrics are taken, since processes would count what is refused as lost, and go no further:
/// Prometheus asks the processes themselves, and would count all a second time.
pub(super) fn local() -> Value {
    let mut config = common();
    config["exporters"] = json!({
        "otlp/jaeger": {"endpoint": "jaeger:4317", "tls": {"insecure": true}},
        "nop": {},
    });
    config["service"] = service("otlp/jaeger", "nop");
    config
}

/// For AWS' distribution of the collector (ADOT): traces to X-Ray, metrics to CloudWatch.
///
/// Its metrics have OpenTelemetry's names and a namespace of their own. The alarms and the dashboard of the template read
/// what the processes write themselves (`metrics.emf`).
pub(super) fn aws() -> Value {
    let declarations: Vec<_> = INSTRUMENTS
        .iter()
        .filter_map(|it| it.spec.emf.map(|emf| (it.spec.name, emf.dimensions)))
        .map(|(name, sets)| {
            let sets: Vec<_> = sets.iter().map(|set| [&[ENVIRONMENT], *set].concat()).collect();
            let selector = format!("^{}$", name.replace('.', "\\."));
            json!({"dimensions": sets, "metric_name_selectors": [selector]})
        })
        .collect();
    let mut config = common();
    config["processors"]["resourcedetection"] = json!({"detectors": ["env", "ecs", "ec2"], "timeout": "2s"});
    config["exporters"] = json!({
        "awsxray": {
            "region": "${env:AWS_REGION}",
            "indexed_attributes": ["gen_ai.request.model", "team.id", "error.type", "outcrop.route"],
        },
        "awsemf": {
            "region": "${env:AWS_REGION}",
            "namespace": "Outcrop/OTel",
            "log_group_name": "/outcrop/metrics",
            "dimension_rollup_option": "NoDimensionRollup",
            "resource_to_telemetry_conversion": {"enabled": true},
            "metric_declarations": declarations,
        },
    });
    config["service"] = service("awsxray", "awsemf");
    config
}

fn common() -> Value {
    json!({
        "receivers": {"otlp": {"protocols": {
            "grpc": {"endpoint": "0.0.0.0:4317"},
            "http": {"endpoint": "0.0.0.0:4318"},
        }}},
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_mib": 400, "spike_limit_mib": 100},
            "batch": {"timeout": "2s", "send_batch_size": 1024},
        },
        "extensions": {"health_check": {"endpoint": "0.0.0.0:13133"}},
    })
}

fn service(traces: &str, metrics: &str) -> Value {
    let processors: &[&str] = if traces == "awsxray" {
        &["memory_limiter", "resourcedetection", "batch"]
    } else {
        &["memory_limiter", "batch"]
    };
    json!({
        "extensions": ["health_check"],
        "pipelines": {
            "traces": {"receivers": ["otlp"], "processors": processors, "exporters": [traces]},
            "metrics": {"receivers": ["otlp"], "processors": processors, "exporters": [metrics]},
        },
    })
}
