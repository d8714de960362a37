use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::StoredResponse;
use outcrop_wire::openai::responses::parse;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::fixtures::StoppedClock;

/// A store of expired responses alone, of which it only knows the number; it notes each step.
#[derive(Default)]
struct Expired {
    left: Mutex<u64>,
    steps: Mutex<Vec<usize>>,
    away: AtomicBool,
}

#[async_trait]
impl ResponseStore for Expired {
    async fn insert_response(&self, _: &StoredResponse) -> Result<(), PortError> {
        Ok(())
    }

    async fn replace_response(&self, _: &StoredResponse) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn lookup_response(
        &self,
        _: TeamId,
        _: ResponseId,
        _: DateTime<Utc>,
    ) -> Result<Option<StoredResponse>, PortError> {
        Ok(None)
    }

    async fn delete_response(&self, _: TeamId, _: ResponseId) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn delete_expired_responses(&self, _: DateTime<Utc>, most: usize) -> Result<u64, PortError> {
        self.steps.lock().unwrap().push(most);
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("remove expired responses", "the database is away"));
        }
        let mut left = self.left.lock().unwrap();
        let removed = (*left).min(most as u64);
        *left -= removed;
        Ok(removed)
    }
}

fn sweeping(store: &Arc<Expired>) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let responses = Responses::new(Arc::clone(store) as Arc<dyn ResponseStore>, Arc::new(StoppedClock), 30);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    (stop, tokio::spawn(async move { responses.sweep(&stopped).await }))
}

#[tokio::test(start_paused = true)]
async fn expired_responses_are_removed_a_few_at_a_time() {
    let store = Arc::new(Expired { left: Mutex::new(500), ..Expired::default() });
    let (stop, sweep) = sweeping(&store);
    tokio::time::sleep(SWEEP + Duration::from_secs(1)).await;
    assert_eq!(*store.left.lock().unwrap(), 0);
    assert_eq!(
        *store.steps.lock().unwrap(),
        [SWEPT_AT_ONCE; 4],
        "three with something to remove, and one without"
    );
    stop.cancel();
    sweep.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_sweep_is_bounded_and_a_store_that_is_away_is_asked_again_later() {
    let store = Arc::new(Expired { left: Mutex::new(u64::MAX), ..Expired::default() });
    let (stop, sweep) = sweeping(&store);
    tokio::time::sleep(SWEEP + Duration::from_secs(1)).await;
    assert_eq!(store.steps.lock().unwrap().len(), MOST_STEPS);
    store.away.store(true, Ordering::SeqCst);
    tokio::time::sleep(SWEEP * 2).await;
    assert_eq!(store.steps.lock().unwrap().len(), MOST_STEPS + 2, "once for each sweep");
    stop.cancel();
    sweep.await.unwrap();
}

/// A store that notes what is looked up in it.
#[derive(Default)]
struct Conversation {
    kept: Vec<StoredResponse>,
    lookups: Mutex<Vec<ResponseId>>,
}

#[async_trait]
impl ResponseStore for Conversation {
    async fn insert_response(&self, _: &StoredResponse) -> Result<(), PortError> {
        Ok(())
    }

    async fn replace_response(&self, _: &StoredResponse) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn lookup_response(
        &self,
        _: TeamId,
        id: ResponseId,
        _: DateTime<Utc>,
    ) -> Result<Option<StoredResponse>, PortError> {
        self.lookups.lock().unwrap().push(id);
        Ok(self.kept.iter().find(|it| it.id == id).cloned())
    }

    async fn delete_response(&self, _: TeamId, _: ResponseId) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn delete_expired_responses(&self, _: DateTime<Utc>, _: usize) -> Result<u64, PortError> {
        Ok(0)
    }
}

fn id(number: usize) -> ResponseId {
    ResponseId::new(Uuid::from_u128(number as u128))
}

fn item_id(number: usize) -> String {
    format!("msg_{number:032x}0000")
}

fn team() -> TeamId {
    TeamId::new(Uuid::from_u128(1))
}

/// A response whose one item says `text`, and which answered `input`.
fn response(number: usize, text: &str, input: Value) -> StoredResponse {
    let output = json!([{ "type": "message", "id": item_id(number), "role": "assistant", "content": text }]);
    let (created_at, response) = (DateTime::UNIX_EPOCH, json!({ "output": output }));
    StoredResponse { id: id(number), team: team(), created_at, expires_at: created_at, response, input }
}

/// What is loaded for a request that refers to these items, and by how many look-ups.
async fn loaded(kept: Vec<StoredResponse>, items: &[usize]) -> (Result<Earlier, ApiError>, usize) {
    let refer = |it: &usize| json!({ "type": "item_reference", "id": item_id(*it) });
    let body = json!({ "input": items.iter().map(refer).collect::<Vec<_>>() });
    let needs = parse(&Bytes::from(body.to_string())).unwrap().needs();
    let store = Arc::new(Conversation { kept, ..Conversation::default() });
    let responses = Responses::new(Arc::clone(&store) as Arc<dyn ResponseStore>, Arc::new(StoppedClock), 30);
    let earlier = responses.earlier(team(), needs, None).await;
    let lookups = store.lookups.lock().unwrap().len();
    (earlier, lookups)
}

#[tokio::test]
async fn only_the_items_referred_to_stay_loaded() {
    let beside =
        json!([{ "type": "message", "id": item_id(90), "role": "user", "content": "x".repeat(1_000) }]);
    let kept = (1..=3).map(|it| response(it, "said", beside.clone())).collect();
    let (earlier, lookups) = loaded(kept, &[1, 3]).await;
    let earlier = earlier.unwrap();
    let mut items: Vec<&String> = earlier.items.keys().collect();
    items.sort();
    assert_eq!((items, lookups), (vec![&item_id(1), &item_id(3)], 2));
}

#[tokio::test]
async fn the_latest_response_of_a_conversation_brings_all_that_it_answered() {
    let mut kept: Vec<StoredResponse> = Vec::new();
    for number in 0..100 {
        let before = kept.last().map_or_else(Vec::new, |last| {
            let before = [&last.input, &last.response["output"]];
            before.into_iter().flat_map(|it| it.as_array().unwrap()).cloned().collect()
        });
        kept.push(response(number, "said", Value::Array(before)));
    }
    let items: Vec<usize> = (0..100).collect();
    let (earlier, lookups) = loaded(kept, &items).await;
    assert_eq!((earlier.unwrap().items.len(), lookups), (100, 1));
}

#[tokio::test]
async fn a_small_request_loads_no_more_than_is_bounded() {
    let items: Vec<usize> = (0..=MOST_LOOKUPS).collect();
    let kept: Vec<StoredResponse> = items.iter().map(|it| response(*it, "said", json!([]))).collect();
    let (refused, lookups) = loaded(kept.clone(), &items).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.code, refused.param.as_deref()), (ErrorCode::InvalidRequest, Some("input[0].id")));
    assert_eq!(lookups, MOST_LOOKUPS);
    assert!(loaded(kept, &items[1..]).await.0.is_ok());

    let long = "x".repeat(MOST_BYTES);
    let kept: Vec<StoredResponse> = (0..6).map(|it| response(it, &long, json!([]))).collect();
    let (refused, lookups) = loaded(kept, &[0, 1, 2, 3, 4, 5]).await;
    assert_eq!(refused.unwrap_err().param.as_deref(), Some("input[2].id"));
    assert_eq!(lookups, 4, "what is around the text makes the fourth too long");
}
