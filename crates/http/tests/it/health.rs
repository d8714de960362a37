//! What `/healthz` and `/readyz` say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_http::{Dependency, Layer};
use outcrop_ports::{PortError, Probe};
use serde_json::{Value, json};

use crate::world::{World, client, config};

struct Switched {
    name: &'static str,
    up: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl Probe for Switched {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn probe(&self) -> Result<(), PortError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.up.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(PortError::unavailable("reach the queue of account 123456789012", "refused by 10.0.0.7"))
        }
    }
}

fn switched(name: &'static str) -> Arc<Switched> {
    Arc::new(Switched { name, up: AtomicBool::new(true), asked: AtomicUsize::new(0) })
}

async fn readiness(world: &World) -> (u16, Value) {
    let answer = client().get(world.at("/readyz")).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Until the last answer has grown old.
async fn wait() {
    tokio::time::sleep(Duration::from_millis(1_050)).await;
}

#[actix_web::test]
async fn readiness_names_each_dependency_and_recovers() {
    let (postgres, redis) = (switched("postgres"), switched("redis"));
    let dependencies = vec![
        Dependency { probe: Arc::clone(&postgres) as _, required: true },
        Dependency { probe: Arc::clone(&redis) as _, required: false },
    ];
    let world = World::with(&config(), Layer::none(), dependencies);
    let both = json!({"status": "ready", "dependencies": {"postgres": {"ok": true}, "redis": {"ok": true}}});
    assert_eq!(readiness(&world).await, (200, both.clone()));
    redis.up.store(false, Ordering::SeqCst);
    assert_eq!(readiness(&world).await, (200, both.clone()), "asked at most once a second");
    assert_eq!(redis.asked.load(Ordering::SeqCst), 1);
    wait().await;
    let (status, body) = readiness(&world).await;
    assert_eq!((status, &body["status"]), (200, &json!("degraded")));
    assert_eq!(body["dependencies"]["redis"], json!({"ok": false, "error": "unreachable"}));
    postgres.up.store(false, Ordering::SeqCst);
    wait().await;
    let (status, body) = readiness(&world).await;
    assert_eq!((status, &body["status"]), (503, &json!("unready")));
    postgres.up.store(true, Ordering::SeqCst);
    redis.up.store(true, Ordering::SeqCst);
    wait().await;
    assert_eq!(readiness(&world).await, (200, both));
}

#[actix_web::test]
async fn a_process_without_dependencies_is_ready() {
    let world = World::new();
    assert_eq!(readiness(&world).await, (200, json!({"status": "ready", "dependencies": {}})));
    let alive = client().get(world.at("/healthz")).send().await.unwrap();
    assert_eq!(alive.text().await.unwrap(), r#"{"status":"ok"}"#);
}

#[actix_web::test]
async fn what_is_behind_is_not_told_to_the_public() {
    struct Silent;

    #[async_trait]
    impl Probe for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        async fn probe(&self) -> Result<(), PortError> {
            std::future::pending().await
        }
    }

    let queue = switched("sqs");
    queue.up.store(false, Ordering::SeqCst);
    let dependencies = vec![
        Dependency { probe: queue, required: false },
        Dependency { probe: Arc::new(Silent), required: false },
    ];
    let world = World::with(&config(), Layer::none(), dependencies);
    let told =
        json!({"sqs": {"ok": false, "error": "unreachable"}, "silent": {"ok": false, "error": "timed out"}});
    assert_eq!(readiness(&world).await, (200, json!({"status": "degraded", "dependencies": told})));
}

#[actix_web::test]
async fn health_can_be_asked_for_its_head_alone() {
    let world = World::new();
    for path in ["/healthz", "/readyz"] {
        let answer = client().head(world.at(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.text().await.unwrap(), "", "{path}");
    }
}

#[actix_web::test]
async fn a_public_server_says_what_it_is() {
    let world = World::public(&config());
    let answer = client().get(world.at("/")).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let told = answer.json::<Value>().await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(told, json!({"name": "Outcrop", "version": version, "docs": "/openapi.json"}));
    let head = client().head(world.at("/")).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
    assert_eq!(client().get(World::new().at("/")).send().await.unwrap().status(), 404, "not for the public");
}
