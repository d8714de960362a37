//! `GET /v1/models`, in both shapes.

use std::sync::Arc;

use outcrop_emulator::Faults;
use outcrop_types::{Residency, Rules};
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp, models};
use crate::route_store::MemoryRoutes;

/// A GET as Anthropic's clients send it.
async fn anthropic(app: &TestApp, path: &str) -> Answer {
    let request = app.request(reqwest::Method::GET, path).header("anthropic-version", "2023-06-01");
    Answer::of(request.send().await.unwrap()).await
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn models_are_listed_and_found_by_any_name() {
    let app = TestApp::start().await;
    let list = app.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert!(ids(&list).contains(&MODEL), "{list}");

    let profile = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let encoded = profile.replace(':', "%3A");
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{profile}");
    let encoded_arn = arn.replace(':', "%3A").replace('/', "%2F");
    for name in [MODEL, profile, &encoded, &arn, &encoded_arn] {
        for base in ["/v1", "/api/v1"] {
            let path = format!("{base}/models/{name}");
            let answer = app.get(&path).await;
            assert_eq!(answer.status, 200, "{base} {name}: {}", answer.text);
            assert_eq!(answer.json()["object"], "model", "{name}");
            assert_eq!(answer.json()["id"], MODEL, "{name}");
            assert_eq!(anthropic(&app, &path).await.json()["type"], "model", "{name}");
        }
    }
    let answer = app.get("/v1/models/nonesuch").await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &"model_not_found".into()));
    let answer = anthropic(&app, "/v1/models/nonesuch").await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (404, &"not_found_error".into()));
    assert!(answer.header("request-id").is_some());
}

#[tokio::test]
async fn a_model_tells_what_it_can_do_and_costs() {
    let app = TestApp::start().await;
    let haiku = app.get(&format!("/v1/models/{MODEL}")).await.json();
    assert_eq!(haiku["context_window"], 200_000);
    assert_eq!(haiku["max_output_tokens"], 64_000);
    assert!(haiku["input_modalities"].as_array().unwrap().contains(&json!("image")), "{haiku}");
    assert_eq!(haiku["output_modalities"], json!(["text"]));
    for ability in ["streaming", "tools", "tool_choice", "structured_output", "reasoning", "prompt_cache"] {
        assert_eq!(haiku["capabilities"][ability], true, "{ability}: {haiku}");
    }
    let pricing = &haiku["pricing"];
    assert_eq!((&pricing["currency"], &pricing["tokens"]), (&json!("USD"), &json!(1_000_000)));
    assert_eq!(
        (&pricing["input"], &pricing["output"]),
        (&json!("1.1"), &json!("5.5")),
        "by the profile it is called by"
    );
    let global = app.get("/v1/models/global.anthropic.claude-haiku-4-5-20251001-v1:0").await.json();
    assert_eq!(global["pricing"]["input"], "1");
    assert_eq!(haiku["inference"]["region"], "us-east-1");
    assert_eq!(haiku["inference"]["on_demand"], false);
    assert!(haiku["inference"]["profiles"].as_array().unwrap().contains(&json!("us")));
    assert_eq!(haiku["lifecycle"], json!({"status": "active"}));

    let titan = app.get("/v1/models/titan-embed-text-v2").await.json();
    assert_eq!(titan["output_modalities"], json!(["embedding"]));
    assert_eq!(
        (&titan["capabilities"]["tools"], &titan["pricing"]["input"]),
        (&json!(false), &json!("0.02"))
    );
}

