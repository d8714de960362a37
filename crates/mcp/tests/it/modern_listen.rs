//! What a client of the new era can rely on that listens.

use serde_json::{Value, json};

use crate::modern_world::{Events, Modern, read};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

async fn listen(modern: &Modern, filter: Value) -> Events {
    Events::of(modern.request("subscriptions/listen", json!({ "notifications": filter }))).await
}

#[actix_web::test]
async fn a_listener_is_told_what_it_will_hear_and_then_what_changes() {
    let modern = Modern::start();
    let uris = ["test://watched-resource", "test://static-text", "test://watched-resource"];
    let filter =
        json!({ "toolsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": uris });
    let mut events = listen(&modern, filter).await;
    let first = events.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    // Of what nobody tells of, it is not said that it would be.
    let heard = json!({ "toolsListChanged": true, "resourceSubscriptions": ["test://watched-resource"] });
    assert_eq!(first["params"], json!({ "notifications": heard, "_meta": { ID: 1 } }));
    for tool in ["test_trigger_prompt_change", "test_trigger_resource_change", "test_trigger_tool_change"] {
        modern.result("tools/call", json!({ "name": tool })).await;
    }
    let mut told = [events.next().await.unwrap(), events.next().await.unwrap()];
    told.sort_by_key(|it| it["method"].to_string());
    assert_eq!(told[0]["method"], "notifications/resources/updated");
    assert_eq!(told[0]["params"], json!({ "uri": "test://watched-resource", "_meta": { ID: 1 } }));
    assert_eq!(told[1]["method"], "notifications/tools/list_changed");
    assert_eq!(told[1]["params"]["_meta"][ID], 1);
}

#[actix_web::test]
async fn a_stream_ends_in_order_when_the_server_stops() {
    let modern = Modern::start();
    let mut events = listen(&modern, json!({ "promptsListChanged": true })).await;
    assert_eq!(
        events.next().await.unwrap()["params"]["notifications"],
        json!({ "promptsListChanged": true })
    );
    modern.stop.cancel();
    let last = events.next().await.unwrap();
    assert_eq!((&last["id"], &last["result"]["resultType"]), (&json!(1), &json!("complete")));
    assert_eq!(last["result"]["_meta"][ID], 1);
    assert_eq!(events.next().await, None);
}

#[actix_web::test]
async fn listeners_and_what_they_listen_to_are_bounded() {
    let modern = Modern::with("one", |config| {
        config.mcp.max_subscriptions_per_session = 2;
        config.mcp.max_listeners_per_principal = 3;
    });
    let many = json!({ "notifications": { "resourceSubscriptions": ["a", "b", "c"] } });
    let (status, error) = modern.refused("subscriptions/listen", many).await;
    assert_eq!((status, &error["code"]), (400, &json!(-32602)));
    assert_eq!(error["data"]["param"], "params.notifications.resourceSubscriptions");
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(listen(&modern, json!({})).await);
    }
    let refused =
        modern.request("subscriptions/listen", json!({ "notifications": {} })).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(read(refused).await.1["error"]["data"]["code"], "rate_limited");
    drop(open);
    // A place is free again as soon as the server sees that somebody has gone.
    for _ in 0..200 {
        let request = modern.request("subscriptions/listen", json!({ "notifications": {} }));
        if request.send().await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no place became free");
}

#[actix_web::test]
async fn a_filter_must_be_there() {
    let modern = Modern::start();
    let list = json!({ "notifications": [true] });
    for params in [json!({}), list, json!({ "notifications": { "toolsListChanged": 1 } })] {
        let (status, error) = modern.refused("subscriptions/listen", params).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32602)));
    }
}
