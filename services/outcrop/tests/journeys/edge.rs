//! The edge towards browsers, and what the logs must not hold.

use reqwest::Method;
use serde_json::json;

use crate::client::{Answer, answer};
use crate::person::{PASSWORD, Person, new_team};
use crate::platform::{ORIGIN, Platform};

pub(crate) async fn journey(platform: &Platform) {
    listed_origins_may_call(platform).await;
    other_origins_may_not(platform).await;
    every_answer_has_its_safety_headers(platform).await;
    no_secret_reaches_a_log(platform).await;
}

async fn preflight(platform: &Platform, origin: &str, headers: &str) -> Answer {
    let request = platform
        .admin
        .without_key()
        .request(Method::OPTIONS, "/v1/chat/completions")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", headers);
    answer(request).await
}

async fn listed_origins_may_call(platform: &Platform) {
    // What OpenAI's SDK sends from a browser.
    let asked = "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-retry-count";
    let allowed = preflight(platform, ORIGIN, asked).await.expect(204);
    assert_eq!(allowed.header("access-control-allow-origin"), ORIGIN);
    assert!(allowed.header("access-control-allow-methods").contains("POST"));
    for header in asked.split(',') {
        assert!(allowed.header("access-control-allow-headers").contains(header), "{header}: {allowed:#?}");
    }
    // A refusal can be read by the page too, and a success by nobody else's cache.
    let refused = platform.admin.without_key().request(Method::GET, "/v1/models").header("origin", ORIGIN);
    let refused = answer(refused).await.expect(401);
    assert_eq!(refused.header("access-control-allow-origin"), ORIGIN);
    let answered =
        answer(platform.admin.request(Method::GET, "/v1/models").header("origin", ORIGIN)).await.expect(200);
    assert_eq!(answered.header("access-control-allow-origin"), ORIGIN);
    assert!(answered.header("vary").to_ascii_lowercase().contains("origin"));
}

async fn other_origins_may_not(platform: &Platform) {
    for origin in
        ["https://evil.example", "null", &format!("{ORIGIN}.evil.example"), &ORIGIN.replace("https", "http")]
    {
        let refused = preflight(platform, origin, "authorization").await;
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{origin}: {refused:#?}");
        let answered =
            answer(platform.admin.request(Method::GET, "/v1/models").header("origin", origin)).await;
        assert!(!answered.headers.contains_key("access-control-allow-origin"), "{origin}: {answered:#?}");
    }
    let strange = preflight(platform, ORIGIN, "authorization,x-evil").await;
    let allowed = strange.headers.get("access-control-allow-headers").map(|it| it.to_str().unwrap());
    assert!(allowed.is_none_or(|it| !it.contains("x-evil")), "{strange:#?}");
}

async fn every_answer_has_its_safety_headers(platform: &Platform) {
    let (nobody, admin) = (platform.admin.without_key(), &platform.admin);
    for answered in [
        admin.get("/v1/models").await.expect(200),
        admin.get("/admin/v1/keys").await.expect(200),
        nobody.get("/v1/models").await.expect(401),
        nobody.get("/nothing").await.expect(404),
    ] {
        assert_eq!(answered.header("x-content-type-options"), "nosniff", "{answered:#?}");
        assert_eq!(answered.headers.get_all("x-content-type-options").iter().count(), 1);
        assert!(answered.header("content-security-policy").contains("frame-ancestors 'none'"));
    }
    assert_eq!(admin.get("/auth/me").await.expect(200).header("cache-control"), "no-store");
}

/// Every kind of secret is used once more, and then looked for in what the processes wrote.
async fn no_secret_reaches_a_log(platform: &Platform) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "developer").await;
    let login = person.log_in(platform).await;
    person.grant(platform, "a wrong password, but somebody's").await.expect(400);
    login.refreshed(platform).await.expect(200);
    login.refreshed(platform).await.expect(400);
    login.client.get("/v1/models?api_key=ock_in_the_query").await;
    let nobody = platform.admin.without_key();
    nobody.post("/auth/login", &json!({ "name": person.name, "password": PASSWORD })).await.expect(200);
    for service in platform.services.all() {
        // One process prints the first key on purpose, at its start.
        let log = service.log().replace(&platform.key, "");
        assert!(
            !log.contains(PASSWORD) && !log.contains("a wrong password"),
            "a password in {}",
            service.url
        );
        assert!(!log.contains("eyJ"), "a token in {}'s log", service.url);
        assert!(!log.contains("$argon2"), "a hash in {}'s log", service.url);
        for kind in ["ock_", "ocr_", "ocs_", "oci_"] {
            for (at, _) in log.match_indices(kind) {
                let word = log[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
                // Prefix and id may be shown, and are how a key is found again.
                assert!(word <= 20, "{} in {}'s log", &log[at..at + 20], service.url);
            }
        }
    }
}
