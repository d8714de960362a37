//! How often a login may be tried.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use outcrop_ports::{Admission, Ask, Limiter, Meter, MeterState, PortError, Seed, Settlement};
use outcrop_types::Role;
use serde_json::json;

use super::gate::{Answer, Gate, PASSWORD, password_form, send, with_form};
use crate::world::World;

async fn tried(gate: &Gate, name: &str) -> Answer {
    let form = password_form(name, "a wrong password");
    let request = gate.replica.request(reqwest::Method::POST, "/auth/token");
    send(with_form(request.header("x-request-id", "one"), &form)).await
}

#[actix_web::test]
async fn an_account_is_tried_ten_times_whether_it_exists_or_not() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Viewer).await;
    let mut refusals = Vec::new();
    for name in ["ada", "nobody"] {
        for _ in 0..10 {
            assert_eq!(tried(&gate, name).await.refused(400), "invalid_grant");
        }
        let refused = tried(&gate, name).await;
        assert_eq!(refused.status, 429, "{refused:#?}");
        let after: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=600).contains(&after), "{after}");
        refusals.push((refused.header("retry-after").to_owned(), refused.body));
    }
    assert_eq!(refusals[0], refusals[1], "nothing tells which of them exists");
    let right = gate.replica.grant(&password_form("ada", PASSWORD)).await;
    assert_eq!(right.status, 429, "the password is not even looked at");
    let login = gate.replica.post("/auth/login", &json!({ "name": "ada", "password": PASSWORD })).await;
    assert_eq!(login.status, 429, "whichever way it is tried");
    let change = json!({ "name": "ada", "password": PASSWORD, "new_password": "a better password" });
    assert_eq!(gate.replica.post("/auth/password", &change).await.status, 429);
    gate.person("bob", Role::Viewer).await;
    gate.log_in("bob").await;
    gate.world.clock.advance(TimeDelta::minutes(10));
    gate.log_in("ada").await;
}

#[actix_web::test]
async fn an_address_is_looked_at_so_often_whoever_it_tries() {
    let gate = Gate::of(World::with(|_, options| options.attempts_per_address = 5).await);
    gate.person("ada", Role::Viewer).await;
    for at in 0..5 {
        assert_eq!(tried(&gate, &format!("name{at}")).await.refused(400), "invalid_grant");
    }
    assert_eq!(gate.replica.grant(&password_form("ada", PASSWORD)).await.status, 429);
    gate.world.clock.advance(TimeDelta::minutes(10));
    gate.log_in("ada").await;
}

/// A limiter that is away, and keeps the names that it was asked for.
#[derive(Default)]
struct Away(std::sync::Mutex<Vec<String>>);

impl Away {
    fn asked<T>(&self, meters: &[Meter]) -> Result<T, PortError> {
        self.0.lock().unwrap().extend(meters.iter().map(|meter| meter.name.clone()));
        Err(PortError::unavailable("admit a request", "this limiter is away"))
    }
}

#[async_trait]
impl Limiter for Away {
    async fn reserve(&self, ask: &Ask<'_>) -> Result<Admission, PortError> {
        self.asked(ask.meters)
    }

    async fn settle(&self, _: &[Settlement], _: Duration) -> Result<(), PortError> {
        self.asked(&[])
    }

    async fn seed(&self, meter: &Meter, _: &Seed, _: Duration) -> Result<bool, PortError> {
        self.asked(std::slice::from_ref(meter))
    }

    async fn read(&self, meters: &[Meter], _: Duration) -> Result<Vec<MeterState>, PortError> {
        self.asked(meters)
    }

    async fn count(&self, meters: &[Meter], _: Duration) -> Result<Admission, PortError> {
        self.asked(meters)
    }
}

#[actix_web::test]
async fn while_the_limiter_is_away_the_process_counts_alone() {
    let away = Arc::new(Away::default());
    let gate = Gate::of(World::with(|ports, _| ports.limiter = away.clone()).await);
    for _ in 0..10 {
        assert_eq!(tried(&gate, "ada").await.refused(400), "invalid_grant");
    }
    assert_eq!(tried(&gate, "ada").await.status, 429);
    let names = away.0.lock().unwrap().clone();
    assert_eq!(names.len(), 22);
    assert!(names.iter().all(|name| !name.contains("ada")), "no name is told to the limiter: {names:?}");
}
