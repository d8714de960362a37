//! Budgets that run out: noted once, told until somebody has heard.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use outcrop_config::Config;
use outcrop_embedded::SystemIdGen;
use outcrop_http::testing::TestServer;
use outcrop_job_worker::{LedgerUpkeep, UpkeepOptions};
use outcrop_ports::contract::samples;
use outcrop_ports::{AlertFilter, AlertStore as _, Ledger as _, PolicyStore as _};
use outcrop_telemetry::testing::recorder;
use outcrop_types::{Alert, Cost, Money, Policy, Rules, Target, UsageRecord};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::keeper::{Keeper, keeping};
use crate::world::done;

const NOW: &str = "2026-11-21T20:00:00Z";

/// A budget of ten dollars a month for team 1, told at a half and at all of it.
async fn budget(keeper: &Keeper) -> Policy {
    let team = samples::team_id(1);
    let budgets = json!([{"usd": "10", "period": "month", "alert_at": [50, 100]}]);
    let policy = Policy {
        target: Target::Team { team: Some(team) },
        model: None,
        rules: Rules { budgets: serde_json::from_value(budgets).unwrap(), ..Rules::default() },
        ..samples::policy(1)
    };
    done(keeper.store.insert_policy(&policy, &samples::draft("policy.create")).await);
    policy
}

async fn spend(keeper: &Keeper, number: u32, team: u32, usd: &str) {
    let cost = Cost { usd: usd.parse::<Money>().unwrap(), saved_nano_usd: 0, price: "row".into() };
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    let record = UsageRecord { at, cost: Some(cost), ..samples::record(number, samples::team_id(team)) };
    keeper.store.record(&[record]).await.unwrap();
}

async fn alerts(keeper: &Keeper) -> Vec<Alert> {
    keeper.store.list_alerts(&AlertFilter::default(), None, 100).await.unwrap().items
}

/// Works in the background until dropped.
fn running(upkeep: &LedgerUpkeep) -> DropGuard {
    let stop = CancellationToken::new();
    let (upkeep, until) = (upkeep.clone(), stop.clone());
    tokio::spawn(async move { upkeep.run(until).await });
    stop.drop_guard()
}

async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came");
}

async fn alerted(keeper: &Keeper, count: usize) -> Vec<Alert> {
    until(async || Some(alerts(keeper).await).filter(|it| it.len() >= count)).await
}

