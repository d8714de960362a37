//! Webhooks: what teams do with their endpoints, and how these are told.

mod api;
mod guard;
mod receiver;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use outcrop_config::{Config, WebhooksConfig};
use outcrop_http::testing::TestServer;
use outcrop_job_worker::{JobOptions, JobWorker};
use outcrop_ports::contract::samples;
use outcrop_ports::{JobStore as _, WebhookStore as _};
use outcrop_types::{Principal, Role, WebhookId};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::keeper::SetClock;
use crate::world::{World, answer, client, developer};

/// Workers that tell endpoints, by a clock that is set.
pub(crate) struct Telling {
    world: World,
    worker: JobWorker,
    clock: Arc<SetClock>,
    server: TestServer,
}

impl Telling {
    /// Receivers on this machine are told.
    async fn here() -> Self {
        Self::with(|config| {
            config.allow_http = true;
            config.allow_networks = Some("127.0.0.1".into());
        })
        .await
    }

    async fn with(set: impl FnOnce(&mut WebhooksConfig)) -> Self {
        let world = World::idle().await;
        let mut config = Config::default();
        config.webhooks.interval_ms = 10;
        config.webhooks.timeout_ms = 1_000;
        set(&mut config.webhooks);
        let clock = Arc::new(SetClock::at("2026-11-21T20:00:00Z"));
        let mut ports = world.ports.clone();
        ports.clock = clock.clone();
        ports.outbound = outcrop_wiring::webhook_outbound(&config).unwrap();
        let worker = JobWorker::new(ports, JobOptions::from(&config));
        let server = serve(&worker, admin(1));
        Self { world, worker, clock, server }
    }

    /// A worker that tells until it is dropped.
    fn run(&self) -> DropGuard {
        let stop = CancellationToken::new();
        let (worker, until) = (self.worker.clone(), stop.clone());
        actix_web::rt::spawn(async move { worker.run(until).await });
        stop.drop_guard()
    }

    /// What team 1's admin is answered.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        ask(&self.server, method, path, body).await
    }

    /// An endpoint of team 1: its path and its secret.
    async fn endpoint(&self, url: &str) -> (String, String) {
        let (status, created) = self.ask(Method::POST, "/v1/webhooks", Some(json!({ "url": url }))).await;
        assert_eq!(status, 201, "{created}");
        let text = |field: &str| created[field].as_str().unwrap().to_owned();
        (format!("/v1/webhooks/{}", text("id")), text("secret"))
    }

    async fn post(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::POST, path, None).await;
        assert!([200, 202].contains(&status), "{path}: {status} {body}");
        body
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The deliveries of an endpoint, once they are as wanted.
    async fn deliveries(&self, path: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let path = format!("{path}/deliveries?limit=100");
        for _ in 0..500 {
            let listed = self.get(&path).await["data"].as_array().unwrap().clone();
            if wanted(&listed) {
                return listed;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:#}", self.get(&path).await);
    }

    /// The only delivery of an endpoint, once it was tried so often.
    async fn tried(&self, path: &str, times: u64) -> Value {
        self.deliveries(path, |all| all.len() == 1 && all[0]["attempts"] == times).await.remove(0)
    }

    /// Makes an event for each number: a job of team 1 is cancelled.
    async fn events(&self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            self.world.store.submit_job(&samples::job(number, samples::team_id(1))).await.unwrap();
            let cancelled = self.world.store.cancel_job(samples::job_id(number), self.now()).await;
            cancelled.unwrap().unwrap();
        }
    }

    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        outcrop_ports::Clock::now(&*self.clock)
    }

    /// The endpoint as it is kept.
    async fn kept(&self, path: &str) -> outcrop_types::WebhookEndpoint {
        let id: WebhookId = path.rsplit('/').next().unwrap().parse().unwrap();
        self.world.store.lookup_webhook(id).await.unwrap().unwrap()
    }
}

fn serve(worker: &JobWorker, caller: Principal) -> TestServer {
    TestServer::start(
        Some(caller),
        Arc::new(outcrop_embedded::SystemIdGen),
        Vec::new(),
        outcrop_job_worker::routes(worker),
    )
}

async fn ask(server: &TestServer, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = client().request(method.clone(), format!("{}{path}", server.url));
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    if method == Method::DELETE {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        return (status, response.json().await.unwrap_or_default());
    }
    answer(request).await
}

/// Who manages the team with this number.
fn admin(team: u128) -> Principal {
    Principal { role: Role::TeamAdmin, ..developer(team) }
}
