//! `outcrop-lambda`: stands between AWS Lambda and `outcrop`, which runs beside it and listens on loopback.
//!
//! Lambda starts it as an external extension (`/opt/extensions`) of an image whose entrypoint is `outcrop`. It waits until
//! that answers, takes Lambda's events, asks it for them over HTTP and streams the answers back: AWS's own Web Adapter does
//! this, which is built from the registry so that `Cargo.lock` says what runs. As there is an extension, Lambda gives the
//! entrypoint a SIGTERM, and time, before it ends an environment.

use std::process::ExitCode;

use lambda_web_adapter::{Adapter, AdapterOptions};
use tracing_subscriber::filter::LevelFilter;

/// Where Lambda's runtime API is, as Lambda says it.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// Where `outcrop` listens.
const PORT: &str = "OUTCROP__SERVER__PORT";

// One thread: bytes are handed on, nothing is computed.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Not for the environment to say: below this the adapter writes the headers of requests, with the keys of callers.
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::WARN).init();
    if std::env::var_os(RUNTIME_API).is_none() {
        tracing::error!("`{RUNTIME_API}` is not set: Lambda starts this program, beside outcrop");
        return ExitCode::FAILURE;
    }
    let mut adapter = Adapter::new(&options());
    adapter.register_default_extension();
    adapter.check_init_health().await;
    match adapter.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the runtime API cannot be spoken with any more");
            ExitCode::FAILURE
        }
    }
}

/// The adapter's own variables (`AWS_LWA_…`) hold for what is not said here; `AWS_LWA_INVOKE_MODE` must be set to
/// `response_stream` where the address in front streams.
fn options() -> AdapterOptions {
    let port = std::env::var(PORT).unwrap_or_else(|_| "8080".to_owned());
    AdapterOptions {
        host: "127.0.0.1".to_owned(),
        readiness_check_port: port.clone(),
        port,
        // That it lives, not that its database does: a request can say better what is missing.
        readiness_check_path: "/healthz".to_owned(),
        ..AdapterOptions::default()
    }
}
