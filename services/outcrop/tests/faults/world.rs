//! The platform in one process, and a Bedrock for each region as a process of its own.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::http;
use crate::process::{Program, Service, port};
use crate::wait::until;

/// The key that settings give to a platform admin.
const KEY: &str = "faults-static-key-of-more-than-thirty-two-bytes";

/// What runs. Dropping it ends all of it.
pub(crate) struct World {
    pub(crate) outcrop: Service,
    /// By region.
    pub(crate) bedrocks: BTreeMap<String, Service>,
    http: reqwest::Client,
    folder: TempDir,
}

impl World {
    /// Starts a platform that calls these regions, the first of them first.
    pub(crate) async fn start(regions: &[&str], routes: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bedrocks = BTreeMap::new();
        for region in regions {
            bedrocks.insert((*region).to_owned(), bedrock(region, folder.path()).await);
        }
        let file = folder.path().join("routes.toml");
        std::fs::write(&file, routes).unwrap();
        let endpoints: Vec<_> = bedrocks.iter().map(|(region, it)| format!("{region}={}", it.url)).collect();
        let at = port();
        let mut program = Program::new("outcrop", folder.path())
            .env("OUTCROP__SERVER__PORT", at.to_string())
            .env("OUTCROP__SERVER__WORKERS", "2")
            .env("OUTCROP__MODELS__URL", format!("bedrock://{}", regions.join(",")))
            .env("OUTCROP__MODELS__ENDPOINTS", endpoints.join(" "))
            .env("OUTCROP__ROUTING__ROUTES", file.to_str().unwrap())
            .env("OUTCROP__AUTH__STATIC_KEY", KEY)
            .env("OUTCROP__AUTH__STATIC_KEY_ROLE", "platform_admin")
            .env("RUST_LOG", "error");
        for (name, value) in settings {
            program = program.env(&format!("OUTCROP__{name}"), *value);
        }
        let outcrop = program.start(at).await;
        let world = Self { outcrop, bedrocks, http: http(), folder };
        until("the platform", async || {
            let ready = http().get(format!("{}/readyz", world.outcrop.url)).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
        world
    }

    /// A request to the platform, with the key.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.outcrop.url)).bearer_auth(KEY)
    }

    /// Puts another table of routes in the place of the one there is, in one step as editors do.
    pub(crate) fn write_routes(&self, routes: &str) {
        let file = self.folder.path().join("routes.toml");
        let new = file.with_extension("new");
        std::fs::write(&new, routes).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// Has a region fail as the rules say.
    pub(crate) async fn fail(&self, region: &str, faults: &Value) {
        let url = format!("{}/_emulator/faults", self.bedrocks[region].url);
        let answer = self.http.post(url).json(faults).send().await.unwrap();
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }

    /// Every call of a region fails like this.
    pub(crate) async fn fail_always(&self, region: &str, fault: &str) {
        self.fail(region, &json!({ "rules": [{ "fault": fault, "share": 1.0 }] })).await;
    }

    /// Has a region answer again.
    pub(crate) async fn heal(&self, region: &str) {
        self.fail(region, &json!({ "rules": [] })).await;
    }

    /// How many model calls a region has seen, those it refused among them.
    pub(crate) async fn calls(&self, region: &str) -> u64 {
        let url = format!("{}/_emulator/counters", self.bedrocks[region].url);
        let counters: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let calls = counters["calls"].as_object().expect("calls by operation");
        calls.iter().filter(|(name, _)| is_model_call(name)).filter_map(|(_, count)| count.as_u64()).sum()
    }
}

fn is_model_call(operation: &str) -> bool {
    matches!(operation, "Converse" | "ConverseStream" | "InvokeModel" | "InvokeModelWithResponseStream")
}

async fn bedrock(region: &str, folder: &Path) -> Service {
    let home = folder.join(region);
    std::fs::create_dir_all(&home).unwrap();
    let at = port();
    let flags = ["--port".to_owned(), at.to_string(), "--region".to_owned(), region.to_owned()];
    Program::new("outcrop-bedrock-emulator", &home).arguments(flags).start(at).await
}
