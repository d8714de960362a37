//! What keeps the counts right after a process has died, the limiter was away, or something was lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use outcrop_config::LimitsConfig;
use outcrop_embedded::{MemoryChanges, MemoryLimiter, SystemClock, SystemIdGen};
use outcrop_http::RequestContext;
use outcrop_lifecycle::InFlight;
use outcrop_ports::{
    Ask, Clock, Hold, Limiter as _, Meter, MeterState, Modality, ModelCatalog, ModelInfo, Place,
    ResolvedModel,
};
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{
    Cost, Money, Policy, PolicyId, Price, PriceTier, Principal, Rate, RequestId, Target, TeamId, TokenRates,
    TokenUsage, UsageRecord,
};
use outcrop_wire::Dialect;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::test_limiter::TestLimiter;
use super::{AdmissionControl, AdmissionPorts, Admitted, Need, Output, Used, since_epoch};
use crate::chat::{AskedModel, Caller};
use crate::fixtures::{StoppedClock, TestLedger, model_info, principal, usage_record};
use crate::metering::{Metering, Opening, Operation, Telling, TellingOptions};
use crate::policies::Policies;
use crate::policies::test_store::TestPolicies;
use crate::spool::Spool;
use crate::spool::ship::Shipper;
use crate::tags::TagNames;

/// One model, at a dollar for a million tokens.
struct OneModel;

impl ModelCatalog for OneModel {
    fn resolve_for(&self, _: Option<&str>, _: Modality) -> Option<ResolvedModel> {
        Some(model().model)
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        Vec::new()
    }

    fn price(&self, _: &ResolvedModel, _: PriceTier, _: NaiveDate) -> Option<Price> {
        let dollar = Rate::parse("1", 1_000_000).ok();
        let tokens = TokenRates { input: dollar, output: dollar, ..TokenRates::default() };
        Some(Price { row: "m".into(), tokens, bands: Vec::new(), images: None, queries: None })
    }
}

fn model() -> AskedModel {
    let model = ResolvedModel { bedrock_id: "vendor.m".into(), info: Arc::new(model_info()) };
    AskedModel::direct("m", model)
}

/// A process whose platform has these rules.
struct Process {
    control: Arc<AdmissionControl>,
    limiter: Arc<TestLimiter>,
    local: Arc<MemoryLimiter>,
    ledger: Arc<TestLedger>,
    spool: Arc<Spool>,
    policies: Arc<Policies>,
    stop: CancellationToken,
}

