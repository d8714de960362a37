//! Which process it is that tells something, for every backend.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;

use crate::Options;

/// What every span and every metric of this process carries. The operator's `OTEL_RESOURCE_ATTRIBUTES` has the last word.
pub(crate) fn resource(options: &Options) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", options.service),
            KeyValue::new("service.namespace", "outcrop"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance()),
            KeyValue::new("deployment.environment.name", options.environment.clone()),
            KeyValue::new(outcrop_telemetry::names::ARCH, arch()),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()))
        .build()
}

/// The architecture, by OpenTelemetry's names.
pub(crate) fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        "x86_64" => "amd64",
        other => other,
    }
}

/// Tells replicas and restarts apart; the same in all that a process tells.
fn instance() -> &'static str {
    static INSTANCE: OnceLock<String> = OnceLock::new();
    INSTANCE.get_or_init(|| uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry::Key;

    use super::*;
    use crate::{Format, LogOptions, TraceOptions};

    #[test]
    fn a_process_says_which_it_is() {
        let options = Options {
            service: "outcrop-gateway",
            environment: "prod".into(),
            log: LogOptions { format: Format::Json, filter: "info".into(), at_once: true },
            otlp: None,
            traces: TraceOptions { sample_percent: 100, slow: Duration::from_secs(5), queue: 10 },
            metrics: None,
        };
        let (one, again) = (resource(&options), resource(&options));
        let get = |name: &'static str| one.get(&Key::from_static_str(name)).map(|it| it.to_string());
        assert_eq!(get("service.name").as_deref(), Some("outcrop-gateway"));
        assert_eq!(get("deployment.environment.name").as_deref(), Some("prod"));
        assert_eq!(get("host.arch").as_deref(), Some(arch()));
        assert_eq!(get("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert!(get("service.instance.id").is_some_and(|id| uuid::Uuid::parse_str(&id).is_ok()));
        assert_eq!(one, again, "its traces and its metrics are of the same instance");
    }
}
