//! When a key was last used: written now and then, never in a request.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::office::{Office, key_path, text};

#[actix_web::test]
async fn the_last_use_is_written_at_the_latest_when_the_service_stops() {
    let office = Office::open().await;
    let key = text(&office.make("/keys", json!({"name": "a"})).await["key"]);
    office.world.clock.advance(TimeDelta::hours(1));
    assert!(office.is_good(&key).await);
    let (_, before) = office.get(&office.root, &key_path(&key)).await;
    assert_eq!(before["last_used_at"], Value::Null, "no request writes it");
    let stop = CancellationToken::new();
    stop.cancel();
    office.world.auth.run(stop).await;
    let (_, after) = office.get(&office.root, &key_path(&key)).await;
    assert_eq!(after["last_used_at"], "2027-01-15T09:00:00Z");
    assert_eq!(after["revision"], before["revision"], "a use is no change");
}