#[tokio::test]
async fn anthropics_clients_are_told_in_their_own_shape_a_page_at_a_time() {
    let app = TestApp::start().await;
    let whole = anthropic(&app, "/v1/models?limit=1000").await.json();
    let all = ids(&whole);
    assert_eq!(whole["has_more"], false);
    assert!(all.contains(&MODEL) && !all.contains(&"titan-embed-text-v2"), "those that talk: {all:?}");
    let haiku = &whole["data"][all.iter().position(|it| *it == MODEL).unwrap()];
    assert_eq!((&haiku["type"], &haiku["lifecycle"]), (&json!("model"), &json!("active")));
    assert_eq!((&haiku["max_input_tokens"], &haiku["max_tokens"]), (&json!(200_000), &json!(64_000)));
    assert_eq!(haiku["created_at"], "2025-10-01T00:00:00Z");
    assert_eq!(haiku["capabilities"]["image_input"]["supported"], true);

    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/models?limit=7".to_owned();
    loop {
        let page = anthropic(&app, &path).await.json();
        let here = ids(&page);
        assert_eq!((&page["first_id"], &page["last_id"]), (&json!(here[0]), &json!(here[here.len() - 1])));
        seen.extend(here.iter().map(|it| (*it).to_owned()));
        if page["has_more"] == false {
            break;
        }
        path = format!("/v1/models?limit=7&after_id={}", page["last_id"].as_str().unwrap());
    }
    assert_eq!(seen, all);
    assert_eq!(ids(&anthropic(&app, "/v1/models").await.json()), all[..20]);
    let before = anthropic(&app, &format!("/v1/models?limit=2&before_id={}", all[5])).await.json();
    assert_eq!((ids(&before), &before["has_more"]), (all[3..5].to_vec(), &json!(true)));
    let before = anthropic(&app, &format!("/v1/models?before_id={}", all[2])).await.json();
    assert_eq!((ids(&before), &before["has_more"]), (all[..2].to_vec(), &json!(false)));
    assert!(ids(&anthropic(&app, "/v1/models?lifecycle[]=retired").await.json()).is_empty());

    for query in
        ["limit=0", "limit=1001", "limit=x", "after_id=nonesuch", "before_id=a&after_id=b", "lifecycle=old"]
    {
        let answer = anthropic(&app, &format!("/v1/models?{query}")).await;
        let error = answer.json()["error"]["type"].clone();
        assert_eq!((answer.status, error), (400, json!("invalid_request_error")), "{query}");
    }
}

#[tokio::test]
async fn no_shape_shows_what_is_out_of_scope() {
    let app = TestApp::with(Setup { scope: models(&["nova-l*"]), ..Setup::default() }).await;
    assert_eq!(ids(&anthropic(&app, "/v1/models").await.json()), ["nova-lite"]);
    for name in [MODEL, "us.anthropic.claude-haiku-4-5-20251001-v1:0"] {
        assert_eq!(anthropic(&app, &format!("/v1/models/{name}")).await.status, 404);
    }
}

#[tokio::test]
async fn profiles_of_the_account_are_shown_and_called_by_their_arn() {
    let chat = json!({"messages": [{"role": "user", "content": "[[say: hi]]"}]});
    let named = |model: &str| {
        let mut body = chat.clone();
        body["model"] = model.into();
        body
    };
    let app = TestApp::with(Setup { allow_arns: true, ..Setup::default() }).await;
    let arn = app.lists.add_profile("team-red", "us.anthropic.claude-haiku-4-5-20251001-v1:0").unwrap();
    assert!(!ids(&app.get("/v1/models").await.json()).contains(&arn.as_str()), "no look at the lists yet");
    let answer = app.post("/v1/chat/completions", &named(&arn)).await;
    assert_eq!(answer.status, 200, "it is asked for: {}", answer.text);
    let absent = app.post("/v1/chat/completions", &named(&arn.replace("/0a", "/ff"))).await;
    assert_eq!((absent.status, &absent.json()["error"]["code"]), (404, &"model_not_found".into()));

    app.catalog.refresh().await.unwrap();
    let list = app.get("/v1/models").await.json();
    let red = list["data"].as_array().unwrap().iter().find(|it| it["id"] == *arn).expect("listed by its ARN");
    assert_eq!((&red["name"], &red["context_window"]), (&json!("team-red"), &json!(200_000)));
    assert_eq!(red["pricing"]["input"], "1.1");
    let one = app.get(&format!("/v1/models/{}", arn.replace(':', "%3A").replace('/', "%2F"))).await;
    assert_eq!((one.status, &one.json()["id"]), (200, &json!(arn)));

    let closed = TestApp::start().await;
    let arn = closed.lists.add_profile("team-red", "amazon.nova-lite-v1:0").unwrap();
    closed.catalog.refresh().await.unwrap();
    assert!(!ids(&closed.get("/v1/models").await.json()).contains(&arn.as_str()));
    assert_eq!(closed.post("/v1/chat/completions", &named(&arn)).await.status, 404);
}