impl Process {
    fn new(root: &TempDir, name: &str, rules: &Value) -> Self {
        let policy = Policy {
            id: PolicyId::new(Uuid::from_u128(1)),
            target: Target::Platform,
            model: None,
            rules: serde_json::from_value(rules.clone()).unwrap(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            revision: 0,
        };
        let store = TestPolicies { now: (1, vec![policy]).into(), ..TestPolicies::default() };
        let policies = Arc::new(Policies::new(Arc::new(store), Arc::new(MemoryChanges::default())));
        let spool = Arc::new(Spool::open(root.path().to_owned(), name, 1 << 20).unwrap());
        let (limiter, ledger) = (Arc::new(TestLimiter::default()), Arc::new(TestLedger::default()));
        let local = Arc::new(MemoryLimiter::with_capacity(10));
        let ports = AdmissionPorts {
            limiter: limiter.clone(),
            local: local.clone(),
            ledger: ledger.clone(),
            catalog: Arc::new(OneModel),
            clock: Arc::new(PausedClock { began: tokio::time::Instant::now() }),
            ids: Arc::new(SystemIdGen),
            telling: Arc::new(Telling::new(TellingOptions::default())),
        };
        let (config, kept) = (LimitsConfig::default(), Arc::clone(&spool));
        let control = AdmissionControl::new(ports, Arc::clone(&policies), kept, config);
        let stop = CancellationToken::new();
        Self { control: Arc::new(control), limiter, local, ledger, spool, policies, stop }
    }

    /// Starts what runs in the background.
    fn run(&self) {
        let (control, stop) = (Arc::clone(&self.control), self.stop.clone());
        tokio::spawn(async move { control.run(&stop).await });
        self.read_policies();
    }

    fn read_policies(&self) {
        let (policies, stop) = (Arc::clone(&self.policies), self.stop.clone());
        tokio::spawn(async move { policies.run(&stop).await });
    }

    /// Lets a call in that reads 100 tokens and writes 20 at most.
    async fn admit(&self) -> Admitted {
        let (principal, context) = (principal(), context());
        let output = Output::Tokens { asked: Some(20), field: Some("max_tokens") };
        let need = Need { calls: 1, input: 100, output, ..Need::default() };
        let caller = Caller { principal: &principal, context: &context };
        self.control.admit(caller, &model(), &need).await.unwrap()
    }

    /// Where the limits stand that somebody holds, with the shared limiter.
    async fn states(&self, meters: &[Meter]) -> Vec<(u64, u64)> {
        counted(self.limiter.memory.read(meters, since_epoch(&SystemClock::default())).await.unwrap())
    }
}

/// The monotonic time is the runtime's, which passes at once while all wait.
struct PausedClock {
    began: tokio::time::Instant,
}

impl Clock for PausedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock::default().now()
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn counted(states: Vec<MeterState>) -> Vec<(u64, u64)> {
    states.into_iter().map(|it| (it.settled, it.held)).collect()
}

fn context() -> RequestContext {
    RequestContext {
        request_id: RequestId::parse("r-1").unwrap(),
        dialect: Dialect::OpenAi,
        arrived: Instant::now(),
        deadline: Duration::from_secs(10),
        client_ip: None,
        way: None,
        spent: outcrop_http::Spent::default(),
        trace: TraceContext::none(),
    }
}

fn used(tokens: u64) -> Used {
    let cost = Cost { usd: Money::from_nano_usd(tokens * 1_000), saved_nano_usd: 0, price: "m".into() };
    Used { tokens: TokenUsage { input: tokens, ..TokenUsage::default() }, cost: Some(cost) }
}

#[tokio::test(start_paused = true)]
async fn what_was_let_in_while_the_limiter_was_away_counts_once_it_is_back() {
    let root = TempDir::new().unwrap();
    let process = Process::new(&root, "a", &json!({"requests_per_minute": 9, "tokens_per_minute": 900}));
    process.run();
    process.limiter.set_away(true);
    let hold = process.admit().await.holds.remove(0);
    let meters = hold.hold().unwrap().meters.clone();
    let local = meters.clone();
    let now = since_epoch(&SystemClock::default());
    let in_process = || async { counted(process.local.read(&local, now).await.unwrap()) };
    assert_eq!(in_process().await, [(0, 1), (0, 120)], "held in this process");
    hold.settle(&used(33));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(in_process().await, [(1, 0), (33, 0)], "settled there");
    assert_eq!(process.states(&meters).await, [(0, 0), (0, 0)]);
    process.limiter.set_away(false);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(process.states(&meters).await, [(1, 0), (33, 0)], "and then with all");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_by_team_and_reason() {
    let recorder = outcrop_telemetry::testing::recorder();
    let root = TempDir::new().unwrap();
    let process = Process::new(&root, "a", &json!({"requests_per_minute": 1}));
    process.read_policies();
    let principal = Principal { team: TeamId::new(Uuid::from_u128(0xF00D)), ..principal() };
    let (context, team) = (context(), principal.team.to_string());
    let need = Need { calls: 1, ..Need::default() };
    let admit = async || {
        let caller = Caller { principal: &principal, context: &context };
        process.control.admit(caller, &model(), &need).await
    };
    let counted = |reason: &str| {
        recorder
            .metric("outcrop.limits.refusals", &[("outcrop.team", team.as_str()), ("outcrop.reason", reason)])
    };
    let _first = admit().await.unwrap();
    assert_eq!(counted("requests"), 0.0);
    admit().await.unwrap_err();
    assert_eq!((counted("requests"), counted("local")), (1.0, 0.0));
    process.limiter.set_away(true);
    let _alone = admit().await.unwrap();
    admit().await.unwrap_err();
    assert_eq!((counted("requests"), counted("local")), (1.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn what_the_counts_have_lost_is_taken_from_the_ledger() {
    let root = TempDir::new().unwrap();
    let budget = json!({"usd": "1", "period": "month"});
    let process = Process::new(&root, "a", &json!({"budgets": [budget]}));
    process.run();
    let hold = process.admit().await.holds.remove(0);
    let meters = hold.hold().unwrap().meters.clone();
    assert_eq!(process.states(&meters).await, [(0, 120_000)]);
    hold.settle(&used(50));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(process.states(&meters).await, [(50_000, 0)]);
    let lost = UsageRecord { at: SystemClock::default().now(), cost: used(700).cost, ..usage_record(1) };
    process.ledger.records.lock().unwrap().push(lost);
    sleep(Duration::from_secs(45)).await;
    assert_eq!(process.states(&meters).await, [(700_000, 0)], "raised to what is known, not added");
    process.ledger.records.lock().unwrap().clear();
    sleep(Duration::from_secs(45)).await;
    assert_eq!(process.states(&meters).await, [(700_000, 0)], "and never lowered");
}

#[tokio::test(start_paused = true)]
async fn a_recount_lowers_budgets_to_what_the_ledger_knows() {
    let root = TempDir::new().unwrap();
    let budget = json!({"usd": "1", "period": "rolling", "days": 7});
    let process = Process::new(&root, "a", &json!({"budgets": [budget]}));
    process.run();
    let hold = process.admit().await.holds.remove(0);
    let meters = hold.hold().unwrap().meters.clone();
    hold.settle(&used(50_000));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(process.states(&meters).await, [(50_000_000, 0)]);
    let cheaper = UsageRecord { at: SystemClock::default().now(), cost: used(700).cost, ..usage_record(1) };
    process.ledger.records.lock().unwrap().push(cheaper);
    let open = process.admit().await.holds.remove(0);
    assert_eq!(process.control.recount().await.unwrap(), 1);
    assert_eq!(process.states(&meters).await, [(700_000, 120_000)], "what is held comes on top");
    open.settle(&used(50));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(process.states(&meters).await, [(750_000, 0)]);
}

#[tokio::test]
async fn calls_of_a_process_that_died_are_settled_by_the_next_one() {
    let root = TempDir::new().unwrap();
    let rules = json!({"requests_per_minute": 9, "tokens_per_minute": 900, "concurrent_requests": 2});
    let dead = Process::new(&root, "a", &rules);
    dead.read_policies();
    let hold = dead.admit().await.holds.remove(0);
    let Hold { call, at_ms, meters } = hold.hold().unwrap().clone();
    let record = UsageRecord { at: SystemClock::default().now(), ..usage_record(1) };
    dead.spool.begin(&record, hold.hold()).unwrap();
    // Nobody hears of it any more.
    std::mem::forget(hold);
    drop(dead);

    let next = Process::new(&root, "b", &rules);
    let (calls, now) = ([call], since_epoch(&SystemClock::default()));
    let ask = Ask { calls: &calls, meters: &meters, now, longest: Duration::from_secs(600) };
    next.limiter.reserve(&ask).await.unwrap();
    assert_eq!(next.states(&meters).await, [(0, 1), (0, 120), (0, 1)], "{at_ms}");
    next.run();
    let mut shipper = Shipper::new(Arc::clone(&next.spool), next.ledger.clone(), Duration::ZERO);
    assert!(shipper.round().await);
    for _ in 0..500 {
        if next.states(&meters).await[2] == (0, 0) {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let tokens = record.tokens.input + record.tokens.output;
    assert_eq!(next.states(&meters).await, [(1, 0), (tokens, 0), (0, 0)], "as its record says");
    assert_eq!(next.ledger.numbers(), [1]);
}

#[tokio::test]
async fn ledger_and_limits_agree_on_the_moment_of_a_call() {
    let root = TempDir::new().unwrap();
    let process = Process::new(&root, "a", &json!({"requests_per_minute": 9}));
    process.read_policies();
    let hold = process.admit().await.holds.remove(0);
    let (call, at_ms) = hold.hold().map(|it| (it.call, it.at_ms)).unwrap();
    let spool = Arc::clone(&process.spool);
    let (ids, calls) = (Arc::new(SystemIdGen), InFlight::default());
    // A clock that shows another day by then.
    let clock = Arc::new(StoppedClock);
    let (tags, telling) = (TagNames::default(), Telling::new(TellingOptions::default()));
    let metering = Metering::new(spool, Arc::new(OneModel), tags, telling, clock, ids, calls);
    let (principal, context) = (principal(), context());
    let model = model().model;
    let place = Place { account: None, region: "us-east-1".parse().unwrap() };
    let opening = Opening {
        caller: Caller { principal: &principal, context: &context },
        asked: "m",
        at: (&place, &model),
        attempt: 1,
        operation: Operation::Chat,
        input: 100,
        reserved: TokenUsage::default(),
        tier: PriceTier::Standard,
        tags: Need::default().tags,
        hold: Some(hold),
        route: None,
    };
    drop(metering.open(opening).unwrap());
    let mut shipper = Shipper::new(Arc::clone(&process.spool), process.ledger.clone(), Duration::ZERO);
    assert!(shipper.round().await);
    let records = process.ledger.records.lock().unwrap().clone();
    assert_eq!(records[0].id.uuid(), call);
    assert_eq!(u64::try_from(records[0].at.timestamp_millis()).unwrap(), at_ms);
}
