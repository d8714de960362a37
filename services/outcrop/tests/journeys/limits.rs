//! Limits of a key.

use serde_json::json;

use crate::client::ask;
use crate::platform::Platform;
use crate::refusals::assert_error;

pub(crate) async fn journey(platform: &Platform) {
    let created =
        platform.create_key(&json!({ "name": "slow", "limits": { "requests_per_minute": 3 } })).await;
    let caller = platform.admin.with_key(created.body["key"].as_str().unwrap());
    for remaining in [2, 1, 0] {
        let answer = caller.chat(&ask("[[say: ok]]")).await.expect(200);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "3");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), remaining.to_string());
        answer.header("x-ratelimit-reset-requests");
    }
    let refused = caller.chat(&ask("[[say: ok]]")).await;
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    // Windows slide: what was used in the last one still counts for a while in the next.
    assert!((1..=120).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), "0");
    assert_error(refused, 429, "rate_limit_error", Some("rate_limit_exceeded"), None);
    // A limit of model calls, and of this key alone.
    caller.get("/v1/models").await.expect(200);
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
}
