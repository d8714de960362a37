//! Identical calls at the same time are one.

use futures::future::join_all;
use outcrop_types::{CacheState, Outcome};

use super::*;

const PATH: &str = "/v1/chat/completions";

/// Ten words, each some time after the other.
fn slow(stream: bool) -> Value {
    let text = "[[say: one two three four five six seven eight nine ten]][[latency: 300]][[rate: 40]]";
    with(chat(text), &json!({"stream": stream, "stream_options": {"include_usage": true}}))
}

/// What a stream says, without what is each request's own.
fn plain(answer: &Answer) -> Vec<Value> {
    assert!(answer.text.trim_end().ends_with("data: [DONE]"), "{}", answer.text);
    let events = answer.events().into_iter();
    events.map(|it| with(it, &json!({"id": "", "created": 0}))).collect()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_streams_are_one_call() {
    let app = TestApp::with(kept()).await;
    let body = with(
        slow(true),
        &json!({"messages": [{"role": "user",
        "content": "[[say: one two three four five six seven eight]][[latency: 3000]]"}]}),
    );
    let answers = join_all((0..500).map(|_| app.post(PATH, &body))).await;
    assert_eq!(calls(&app), 1);
    let first = plain(&answers[0]);
    let states: Vec<&str> = answers.iter().map(state).collect();
    let count = |of: &str| states.iter().filter(|it| **it == of).count();
    assert_eq!(count("miss"), 1);
    assert!(count("coalesced") > 400, "{} are hits", count("hit"));
    let text = |events: &[Value]| -> String {
        events.iter().filter_map(|it| it["choices"][0]["delta"]["content"].as_str()).collect()
    };
    for answer in answers.iter().filter(|it| state(it) != "hit") {
        let own = plain(answer);
        assert_eq!(text(&own), text(&first));
        assert_eq!(own.last().unwrap()["usage"], first.last().unwrap()["usage"]);
    }
    let records = app.records(500).await;
    let paid = records.iter().filter(|it| it.cost.is_some()).count();
    assert_eq!(paid, 1);
    let coalesced = records.iter().filter(|it| it.cache == CacheState::Coalesced);
    for record in coalesced {
        assert!(record.cache_saved.is_some() && record.tokens.is_nothing(), "{record:?}");
        assert_eq!(record.outcome, Outcome::Completed);
    }
}

#[tokio::test]
async fn whole_answers_are_shared_too() {
    let app = TestApp::with(kept()).await;
    let body = json!({"model": MODEL, "max_tokens": 50,
        "messages": [{"role": "user", "content": "[[say: hello]][[latency: 500]]"}]});
    for (path, body) in [(PATH, slow(false)), ("/v1/messages", body)] {
        let body = with(body, &json!({"stream": false}));
        let body = if path == PATH { chat("[[say: hello]][[latency: 500]]") } else { body };
        let before = calls(&app);
        let answers = join_all((0..10).map(|_| app.post(path, &body))).await;
        assert_eq!(calls(&app), before + 1, "{path}");
        assert!(answers.iter().all(|it| it.status == 200 && it.text.contains("hello")));
        assert_eq!(answers.iter().filter(|it| state(it) == "coalesced").count(), 9, "{path}");
    }
}

#[tokio::test]
async fn whoever_asked_first_may_leave() {
    let app = TestApp::with(kept()).await;
    for (path, body) in [
        (PATH, slow(true)),
        (
            "/v1/messages",
            json!({"model": MODEL, "max_tokens": 50, "stream": true, "messages": [{"role": "user",
                "content": "[[say: one two three four five six seven eight nine ten]][[rate: 40]]"}]}),
        ),
    ] {
        let before = calls(&app);
        let first = app.send(path, &body).await;
        assert_eq!(first.headers()["x-outcrop-cache"], "miss");
        let second = app.send(path, &body).await;
        assert_eq!(second.headers()["x-outcrop-cache"], "coalesced");
        drop(first);
        let second = Answer::of(second).await;
        assert!(second.text.contains("ten"), "{}", second.text);
        assert_eq!(calls(&app), before + 1);
        assert_eq!(state(&app.post(path, &body).await), "hit", "it is kept all the same");
    }
    assert_eq!(app.counters[0].snapshot().abandoned, 0);
}

#[tokio::test]
async fn the_call_ends_with_the_last_who_asked() {
    let app = TestApp::with(kept()).await;
    let text = "[[tokens: 2000]][[rate: 50]]";
    let body = with(chat(text), &json!({"stream": true, "max_tokens": 4000}));
    let streams = [app.send(PATH, &body).await, app.send(PATH, &body).await, app.send(PATH, &body).await];
    assert_eq!(calls(&app), 1);
    drop(streams);
    until("the call upstream ends", || app.counters[0].snapshot().abandoned == 1).await;
    let records = app.records(3).await;
    assert!(records.iter().all(|it| it.outcome == Outcome::Cancelled), "{records:?}");
    let paid: Vec<_> = records.iter().filter(|it| !it.tokens.is_nothing()).collect();
    assert_eq!(paid.len(), 1);
    assert_eq!(paid[0].cache, CacheState::Miss);
    let again = app.send(PATH, &body).await;
    assert_eq!(again.headers()["x-outcrop-cache"], "miss", "nothing of it is kept");
}

#[tokio::test]
async fn a_failure_is_everybodys() {
    let app = TestApp::with(kept()).await;
    let body = with(chat("[[fault: validation]][[latency: 300]]"), &json!({"stream": true}));
    let answers = join_all((0..5).map(|_| app.post(PATH, &body))).await;
    let status: Vec<u16> = answers.iter().map(|it| it.status).collect();
    assert!(status.iter().all(|it| *it == 400), "{status:?}");
}
