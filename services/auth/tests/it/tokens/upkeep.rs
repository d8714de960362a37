//! What is over is cleared away while the service runs.

use std::time::Duration;

use chrono::TimeDelta;
use outcrop_types::{Role, SessionId};
use tokio_util::sync::CancellationToken;

use super::gate::Gate;

#[actix_web::test]
async fn old_logins_and_keys_are_cleared_away() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Viewer).await;
    let session = |given: &serde_json::Value| {
        let token = given["access_token"].clone();
        let gate = &gate;
        async move { gate.replica.authenticate(&token).await.unwrap().session.unwrap() }
    };
    let old: SessionId = session(&gate.log_in("ada").await).await;
    gate.world.clock.advance(TimeDelta::days(31) + TimeDelta::hours(1));
    let young: SessionId = session(&gate.log_in("ada").await).await;
    gate.world.clock.advance(TimeDelta::minutes(11));
    let stop = CancellationToken::new();
    let until_gone = async {
        while gate.world.ports.sessions.lookup_session(old).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    let both = async { tokio::join!(gate.replica.auth.run(stop.clone()), until_gone) };
    tokio::time::timeout(Duration::from_secs(10), both).await.expect("it is cleared away");
    assert!(gate.world.ports.sessions.lookup_session(young).await.unwrap().is_some());
    assert!(gate.replica.authenticate(&gate.log_in("ada").await["access_token"]).await.is_ok());
}
