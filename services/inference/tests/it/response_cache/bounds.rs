//! Who may be given an answer: where it was said, by whom, and who looked on.

use futures::future::join;
use outcrop_emulator::Faults;
use outcrop_types::CacheState;

use super::*;
use crate::route_store::MemoryRoutes;

const PATH: &str = "/v1/chat/completions";

/// Two regions, and a route to each; `eu` may not be answered elsewhere.
async fn two_regions(guardrails: &Value) -> TestApp {
    let target = |region: &str| json!([{"targets": [{"model": OTHER, "region": region}]}]);
    let table = json!({"routes": [
        {"alias": "us", "groups": target("us-east-1")},
        {"alias": "usa", "groups": target("us-east-1")},
        {"alias": "eu", "groups": target("eu-central-1"), "options": {"residency": ["eu"]}},
        {"alias": "waits", "groups": target("us-east-1"), "options": {"guardrails": [guardrails]}},
        {"alias": "hurries", "groups": target("us-east-1"), "options": {"guardrails": [with(
            guardrails.clone(), &json!({"stream": "async"}))]}},
    ]});
    let routes = Arc::new(MemoryRoutes::of(serde_json::from_value(table).unwrap()));
    let regions = vec![("us-east-1", Faults::default()), ("eu-central-1", Faults::default())];
    TestApp::with(Setup { regions, routes, ..kept() }).await
}

fn to(route: &str, text: &str, stream: bool) -> Value {
    json!({"model": route, "stream": stream, "messages": [{"role": "user", "content": text}]})
}

fn guardrail() -> Value {
    json!({"id": "gr1", "version": "1", "input": false})
}

#[tokio::test]
async fn an_answer_stays_within_the_bounds_of_who_asks() {
    let app = two_regions(&guardrail()).await;
    let mut states = Vec::new();
    for route in ["us", "eu", "us", "eu", "usa"] {
        let answer = app.post(PATH, &to(route, "[[say: hello]]", false)).await;
        let region = if route == "eu" { "eu-central-1" } else { "us-east-1" };
        states.push(state(&answer).to_owned());
        assert_eq!(answer.header("x-outcrop-region"), Some(region), "{route}");
        assert_eq!(answer.header("x-outcrop-route"), Some(route));
    }
    assert_eq!(states, ["miss", "miss", "hit", "hit", "hit"]);
    let records = app.records(5).await;
    let mut told: Vec<_> = records
        .iter()
        .map(|it| (it.model_asked.as_str(), it.region.as_str(), it.cache == CacheState::Hit))
        .collect();
    told.sort_unstable();
    let (east, eu) = ("us-east-1", "eu-central-1");
    assert_eq!(
        told,
        [("eu", eu, false), ("eu", eu, true), ("us", east, false), ("us", east, true), ("usa", east, true)]
    );
}

#[tokio::test]
async fn a_call_is_followed_by_those_who_may_be_answered_from_there() {
    let app = two_regions(&guardrail()).await;
    for (stream, second, expected) in [
        (false, "eu", ("miss", "eu-central-1")),
        (true, "eu", ("miss", "eu-central-1")),
        (false, "usa", ("coalesced", "us-east-1")),
        (true, "usa", ("coalesced", "us-east-1")),
    ] {
        let text = format!("[[say: {second} {stream}]][[latency: 400]]");
        let later = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            app.post(PATH, &to(second, &text, stream)).await
        };
        let (first, later) = join(app.post(PATH, &to("us", &text, stream)), later).await;
        assert_eq!(state(&first), "miss");
        assert_eq!((state(&later), later.header("x-outcrop-region").unwrap()), expected);
        assert_eq!(later.header("x-outcrop-route"), Some(second));
    }
}

#[tokio::test]
async fn what_did_not_wait_for_a_guardrail_is_not_for_those_who_do() {
    let app = two_regions(&guardrail()).await;
    let text = "[[say: write to secret@example.com now please]]";
    let hurried = app.post(PATH, &to("hurries", text, true)).await;
    assert_eq!(state(&hurried), "miss");
    for (route, stream) in [("waits", false), ("waits", true), ("hurries", false)] {
        let answer = app.post(PATH, &to(route, text, stream)).await;
        assert!(state(&answer) != "hit" && !answer.text.contains("secret"), "{route}: {}", answer.text);
    }
    // Streamed and masked: nothing of it is kept.
    let masked = app.post(PATH, &to("waits", text, true)).await;
    assert_eq!((state(&masked), masked.text.contains("EMAIL")), ("miss", true), "{}", masked.text);
    // Nobody had to step in.
    for expected in ["miss", "hit"] {
        assert_eq!(state(&app.post(PATH, &to("waits", "[[say: fine]]", true)).await), expected);
    }
}

#[tokio::test]
async fn nothing_is_kept_under_a_draft() {
    let app = two_regions(&with(guardrail(), &json!({"version": "DRAFT"}))).await;
    for _ in 0..2 {
        assert_eq!(state(&app.post(PATH, &to("waits", "[[say: fine]]", false)).await), "bypass");
    }
}

#[tokio::test]
async fn tools_in_a_models_own_words_are_tools() {
    let app = TestApp::with(kept()).await;
    let body = json!({"messages": [{"role": "user", "content": [{"text": "[[say: hello]]"}]}],
        "additionalModelRequestFields": {"tools": [{"type": "bash_20250124", "name": "bash"}]}});
    for _ in 0..2 {
        assert_eq!(state(&app.post(&format!("/model/{MODEL}/converse"), &body).await), "bypass");
    }
}
