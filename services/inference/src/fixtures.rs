//! Values for the unit tests of this crate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use outcrop_chat::{Block, Message, Request, Role};
use outcrop_embedded::SystemIdGen;
use outcrop_http::RequestContext;
use outcrop_lifecycle::InFlight;
use outcrop_ports::{
    Clock, Ledger, Modality, ModelCatalog, ModelInfo, Place, PortError, ReportQuery, ReportRow, Repriced,
    ResolvedModel, SpendQuery, Spent, UsageFilter, UsageMonth,
};
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{
    CacheState, GuardrailState, KeyId, Limits, Outcome, Page, PriceTier, Principal, RequestId, Subject,
    TeamId, TokenUsage, UsageId, UsageRecord, UserId,
};
use outcrop_wire::Dialect;
use tempfile::TempDir;
use uuid::Uuid;

use crate::chat::Caller;
use crate::metering::{Metering, OpenCall, Opening, Operation, Telling, TellingOptions, estimate_input};
use crate::spool::Spool;
use crate::spool::ship::Shipper;
use crate::tags::TagNames;

/// A clock at the epoch.
pub(crate) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A developer with a key.
pub(crate) fn principal() -> Principal {
    Principal {
        subject: Subject::User(UserId::new(Uuid::from_u128(1))),
        team: TeamId::new(Uuid::from_u128(1)),
        role: outcrop_types::Role::Developer,
        key: Some("aaaaaaaaaaaaaaaa".parse::<KeyId>().unwrap()),
        limits: Limits::default(),
        scope: None,
    }
}

/// A catalogue without models and prices.
pub(crate) struct NoModels;

impl ModelCatalog for NoModels {
    fn resolve_for(&self, _: Option<&str>, _: Modality) -> Option<ResolvedModel> {
        None
    }

    fn list(&self) -> Vec<Arc<ModelInfo>> {
        Vec::new()
    }
}

/// Metering into a spool of its own.
pub(crate) struct Meter {
    metering: Metering,
    ledger: Arc<TestLedger>,
    _root: TempDir,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        let spool = Arc::new(Spool::open(root.path().to_owned(), "a", 1 << 20).unwrap());
        let metering = Metering::new(
            spool,
            Arc::new(NoModels),
            TagNames::default(),
            Telling::new(TellingOptions::default()),
            Arc::new(StoppedClock),
            Arc::new(SystemIdGen),
            InFlight::default(),
        );
        Self { metering, ledger: Arc::default(), _root: root }
    }

    /// A call with this prompt.
    pub(crate) fn open(&self, prompt: &str) -> OpenCall {
        let context = RequestContext {
            request_id: RequestId::parse("r-1").unwrap(),
            dialect: Dialect::OpenAi,
            arrived: Instant::now(),
            deadline: Duration::from_secs(1),
            client_ip: None,
            way: None,
            spent: outcrop_http::Spent::default(),
            trace: TraceContext::none(),
        };
        let content = vec![Block::Text(prompt.to_owned())];
        let request = Request { messages: vec![Message { role: Role::User, content }], ..Request::default() };
        let principal = principal();
        let model = model();
        let place = Place { account: None, region: "us-east-1".parse().unwrap() };
        self.metering
            .open(Opening {
                caller: Caller { principal: &principal, context: &context },
                asked: "m",
                at: (&place, &model),
                attempt: 1,
                operation: Operation::Chat,
                input: estimate_input(&request),
                reserved: TokenUsage { input: 100, output: 1_000, ..TokenUsage::default() },
                tier: PriceTier::Standard,
                tags: BTreeMap::new(),
                hold: None,
                route: None,
            })
            .unwrap()
    }

    /// What has been recorded so far.
    pub(crate) async fn records(&self) -> Vec<UsageRecord> {
        let ledger = Arc::clone(&self.ledger) as Arc<dyn Ledger>;
        let mut shipper = Shipper::new(Arc::clone(&self.metering.spool), ledger, Duration::ZERO);
        assert!(shipper.round().await);
        self.ledger.lock().clone()
    }
}