#[tokio::test]
async fn names_of_other_vendors_are_answered_if_the_operator_says_so() {
    let chat = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "[[say: hi]]"}]});
    let app = TestApp::start().await;
    assert_eq!(app.post("/v1/chat/completions", &chat).await.status, 404);
    let app = TestApp::with(Setup { compatibility_names: true, ..Setup::default() }).await;
    let answer = app.post("/v1/chat/completions", &chat).await;
    assert_eq!((answer.status, &answer.json()["model"]), (200, &json!("gpt-4o")), "{}", answer.text);
    let record = &app.records(1).await[0];
    assert_eq!(record.model_asked, "gpt-4o");
    assert!(record.model_served.contains("claude-haiku-4-5"), "{}", record.model_served);
    for (name, id) in [("gpt-4o", MODEL), ("text-embedding-3-small", "cohere-embed-multilingual-v3")] {
        assert_eq!(app.get(&format!("/v1/models/{name}")).await.json()["id"], id);
    }
    assert!(!ids(&app.get("/v1/models").await.json()).contains(&"gpt-4o"), "they are no models");
}

/// A route, and a model under a bound, are told of as they are called where they may be called.
#[tokio::test]
async fn what_is_bound_is_told_of_as_it_is_called_there() {
    let table = json!({"routes": [
        {"alias": "reports", "options": {"residency": ["eu"]}, "groups": [{"targets": [{"model": MODEL}]}]},
        {"alias": "plain", "groups": [{"targets": [{"model": MODEL}]}]},
    ]});
    let regions = || ["us-east-1", "eu-central-1"].map(|it| (it, Faults::default())).to_vec();
    let routes = || Arc::new(MemoryRoutes::of(serde_json::from_value(table.clone()).unwrap()));
    let app = TestApp::with(Setup { routes: routes(), regions: regions(), ..Setup::default() }).await;
    let region = |card: &Value| card["inference"]["region"].as_str().unwrap().to_owned();
    let list = app.get("/v1/models").await.json();
    let at = |name: &str| list["data"][ids(&list).iter().position(|it| *it == name).unwrap()].clone();
    assert_eq!((region(&at("plain")), region(&at("reports"))), ("us-east-1".into(), "eu-central-1".into()));
    assert_eq!(at("reports")["inference"]["profiles"], json!(["eu"]));

    let residency = Residency::try_from(vec!["eu".parse().unwrap()]).unwrap();
    let rules = Rules { residency, ..Rules::default() };
    let app = TestApp::with(Setup { routes: routes(), regions: regions(), rules, ..Setup::default() }).await;
    let list = app.get("/v1/models").await.json();
    let cards = list["data"].as_array().unwrap();
    assert!(ids(&list).contains(&MODEL), "{list}");
    assert!(cards.iter().all(|it| region(it) == "eu-central-1"), "{list}");
    assert_eq!(region(&app.get(&format!("/v1/models/{MODEL}")).await.json()), "eu-central-1");
    let whole = TestApp::with(Setup { regions: regions(), ..Setup::default() }).await;
    let all = whole.get("/v1/models").await.json();
    assert!(
        cards.len() < all["data"].as_array().unwrap().len(),
        "what is in no region of the Union is not told"
    );
}