#[tokio::test]
async fn each_share_is_noted_once_in_a_period() {
    let keeper = Keeper::at(NOW).await;
    let policy = budget(&keeper).await;
    spend(&keeper, 1, 1, "4.99").await;
    spend(&keeper, 2, 2, "100").await;
    // Two of them, as two replicas.
    let upkeep = keeper.upkeep(keeping(0));
    let _running = (running(&upkeep), running(&upkeep.clone()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(alerts(&keeper).await, []);
    spend(&keeper, 3, 1, "0.01").await;
    let half = alerted(&keeper, 1).await.remove(0);
    let team = samples::team_id(1);
    assert_eq!(
        (half.policy, half.per_cent, half.holder.as_str()),
        (policy.id, 50, team.to_string().as_str())
    );
    assert_eq!(
        (half.team, half.spent, half.budget),
        (Some(team), "5".parse().unwrap(), "10".parse().unwrap())
    );
    spend(&keeper, 4, 1, "6").await;
    assert_eq!(alerted(&keeper, 2).await[0].per_cent, 100);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(alerts(&keeper).await.len(), 2);
    // There was nobody to tell, and later there is nobody to be told of it.
    assert_eq!(
        keeper.store.claim_alerts(keeper.ports.clock.now(), Duration::from_secs(60), 10).await.unwrap(),
        []
    );
    // Another month, another budget.
    keeper.clock.set("2026-12-02T00:00:00Z");
    let at = "2026-12-01T10:00:00Z".parse().unwrap();
    let cost = Cost { usd: "7".parse().unwrap(), saved_nano_usd: 0, price: "row".into() };
    let record = UsageRecord { at, cost: Some(cost), ..samples::record(9, team) };
    keeper.store.record(&[record]).await.unwrap();
    assert_eq!(
        alerted(&keeper, 3).await[0].period_start,
        "2026-12-01T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    );
}

/// Headers and body.
type Got = (Vec<(String, String)>, Vec<u8>);

/// What a receiver got, and what it answers next: 200 unless something else is in the list.
#[derive(Default)]
struct Inbox {
    got: Mutex<Vec<Got>>,
    answers: Mutex<Vec<u16>>,
    /// Whether it hears and does not answer.
    slow: bool,
}

impl Inbox {
    fn len(&self) -> usize {
        self.got.lock().unwrap().len()
    }

    fn serve(self: &Arc<Self>) -> TestServer {
        let inbox = web::Data::from(Arc::clone(self));
        TestServer::start(None, Arc::new(SystemIdGen), Vec::new(), move |app| {
            app.app_data(inbox.clone()).service(web::resource("/hook").post(receive));
        })
    }
}

async fn receive(request: HttpRequest, inbox: web::Data<Inbox>, body: web::Bytes) -> HttpResponse {
    let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers =
        request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    inbox.got.lock().unwrap().push((headers, body.to_vec()));
    if inbox.slow {
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    let status = inbox.answers.lock().unwrap().pop().unwrap_or(200);
    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).finish()
}

const SECRET: [u8; 32] = *b"a secret of two and thirty bytes";

fn telling(server: &TestServer) -> UpkeepOptions {
    let mut config = Config::default();
    config.alerts.webhook_url = Some(format!("{}/hook?token=hunter2", server.url).into());
    config.alerts.webhook_secret = Some(format!("whsec_{}", STANDARD.encode(SECRET)).into());
    let options = UpkeepOptions::try_from(&config).unwrap();
    assert!(!format!("{options:?}").contains("hunter2"), "{options:?}");
    UpkeepOptions { alert_interval: Duration::from_millis(20), ..options }
}

/// Reads a message as the specification of Standard Webhooks says to.
fn read(headers: &[(String, String)], body: &[u8]) -> (String, Value) {
    let header = |name: &str| headers.iter().find(|it| it.0 == name).unwrap().1.clone();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(header("webhook-signature"), signature);
    assert_eq!(header("content-type"), "application/json");
    (id, serde_json::from_slice(body).unwrap())
}

#[actix_web::test]
async fn the_webhook_is_told_in_words_it_can_check() {
    let keeper = Keeper::at(NOW).await;
    let policy = budget(&keeper).await;
    spend(&keeper, 1, 1, "6.5").await;
    let inbox = Arc::new(Inbox::default());
    let server = inbox.serve();
    let upkeep = keeper.upkeep(telling(&server));
    let _running = (running(&upkeep), running(&upkeep.clone()));
    until(async || (inbox.len() > 0).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(inbox.len(), 1, "told once, by whichever of the two");
    let (headers, body) = inbox.got.lock().unwrap().remove(0);
    let (id, event) = read(&headers, &body);
    let alert = alerts(&keeper).await.remove(0);
    assert_eq!(id, alert.id.to_string());
    assert_eq!(event["type"], "budget.threshold");
    let data = &event["data"];
    assert_eq!((&data["policy"], &data["per_cent"]), (&json!(policy.id), &json!(50)));
    assert_eq!((&data["spent_usd"], &data["left_usd"]), (&json!("6.5"), &json!("3.5")));
    assert_eq!(data["budget"], json!({"usd": "10", "period": "month", "time_zone": "UTC"}));
}

#[actix_web::test]
async fn a_webhook_that_fails_is_told_again_later_and_by_the_same_id() {
    let keeper = Keeper::at(NOW).await;
    budget(&keeper).await;
    spend(&keeper, 1, 1, "6.5").await;
    let inbox = Arc::new(Inbox { answers: Mutex::new(vec![302, 500]), ..Inbox::default() });
    let server = inbox.serve();
    let _running = running(&keeper.upkeep(telling(&server)));
    until(async || (inbox.len() == 1).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(inbox.len(), 1, "not before its time");
    // When the next try is due is counted from when the failure was noted, which may be later than it was seen here.
    let told = async |times: usize, step: i64| {
        until(async || {
            keeper.clock.forward(step);
            (inbox.len() == times).then_some(())
        })
        .await;
    };
    told(2, 1).await;
    keeper.clock.forward(5);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(inbox.len(), 2, "later each time");
    told(3, 60).await;
    keeper.clock.forward(86_400);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let got = inbox.got.lock().unwrap();
    let ids: Vec<_> = got.iter().map(|(headers, body)| read(headers, body).0).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[actix_web::test]
async fn a_slow_webhook_holds_up_no_watching() {
    let keeper = Keeper::at(NOW).await;
    budget(&keeper).await;
    spend(&keeper, 1, 1, "6.5").await;
    let inbox = Arc::new(Inbox { slow: true, ..Inbox::default() });
    let server = inbox.serve();
    let _running = running(&keeper.upkeep(telling(&server)));
    until(async || (inbox.len() == 1).then_some(())).await;
    spend(&keeper, 2, 1, "6.5").await;
    assert_eq!(alerted(&keeper, 2).await[0].per_cent, 100);
}

#[tokio::test]
async fn a_changed_budget_is_told_of_anew() {
    let keeper = Keeper::at(NOW).await;
    let policy = budget(&keeper).await;
    spend(&keeper, 1, 1, "12").await;
    let _running = running(&keeper.upkeep(keeping(0)));
    alerted(&keeper, 2).await;
    let budgets = json!([{"usd": "11", "period": "month", "alert_at": [100]}]);
    let rules = Rules { budgets: serde_json::from_value(budgets).unwrap(), ..Rules::default() };
    let changed = Policy { rules, ..policy };
    done(keeper.store.update_policy(&changed, &samples::draft("policy.update")).await);
    assert_eq!(alerted(&keeper, 3).await[0].budget, "11".parse().unwrap());
}

#[actix_web::test]
async fn a_webhook_that_never_answers_is_given_up_after_a_day() {
    let keeper = Keeper::at(NOW).await;
    budget(&keeper).await;
    spend(&keeper, 1, 1, "6.5").await;
    let inbox = Arc::new(Inbox { answers: Mutex::new(vec![500; 100]), ..Inbox::default() });
    let server = inbox.serve();
    let _running = running(&keeper.upkeep(telling(&server)));
    let (mut told, mut passed) = (0, 0);
    while passed < 2 * 86_400 {
        keeper.clock.forward(3_600);
        passed += 3_600;
        tokio::time::sleep(Duration::from_millis(60)).await;
        if inbox.len() > told {
            told = inbox.len();
        }
    }
    assert_eq!(told, 8, "at once and seven times more");
    let claimed = keeper.store.claim_alerts(
        keeper.ports.clock.now() + chrono::Duration::days(9),
        Duration::from_secs(1),
        9,
    );
    assert_eq!(claimed.await.unwrap(), []);
    assert_eq!(alerts(&keeper).await.len(), 1, "it stays in the list");
}

#[test]
fn a_secret_that_signs_nothing_is_refused() {
    for secret in ["whsec_", "whsec_AAAA", "whsec_!!!!", &STANDARD.encode(SECRET)] {
        let mut config = Config::default();
        config.alerts.webhook_url = Some("https://hooks.example.com".into());
        config.alerts.webhook_secret = Some(secret.to_owned().into());
        let error = UpkeepOptions::try_from(&config).unwrap_err();
        assert!(!error.to_string().contains(&STANDARD.encode(SECRET)), "{error}");
    }
}

/// Whether or not it asks for alerts.
#[tokio::test]
async fn how_much_of_a_budget_is_used_is_told() {
    let recorder = recorder();
    let keeper = Keeper::at(NOW).await;
    let team = samples::team_id(1);
    for (number, target) in [(1, Target::Team { team: None }), (2, Target::Platform)] {
        let budgets = json!([{"usd": "8", "period": "rolling", "days": 7}]);
        let rules = Rules { budgets: serde_json::from_value(budgets).unwrap(), ..Rules::default() };
        let policy = Policy { target, model: None, rules, ..samples::policy(number) };
        done(keeper.store.insert_policy(&policy, &samples::draft("policy.create")).await);
    }
    spend(&keeper, 1, 1, "2").await;
    spend(&keeper, 2, 2, "10").await;
    let upkeep = keeper.upkeep(keeping(0));
    let _running = running(&upkeep);
    let used = |team: &str, level: &str| {
        let labels = [("outcrop.team", team), ("outcrop.level", level), ("outcrop.window", "rolling")];
        recorder.metric("outcrop.budget.used", &labels)
    };
    let (one, two) = (team.to_string(), samples::team_id(2).to_string());
    let expected = [0.25, 1.25, 1.5];
    let told = until(async || {
        let told = [used(&one, "team"), used(&two, "team"), used("platform", "platform")];
        (told == expected).then_some(told)
    });
    told.await;
    assert_eq!(alerts(&keeper).await, []);
}
