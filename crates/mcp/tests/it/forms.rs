//! What a client of the old era can rely on that fills in a form wrongly.

use serde_json::json;

use crate::world::{Client, Events, World};

#[actix_web::test]
async fn a_form_that_is_filled_in_wrongly_is_refused_in_words() {
    let world = World::new();
    let client = Client::open(&world.a.url).await;
    for (id, result) in [
        (1, json!({ "action": "accept", "content": { "name": 7 } })),
        (2, json!(["accept", { "name": "Ada" }])),
    ] {
        let mut events = Events::of(client.call(id, "ask", json!({})).await);
        let mut told = json!(null);
        while told["error"].is_null() {
            told = events.next().await.expect("there is more").data;
            if told["method"] == "elicitation/create" {
                let answer = json!({ "jsonrpc": "2.0", "id": told["id"], "result": result });
                assert_eq!(client.post(&answer).await.status(), 202);
            }
            assert!(told["result"].is_null(), "{told}");
        }
        assert_eq!((&told["id"], &told["error"]["code"]), (&json!(id), &json!(-32602)), "{told}");
        assert!(told["error"]["message"].as_str().unwrap().contains("no answer to what it was asked"));
    }
}
