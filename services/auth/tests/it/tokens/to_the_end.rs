//! A client that leaves takes nothing with it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use outcrop_ports::{Changes, Heard, PortError};
use outcrop_types::{Change, Role};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::sync::Semaphore;

use super::gate::Gate;
use super::hooked::Hooked;
use crate::world::{Announced, World};

/// Long enough for a request to come as far as it can, and for the server to see that its client is gone.
const A_WHILE: Duration = Duration::from_millis(300);

/// Sends a request, and leaves before it is answered.
async fn hang_up(request: RequestBuilder) {
    let failed = request.timeout(A_WHILE).send().await.unwrap_err();
    assert!(failed.is_timeout(), "{failed}");
    tokio::time::sleep(A_WHILE).await;
}

async fn announced(announced: &Announced) -> Vec<Change> {
    for _ in 0..500 {
        match announced.take() {
            changes if changes.is_empty() => tokio::time::sleep(Duration::from_millis(10)).await,
            changes => return changes,
        }
    }
    Vec::new()
}

#[actix_web::test]
async fn a_login_that_ended_is_told_of_though_its_client_left_while_the_store_was_slow() {
    let (gate, hooked) = Hooked::gate().await;
    gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    gate.world.announced.take();
    let go_on = Arc::new(Semaphore::new(0));
    let told = Arc::clone(&go_on);
    hooked.after_revoke(async move { drop(told.acquire().await.unwrap()) });
    let body = json!({ "refresh_token": given["refresh_token"] });
    hang_up(gate.replica.request(Method::POST, "/auth/logout").json(&body)).await;
    let ended = hooked.last().await;
    assert!(ended.revoked_at.is_some(), "the store had done it");
    assert!(gate.world.announced.take().is_empty(), "nobody had heard of it");
    go_on.add_permits(1);
    assert_eq!(announced(&gate.world.announced).await, [Change::Session(ended.id)]);
}

/// Tells of changes once it may.
struct Slow {
    announced: Arc<dyn Changes>,
    go_on: Arc<Semaphore>,
}

#[async_trait]
impl Changes for Slow {
    async fn announce(&self, change: &Change) -> Result<(), PortError> {
        let may = self.go_on.acquire().await.unwrap();
        may.forget();
        self.announced.announce(change).await
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        stream::pending().boxed()
    }
}

#[actix_web::test]
async fn a_revoked_key_is_told_of_though_the_admin_left() {
    let go_on = Arc::new(Semaphore::new(100));
    let given = Arc::clone(&go_on);
    let world = World::with(|ports, _| {
        ports.changes = Arc::new(Slow { announced: ports.changes.clone(), go_on: given });
    })
    .await;
    let gate = Gate::of(world);
    let account = gate.account("checkout").await;
    let key = gate.key(outcrop_types::Subject::ServiceAccount(account.id), |_| {}).await;
    gate.world.announced.take();
    go_on.forget_permits(100);
    let path = format!("/admin/v1/keys/{}", key.id());
    let root = gate.world.first.key.expose();
    hang_up(gate.replica.request(Method::DELETE, &path).bearer_auth(root)).await;
    let kept = gate.world.ports.keys.lookup_key(key.id()).await.unwrap().unwrap();
    assert!(kept.revoked_at.is_some() && gate.world.announced.take().is_empty());
    go_on.add_permits(1);
    assert_eq!(announced(&gate.world.announced).await, [Change::Key(key.id().clone())]);
}

#[actix_web::test]
async fn a_panic_is_a_500_and_the_next_request_is_answered() {
    let (gate, hooked) = Hooked::gate().await;
    gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    hooked.after_revoke(async { panic!("a fault of ours") });
    let body = json!({ "refresh_token": given["refresh_token"] });
    let answer = gate.replica.post("/auth/logout", &body).await;
    assert_eq!(answer.status, 500, "{answer:#?}");
    assert!(!answer.body.to_string().contains("fault"), "{answer:#?}");
    gate.replica.post("/auth/logout", &body).await.expect(204);
}
