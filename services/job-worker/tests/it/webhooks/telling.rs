//! How endpoints are told: signed, once, again where they failed, and not at one another's cost.

use std::collections::BTreeSet;
use std::time::Duration;

use outcrop_ports::JobStore as _;
use outcrop_ports::contract::samples;
use outcrop_telemetry::testing::recorder;
use outcrop_telemetry::trace::SpanKind;
use outcrop_types::Job;
use reqwest::Method;
use serde_json::{Value, json};

use super::Telling;
use super::receiver::Receiver;

#[actix_web::test]
async fn every_event_is_told_once_to_every_endpoint_that_wants_it() {
    let telling = Telling::here().await;
    let (all, some, none) = (Receiver::start(), Receiver::start(), Receiver::start());
    let (_, secret) = telling.endpoint(&all.url()).await;
    for (receiver, events) in [(&some, ["job.cancelled"]), (&none, ["batch.completed"])] {
        let new = json!({ "url": receiver.url(), "events": events });
        assert_eq!(telling.ask(Method::POST, "/v1/webhooks", Some(new)).await.0, 201);
    }
    // Two of them, as two replicas.
    let _workers = (telling.run(), telling.run());
    telling.events(1..21).await;
    let (told, told_some) = (all.heard(20).await, some.heard(20).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((all.got().len(), some.got().len(), none.got().len()), (20, 20, 0));
    let ids: BTreeSet<_> = told.iter().map(|got| got.id.clone()).collect();
    assert_eq!(ids.len(), 20);
    assert_eq!(ids, told_some.iter().map(|got| got.id.clone()).collect(), "an event has one id for all");
    let about: BTreeSet<_> = told
        .iter()
        .map(|got| {
            let event = got.verified(&secret);
            assert_eq!(event["type"], "job.cancelled");
            assert_eq!(got.timestamp, telling.now().timestamp().to_string());
            event["data"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(about.len(), 20, "each about a job of its own");
}

#[actix_web::test]
async fn who_fails_is_told_again_until_it_has_heard() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    for status in [500, 301, 404] {
        receiver.answer(status, &[("location", "/hook")]);
    }
    let (path, secret) = telling.endpoint(&receiver.url()).await;
    let _worker = telling.run();
    telling.post(&format!("{path}/test")).await;
    for (times, status, error, pause) in [
        (1, 500, "it answered 500", 5),
        (2, 301, "it redirects, which is not followed", 300),
        (3, 404, "it answered 404", 1_800),
    ] {
        let delivery = telling.tried(&path, times).await;
        assert_eq!((&delivery["state"], &delivery["last_status"]), (&json!("pending"), &json!(status)));
        assert_eq!(delivery["last_error"], error);
        let next: chrono::DateTime<chrono::Utc> =
            delivery["next_attempt_at"].as_str().unwrap().parse().unwrap();
        let until = (next - telling.now()).num_milliseconds();
        assert!((pause * 1_000..=pause * 1_100).contains(&until), "{until} ms");
        telling.clock.forward(pause - 1);
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(receiver.got().len(), usize::try_from(times).unwrap(), "not before its time");
        telling.clock.forward(2 + pause / 10);
    }
    let told = receiver.heard(4).await;
    let delivery = telling.tried(&path, 4).await;
    assert_eq!((&delivery["state"], &delivery["last_error"]), (&json!("delivered"), &json!(null)));
    let ids: BTreeSet<_> = told.iter().map(|got| got.verified(&secret)["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "the same message each time");
    let times: BTreeSet<_> = told.iter().map(|got| &got.timestamp).collect();
    assert_eq!(times.len(), 4, "signed anew each time");
    assert!(!telling.get(&format!("{path}/deliveries")).await.to_string().contains("hunter2"));
}

#[actix_web::test]
async fn who_never_hears_is_given_up_and_can_be_told_by_hand() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    for _ in 0..8 {
        receiver.answer(502, &[]);
    }
    let (path, secret) = telling.endpoint(&receiver.url()).await;
    let _worker = telling.run();
    let test = telling.post(&format!("{path}/test")).await;
    for times in 1..=8 {
        telling.tried(&path, times).await;
        telling.clock.forward(40_000);
    }
    let given_up = telling.tried(&path, 8).await;
    assert_eq!((&given_up["state"], &given_up["next_attempt_at"]), (&json!("failed"), &json!(null)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let first = receiver.heard(8).await.remove(0);
    let one = format!("{path}/deliveries/{}", test["id"].as_str().unwrap());
    let replayed = telling.post(&format!("{one}/replay")).await;
    assert_eq!((&replayed["state"], &replayed["attempts"]), (&json!("pending"), &json!(0)));
    let told = receiver.heard(9).await.remove(8);
    assert_eq!(told.verified(&secret), first.verified(&secret));
    assert_eq!(telling.tried(&path, 1).await["state"], "delivered");
}

#[actix_web::test]
async fn an_endpoint_may_ask_for_more_time() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    receiver.answer(429, &[("retry-after", "120")]);
    let (path, _) = telling.endpoint(&receiver.url()).await;
    let _worker = telling.run();
    telling.post(&format!("{path}/test")).await;
    let delivery = telling.tried(&path, 1).await;
    assert_eq!(delivery["last_status"], 429, "{delivery}");
    telling.clock.forward(119);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.got().len(), 1);
    telling.clock.forward(14);
    receiver.heard(2).await;
}

#[actix_web::test]
async fn who_is_gone_is_disabled() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    receiver.answer(410, &[]);
    let (path, _) = telling.endpoint(&receiver.url()).await;
    let _worker = telling.run();
    let test = telling.post(&format!("{path}/test")).await;
    assert_eq!(telling.tried(&path, 1).await["state"], "failed");
    assert_eq!(telling.get(&path).await["enabled"], false);
    telling.events(1..3).await;
    let replay = format!("{path}/deliveries/{}/replay", test["id"].as_str().unwrap());
    for path in [format!("{path}/test"), replay.clone()] {
        assert_eq!(telling.ask(Method::POST, &path, None).await.0, 409);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.got().len(), 1);
    let (status, _) = telling.ask(Method::PATCH, &path, Some(json!({ "enabled": true }))).await;
    assert_eq!(status, 200);
    telling.post(&replay).await;
    receiver.heard(2).await;
}

#[actix_web::test]
async fn two_secrets_sign_until_the_overlap_is_over() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    let (path, first) = telling.endpoint(&receiver.url()).await;
    let _worker = telling.run();
    let rotated = telling.post(&format!("{path}/rotate")).await;
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(rotated["rotating_until"], json!("2026-11-22T20:00:00Z"));
    assert!(telling.get(&path).await["secret"].is_null());
    telling.post(&format!("{path}/test")).await;
    let told = receiver.heard(1).await.remove(0);
    assert!(told.is_signed_by(&first) && told.is_signed_by(&second));
    telling.clock.forward(24 * 3_600);
    telling.post(&format!("{path}/test")).await;
    let told = receiver.heard(2).await.remove(1);
    assert!(!told.is_signed_by(&first) && told.is_signed_by(&second));
}

#[actix_web::test]
async fn a_secret_that_leaked_is_ended_at_once() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    let (path, first) = telling.endpoint(&receiver.url()).await;
    let rotate = format!("{path}/rotate");
    for (body, param) in
        [(json!({ "overlap_s": 2_592_001 }), "overlap_s"), (json!({ "overlap": 1 }), "overlap")]
    {
        let (status, refused) = telling.ask(Method::POST, &rotate, Some(body)).await;
        assert_eq!((status, &refused["param"]), (400, &json!(param)), "{refused}");
    }
    let (status, rotated) = telling.ask(Method::POST, &rotate, Some(json!({ "overlap_s": 0 }))).await;
    assert_eq!((status, &rotated["rotating_until"]), (200, &Value::Null), "{rotated}");
    let _worker = telling.run();
    telling.post(&format!("{path}/test")).await;
    let told = receiver.heard(1).await.remove(0);
    assert!(!told.is_signed_by(&first) && told.is_signed_by(rotated["secret"].as_str().unwrap()));
}

#[actix_web::test]
async fn one_that_never_answers_holds_nobody_else_up() {
    let (telling, quick) = (Telling::here().await, Receiver::start());
    let dead = Receiver::slow(Duration::from_secs(30));
    let (dead_path, _) = telling.endpoint(&dead.url()).await;
    telling.events(1..101).await;
    let worker = telling.run();
    telling.deliveries(&dead_path, |all| all.len() == 100).await;
    let (path, _) = telling.endpoint(&quick.url()).await;
    let begun = std::time::Instant::now();
    for number in 1..=20 {
        telling.post(&format!("{path}/test")).await;
        quick.heard(number).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(dead.got().len() < 40, "it is not asked for all at once: {}", dead.got().len());
    let failed = telling.deliveries(&dead_path, |all| all.iter().any(|it| it["attempts"] == 1)).await;
    let failed = failed.iter().find(|it| it["attempts"] == 1).unwrap();
    assert_eq!((&failed["last_status"], &failed["last_error"]), (&json!(null), &json!("no answer in time")));
    drop(worker);
}

#[actix_web::test]
async fn an_endpoint_whose_secret_cannot_be_read_is_not_told_unsigned() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    let (path, _) = telling.endpoint(&receiver.url()).await;
    let before = telling.kept(&path).await;
    let mut broken = before.clone();
    broken.secrets[0].sealed[20] ^= 1;
    let store = &telling.world.store;
    assert!(outcrop_ports::WebhookStore::update_webhook(&**store, &broken, before.updated_at).await.unwrap());
    let _worker = telling.run();
    telling.post(&format!("{path}/test")).await;
    let delivery = telling.tried(&path, 1).await;
    assert_eq!(delivery["last_error"], "its secret cannot be read; rotate it");
    assert!(receiver.got().is_empty());
}

#[actix_web::test]
async fn old_deliveries_are_forgotten() {
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    let (path, _) = telling.endpoint(&receiver.url()).await;
    let _worker = telling.run();
    telling.post(&format!("{path}/test")).await;
    telling.deliveries(&path, |all| all.iter().any(|it| it["state"] == "delivered")).await;
    telling.clock.forward(29 * 24 * 3_600);
    telling.post(&format!("{path}/test")).await;
    telling.deliveries(&path, |all| all.len() == 2 && all[0]["state"] == "delivered").await;
    telling.clock.forward(25 * 3_600);
    telling.deliveries(&path, |all| all.len() == 1).await;
}

#[actix_web::test]
async fn telling_is_a_part_of_the_trace_of_what_is_told_of() {
    recorder();
    let (telling, receiver) = (Telling::here().await, Receiver::start());
    receiver.answer(503, &[]);
    let outcome = |outcome| recorder().metric("outcrop.webhook.deliveries", &[("outcrop.outcome", outcome)]);
    let before = (outcome("again"), outcome("delivered"));
    let (path, _) = telling.endpoint(&receiver.url()).await;
    let line = "00-6ace45e0b1c7d2e3f40516273849aaaa-00f067aa0ba902b7-01";
    let job = samples::job(1, samples::team_id(1));
    let job = Job { trace: Some(line.to_owned()), ..job };
    telling.world.store.submit_job(&job).await.unwrap();
    telling.world.store.cancel_job(job.id, telling.now()).await.unwrap().unwrap();
    let _worker = telling.run();
    telling.tried(&path, 1).await;
    telling.clock.forward(6);
    let delivery = telling.tried(&path, 2).await;
    let spans = recorder().trace_of("6ace45e0b1c7d2e3f40516273849aaaa", 2).await;
    let webhook = path.rsplit('/').next().unwrap();
    assert_eq!(spans.len(), 2, "{spans:#?}");
    for (span, (attempt, status, outcome)) in
        spans.iter().zip([("1", "503", "again"), ("2", "200", "delivered")])
    {
        assert_eq!((span.name.as_str(), &span.kind), ("deliver", &SpanKind::Client));
        assert_eq!(span.parent_id, "00f067aa0ba902b7");
        for (name, value) in [
            ("webhook.id", webhook),
            ("delivery.id", delivery["id"].as_str().unwrap()),
            ("outcrop.attempt", attempt),
            ("http.response.status_code", status),
            ("outcrop.outcome", outcome),
        ] {
            assert_eq!(span.get(name), value, "{name} of {span:#?}");
        }
        assert_eq!(span.failed.is_some(), status != "200");
        assert!(!format!("{span:?}").contains("hunter2"), "addresses may be secrets: {span:#?}");
    }
    assert!(receiver.got().iter().all(|got| !got.is_traced), "our traces are nobody else's business");
    let after = (outcome("again"), outcome("delivered"));
    assert!(after.0 >= before.0 + 1.0 && after.1 >= before.1 + 1.0, "{before:?} {after:?}");
}
