//! `GET /v1/models` and `GET /v1/models/{id}`.

use crate::chat::PROFILE;
use crate::client::MODEL;
use crate::platform::Platform;

pub(crate) async fn journey(platform: &Platform) {
    the_catalogue_is_listed(platform).await;
    models_have_many_names(platform).await;
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
