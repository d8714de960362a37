//! `GET /v1/models` and `GET /v1/models/{id}`.

use reqwest::Method;

use crate::chat::PROFILE;
use crate::client::{Client, MODEL, answer};
use crate::platform::Platform;
use crate::wait::until;

pub(crate) async fn journey(platform: &Platform) {
    the_catalogue_is_listed(platform).await;
    models_have_many_names(platform).await;
    bedrocks_lists_are_looked_at(platform).await;
    anthropics_clients_are_answered_in_their_shape(platform).await;
}

async fn bedrocks_lists_are_looked_at(platform: &Platform) {
    let named = async || {
        let model = platform.admin.get("/v1/models/nova-lite").await.expect(200).body;
        (model["name"] == "Nova Lite").then_some(model)
    };
    let model = until("the name that Bedrock has for a model", named).await;
    assert_eq!(model["inference"]["on_demand"], true, "{model:#?}");
    assert!(model["pricing"]["input"].is_string() && model["capabilities"]["tools"] == true, "{model:#?}");
}

async fn anthropics_clients_are_answered_in_their_shape(platform: &Platform) {
    let get = async |client: &Client, path: &str| {
        answer(client.request(Method::GET, path).header("anthropic-version", "2023-06-01")).await
    };
    let page = get(&platform.admin, "/v1/models?limit=3").await.expect(200).body;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (3, &true.into()));
    assert_eq!(page["data"][0]["type"], "model");
    let missing = get(&platform.admin, "/v1/models/nonesuch").await.expect(404).body;
    assert_eq!(missing["error"]["type"], "not_found_error");
    let refused = get(&platform.admin.without_key(), "/v1/models").await.expect(401).body;
    assert_eq!(refused["error"]["type"], "authentication_error");
}

async fn the_catalogue_is_listed(platform: &Platform) {
    let viewer = platform.caller("viewer").await;
    let list = viewer.get("/v1/models").await.expect(200);
    assert_eq!(list.body["object"], "list");
    let models = list.body["data"].as_array().unwrap();
    assert!(models.iter().all(|model| model["object"] == "model" && model["owned_by"].is_string()));
    let found = models.iter().find(|model| model["id"] == MODEL).expect("the default model");
    assert_eq!(&platform.admin.get(&format!("/v1/models/{MODEL}")).await.expect(200).body, found);
}

async fn models_have_many_names(platform: &Platform) {
    let encoded = PROFILE.replace(':', "%3A").replace('/', "%2F");
    let names = ["nova-lite", "amazon.nova-lite-v1:0", "amazon.nova-lite-v1%3A0", PROFILE, &encoded];
    for name in names {
        let answer = platform.admin.get(&format!("/v1/models/{name}")).await.expect(200);
        assert_eq!(answer.body["id"], "nova-lite", "{name}");
    }
    let answer = platform.admin.get("/v1/models/no/such:model").await.expect(404);
    assert_eq!(answer.body["error"]["code"], "model_not_found");
    assert_eq!(answer.body["error"]["param"], "model");
}
