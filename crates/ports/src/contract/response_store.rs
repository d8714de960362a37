//! What every [`ResponseStore`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::StoredResponse;
use serde_json::json;

use super::samples::{at, response, response_id, team_id};
use crate::ResponseStore;

/// Runs the suite. `make` gives an empty store each time.
pub async fn response_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn ResponseStore>>,
{
    a_response_is_found_as_it_was_written(&*make().await).await;
    what_is_there_stays_as_it_is(&*make().await).await;
    another_teams_do_not_exist(&*make().await).await;
    an_expired_one_is_gone_before_it_is_removed(&*make().await).await;
    expired_ones_are_removed_a_few_at_a_time(&*make().await).await;
    a_deleted_one_is_gone(&*make().await).await;
    a_large_one_is_kept_whole(&*make().await).await;
    an_answer_takes_the_place_of_one_to_come(&*make().await).await;
    what_has_ended_or_was_deleted_is_not_replaced(&*make().await).await;
}

async fn a_response_is_found_as_it_was_written(store: &dyn ResponseStore) {
    let kept = response(1, team_id(1));
    store.insert_response(&kept).await.unwrap();
    assert_eq!(store.lookup_response(team_id(1), response_id(1), at(2)).await.unwrap(), Some(kept));
    assert_eq!(store.lookup_response(team_id(1), response_id(2), at(2)).await.unwrap(), None);
}

async fn what_is_there_stays_as_it_is(store: &dyn ResponseStore) {
    let kept = response(1, team_id(1));
    store.insert_response(&kept).await.unwrap();
    let other = StoredResponse { team: team_id(2), input: json!([]), ..kept.clone() };
    store.insert_response(&other).await.unwrap();
    assert_eq!(store.lookup_response(team_id(1), response_id(1), at(2)).await.unwrap(), Some(kept));
    assert_eq!(store.lookup_response(team_id(2), response_id(1), at(2)).await.unwrap(), None);
}

async fn another_teams_do_not_exist(store: &dyn ResponseStore) {
    store.insert_response(&response(1, team_id(1))).await.unwrap();
    assert_eq!(store.lookup_response(team_id(2), response_id(1), at(2)).await.unwrap(), None);
    assert!(!store.delete_response(team_id(2), response_id(1)).await.unwrap());
    assert!(store.lookup_response(team_id(1), response_id(1), at(2)).await.unwrap().is_some());
}

async fn an_expired_one_is_gone_before_it_is_removed(store: &dyn ResponseStore) {
    let kept = response(1, team_id(1));
    store.insert_response(&kept).await.unwrap();
    let just_before = kept.expires_at - chrono::TimeDelta::microseconds(1);
    assert!(store.lookup_response(team_id(1), response_id(1), just_before).await.unwrap().is_some());
    assert_eq!(store.lookup_response(team_id(1), response_id(1), kept.expires_at).await.unwrap(), None);
}

async fn expired_ones_are_removed_a_few_at_a_time(store: &dyn ResponseStore) {
    for number in 1..=5 {
        store.insert_response(&response(number, team_id(number % 2))).await.unwrap();
    }
    // The first four have expired by then.
    let now = at(104);
    assert_eq!(store.delete_expired_responses(now, 3).await.unwrap(), 3);
    assert_eq!(store.delete_expired_responses(now, 3).await.unwrap(), 1);
    assert_eq!(store.delete_expired_responses(now, 3).await.unwrap(), 0);
    assert!(store.lookup_response(team_id(1), response_id(5), now).await.unwrap().is_some());
    assert_eq!(store.lookup_response(team_id(1), response_id(1), at(1)).await.unwrap(), None);
}

async fn a_deleted_one_is_gone(store: &dyn ResponseStore) {
    store.insert_response(&response(1, team_id(1))).await.unwrap();
    assert!(store.delete_response(team_id(1), response_id(1)).await.unwrap());
    assert!(!store.delete_response(team_id(1), response_id(1)).await.unwrap());
    assert_eq!(store.lookup_response(team_id(1), response_id(1), at(2)).await.unwrap(), None);
}

async fn a_large_one_is_kept_whole(store: &dyn ResponseStore) {
    let input = json!([{ "role": "user", "content": "x".repeat(4 << 20) }]);
    let kept = StoredResponse { input, ..response(1, team_id(1)) };
    store.insert_response(&kept).await.unwrap();
    assert!(store.lookup_response(team_id(1), response_id(1), at(2)).await.unwrap() == Some(kept));
}

async fn an_answer_takes_the_place_of_one_to_come(store: &dyn ResponseStore) {
    let to_come = StoredResponse { response: json!({ "status": "queued" }), ..response(1, team_id(1)) };
    store.insert_response(&to_come).await.unwrap();
    let answer = StoredResponse {
        response: json!({ "status": "completed", "output": ["é"] }),
        input: json!([1]),
        expires_at: to_come.expires_at + chrono::TimeDelta::seconds(9),
        ..to_come.clone()
    };
    let strangers = StoredResponse { team: team_id(2), ..answer.clone() };
    assert!(!store.replace_response(&strangers).await.unwrap(), "another team's does not exist");
    assert_eq!(store.lookup_response(team_id(1), to_come.id, at(2)).await.unwrap(), Some(to_come));
    assert!(store.replace_response(&answer).await.unwrap());
    assert_eq!(store.lookup_response(team_id(1), answer.id, at(2)).await.unwrap(), Some(answer));
}

async fn what_has_ended_or_was_deleted_is_not_replaced(store: &dyn ResponseStore) {
    let ended = StoredResponse { response: json!({ "status": "cancelled" }), ..response(1, team_id(1)) };
    store.insert_response(&ended).await.unwrap();
    let late = StoredResponse { response: json!({ "status": "completed" }), ..ended.clone() };
    assert!(!store.replace_response(&late).await.unwrap());
    assert_eq!(store.lookup_response(team_id(1), ended.id, at(2)).await.unwrap(), Some(ended));
    let to_come = StoredResponse { response: json!({ "status": "queued" }), ..response(2, team_id(1)) };
    store.insert_response(&to_come).await.unwrap();
    assert!(store.delete_response(team_id(1), to_come.id).await.unwrap());
    assert!(!store.replace_response(&to_come).await.unwrap());
    assert_eq!(store.lookup_response(team_id(1), to_come.id, at(2)).await.unwrap(), None);
}