fn model() -> ResolvedModel {
    ResolvedModel { bedrock_id: "vendor.m".into(), info: Arc::new(model_info()) }
}

/// A model that takes everything.
pub(crate) fn model_info() -> ModelInfo {
    ModelInfo {
        id: "m".into(),
        bedrock_id: "vendor.m".into(),
        owned_by: "vendor".into(),
        ..ModelInfo::default()
    }
}

/// A usage record that differs from others by its number alone.
pub(crate) fn usage_record(number: u128) -> UsageRecord {
    UsageRecord {
        id: UsageId::new(Uuid::from_u128(number)),
        request_id: RequestId::from_uuid(Uuid::from_u128(number)),
        at: DateTime::UNIX_EPOCH,
        team: TeamId::new(Uuid::from_u128(1)),
        subject: Subject::User(UserId::new(Uuid::from_u128(1))),
        key: None,
        dialect: "openai".into(),
        operation: "chat".into(),
        model_asked: "m".into(),
        model_served: "vendor.m".into(),
        region: "us-east-1".into(),
        tier: PriceTier::Standard,
        tags: BTreeMap::new(),
        cache: CacheState::Bypass,
        cache_age_ms: None,
        cache_saved: None,
        attempt: 1,
        again: false,
        account: None,
        guardrail: GuardrailState::None,
        tokens: TokenUsage { input: 3, output: 4, ..TokenUsage::default() },
        estimated: false,
        streamed: false,
        latency_ms: 5,
        first_token_ms: None,
        stop_reason: Some("end_turn".into()),
        outcome: Outcome::Completed,
        error: None,
        cost: None,
    }
}

/// A ledger in memory that can be away, and that refuses chosen records.
#[derive(Debug, Default)]
pub(crate) struct TestLedger {
    pub(crate) records: Mutex<Vec<UsageRecord>>,
    pub(crate) away: AtomicBool,
    pub(crate) calls: AtomicUsize,
    pub(crate) refuses: Option<UsageId>,
}

impl TestLedger {
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Numbers of the records held, in order, repeated ones once.
    pub(crate) fn numbers(&self) -> Vec<u128> {
        let mut all: Vec<_> = self.lock().iter().map(|record| record.id.uuid().as_u128()).collect();
        all.sort_unstable();
        all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<UsageRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for TestLedger {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("record usage", "the database is away"));
        }
        if records.iter().any(|record| Some(record.id) == self.refuses) {
            return Err(PortError::broken("record usage", "no such team"));
        }
        let mut held = self.lock();
        for record in records {
            if !held.iter().any(|it| it.id == record.id) {
                held.push(record.clone());
            }
        }
        Ok(())
    }

    async fn list_usage(
        &self,
        _: &UsageFilter,
        _: Option<outcrop_ports::usage_span::Stretch>,
        _: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        Ok(Page::from_one_too_many(self.lock().clone(), limit))
    }

    async fn report(&self, _: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn spent(&self, query: &SpendQuery, _: usize) -> Result<Vec<Spent>, PortError> {
        let counts = |it: &&UsageRecord| (query.from..query.until).contains(&it.at);
        let cost = self.lock().iter().filter(counts).filter_map(|it| Some(it.cost.as_ref()?.usd)).sum();
        let (model_asked, model_served) = ("m".to_owned(), "vendor.m".to_owned());
        Ok(vec![Spent { from: query.from, holder: None, team: None, model_asked, model_served, cost }])
    }

    async fn make_months(&self, _: NaiveDate, _: u32) -> Result<(), PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn months(&self) -> Result<Vec<UsageMonth>, PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn month_records(
        &self,
        _: UsageMonth,
        _: Option<UsageId>,
        _: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn drop_month(
        &self,
        _: UsageMonth,
        _: Option<&outcrop_ports::MonthDigest>,
    ) -> Result<bool, PortError> {
        unreachable!("no test here asks this of its ledger")
    }

    async fn reprice(&self, _: &[Repriced]) -> Result<u64, PortError> {
        unreachable!("no test here asks this of its ledger")
    }
}
