//! An environment of the function: what the image runs, started as Lambda does.

use std::path::PathBuf;
use std::time::Instant;

use outcrop_emulator::{Emulator, EmulatorConfig};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::client::http;
use crate::events::{Asked, Front};
use crate::process::{Program, Service, port};
use crate::runtime::{Invocation, Runtime};

/// The key of `me`, who is a developer.
pub(crate) const KEY: &str = "lambda-key-of-me-which-is-long-enough";

/// A running environment. Dropping it ends its processes.
pub(crate) struct Function {
    pub(crate) outcrop: Service,
    pub(crate) runtime: Runtime,
    bedrock: String,
    adapter: Service,
    /// Where usage is written, if nobody says another place.
    pub(crate) exports: PathBuf,
    _folder: TempDir,
}

impl Function {
    /// One whose answers are streamed, or whole.
    pub(crate) async fn start(mode: &str) -> Self {
        Self::start_with(mode, &[]).await
    }

    pub(crate) async fn start_with(mode: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bedrock = Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let bedrock_url = bedrock.url();
        // It ends with the test's runtime.
        tokio::spawn(bedrock.run(CancellationToken::new()));
        let runtime = Runtime::start();
        let exports = folder.path().join("exports");
        let keys = json!({ "me": KEY });
        let at = port();
        let mut outcrop = Program::new("outcrop", folder.path())
            // As the image has it.
            .env("OUTCROP__SERVER__HOST", "127.0.0.1")
            .env("OUTCROP__SERVER__PORT", at.to_string())
            .env("OUTCROP__SERVER__TRUSTED_PROXIES", "127.0.0.1/32")
            .env("OUTCROP__DATA_DIR", folder.path().join("data").to_str().unwrap())
            .env("OUTCROP__TELEMETRY__FORMAT", "json")
            // As deploy/lambda/zero-cost.yaml has it.
            .env("OUTCROP__SERVER__WORKERS", "1")
            .env("OUTCROP__SERVER__DRAIN_MS", "1500")
            .env("OUTCROP__MODELS__URL", "bedrock://us-east-1")
            .env("OUTCROP__AUTH__STATIC_KEYS", keys.to_string())
            .env("OUTCROP__USAGE__FLUSH_MS", "0")
            .env("OUTCROP__USAGE__EXPORT_URL", format!("file://{}", exports.display()))
            .env("OUTCROP__METRICS__EMF", "stdout")
            .env("AWS_ENDPOINT_URL_BEDROCK", &*bedrock_url)
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &*bedrock_url);
        for (name, value) in settings {
            outcrop = outcrop.env(name, *value);
        }
        let adapter = Program::new("outcrop-lambda", folder.path())
            .env("AWS_LAMBDA_RUNTIME_API", &*runtime.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "outcrop")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/outcrop")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[1]0")
            .env("OUTCROP__SERVER__PORT", at.to_string())
            .env("AWS_LWA_INVOKE_MODE", mode);
        let began = Instant::now();
        // Both at once: the adapter waits for the platform.
        let (adapter, outcrop, ()) = tokio::join!(adapter.start(at), outcrop.start(at), runtime.ready());
        eprintln!(
            "cold start, both processes, to the first event: {} ms (debug build)",
            began.elapsed().as_millis()
        );
        Self { outcrop, runtime, bedrock: bedrock_url, adapter, exports, _folder: folder }
    }

    pub(crate) fn invoke(&self, front: Front, asked: &Asked<'_>) -> Invocation {
        self.runtime.invoke(front.event(asked))
    }

    /// Bedrock says so many tokens each second from now on.
    pub(crate) async fn pace(&self, tokens_per_second: u64) {
        let faults = json!({ "tokensPerSecond": tokens_per_second });
        let url = format!("{}/_emulator/faults", self.bedrock);
        let answer = http().post(url).json(&faults).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Stops both processes where they are, as Lambda does from an answer to the next event.
    pub(crate) async fn freeze(&self) {
        self.outcrop.signal("STOP").await;
        self.adapter.signal("STOP").await;
    }

    pub(crate) async fn thaw(&self) {
        self.outcrop.signal("CONT").await;
        self.adapter.signal("CONT").await;
    }
}
