//! Tokens: given, refreshed, reused, narrowed, ended.

use serde_json::{Value, json};

use crate::client::{Client, ask};
use crate::person::{Login, PASSWORD, Person, new_name, new_team};
use crate::platform::Platform;
use crate::wait::until;

pub(crate) async fn journey(platform: &Platform) {
    a_login_is_refreshed_and_ended(platform).await;
    a_reused_refresh_token_ends_the_login(platform).await;
    a_wrong_password_says_nothing(platform).await;
    a_program_trades_its_key_for_a_token(platform).await;
    others_can_check_our_tokens(platform).await;
    forged_tokens_are_refused(platform).await;
    a_browser_logs_in_by_cookie(platform).await;
}

async fn refused_soon(client: &Client) {
    until("a 401", async || (client.get("/v1/models").await.status == 401).then_some(())).await;
}

async fn a_login_is_refreshed_and_ended(platform: &Platform) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "developer").await;
    let login = person.log_in(platform).await;
    let answered = login.client.chat(&ask("[[say: ok]]")).await.expect(200);
    let record = platform.usage_of_team(&login.client, &answered.request_id()).await;
    assert_eq!(record["team"], team, "{record:#}");
    let next = Login::from(platform, &login.refreshed(platform).await.expect(200).body);
    next.client.get("/v1/models").await.expect(200);
    next.client.post("/auth/logout", &json!({})).await.expect(204);
    refused_soon(&next.client).await;
    assert_eq!(next.refreshed(platform).await.expect(400).body["error"], "invalid_grant");
    next.client.post("/auth/logout", &json!({})).await.expect(204);
}

async fn a_reused_refresh_token_ends_the_login(platform: &Platform) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "developer").await;
    let login = person.log_in(platform).await;
    let next = Login::from(platform, &login.refreshed(platform).await.expect(200).body);
    next.client.get("/v1/models").await.expect(200);
    assert_eq!(login.refreshed(platform).await.expect(400).body["error"], "invalid_grant");
    // Whoever has the later one may be the thief: it is dead too, and so is every access token.
    assert_eq!(next.refreshed(platform).await.expect(400).body["error"], "invalid_grant");
    refused_soon(&next.client).await;
    let path = format!("/admin/v1/audit?action=session.refresh_reused&team={team}");
    let listed = platform.admin.get(&path).await.expect(200);
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 1, "{:#}", listed.body);
}

async fn a_wrong_password_says_nothing(platform: &Platform) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "developer").await;
    let wrong = person.grant(platform, "another password, wrong").await.expect(400);
    let nobody = Person { id: String::new(), name: new_name("nobody"), team };
    let unknown = nobody.grant(platform, PASSWORD).await.expect(400);
    let told = |body: &Value| (body["error"].clone(), body["error_description"].clone());
    assert_eq!(told(&wrong.body), told(&unknown.body));
    assert_eq!(wrong.header("cache-control"), "no-store");
}

async fn a_program_trades_its_key_for_a_token(platform: &Platform) {
    let team = new_team(platform).await;
    let asked = json!({ "name": new_name("checkout"), "team": team });
    let account = platform.admin.post("/admin/v1/service-accounts", &asked).await.expect(201).body;
    let asked = json!({
        "name": "its key", "team": team, "role": "service", "service_account": account["id"],
        "scope": { "models": ["nova-*"] },
    });
    let created = platform.create_key(&asked).await.body;
    let asked = json!({
        "grant_type": "client_credentials", "client_id": account["id"], "client_secret": created["key"],
        "scope": "inference:invoke",
    });
    let given = platform.admin.without_key().post("/auth/token", &asked).await.expect(200).body;
    assert_eq!(given["refresh_token"], Value::Null, "{given:#}");
    let client = Login::from(platform, &given).client;
    let chat =
        |model: &str| json!({ "model": model, "messages": [{ "role": "user", "content": "[[say: ok]]" }] });
    client.chat(&chat("nova-lite")).await.expect(200);
    let refused = client.chat(&chat("claude-haiku-4-5")).await.expect(403);
    assert_eq!(refused.body["error"]["param"], "model", "{refused:#?}");
    client.get("/v1/models").await.expect(403);
    let path = format!("/admin/v1/keys/{}", created["id"].as_str().unwrap());
    platform.admin.delete(&path).await.expect(200);
    // The token came of the key, and goes with it.
    until("the token to be refused", async || {
        (client.chat(&chat("nova-lite")).await.status == 401).then_some(())
    })
    .await;
}

async fn others_can_check_our_tokens(platform: &Platform) {
    let nobody = platform.admin.without_key();
    let keys = nobody.get("/.well-known/jwks.json").await.expect(200).body;
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["alg"]), (&json!("OKP"), &json!("EdDSA")), "{keys:#}");
    assert_eq!(key["d"], Value::Null, "the private part is nobody's business");
    let found = nobody.get("/.well-known/openid-configuration").await.expect(200).body;
    assert!(found["jwks_uri"].as_str().unwrap().ends_with("/.well-known/jwks.json"), "{found:#}");
    assert!(found["token_endpoint"].as_str().unwrap().ends_with("/auth/token"), "{found:#}");
}

async fn forged_tokens_are_refused(platform: &Platform) {
    let team = new_team(platform).await;
    let login = Person::new(platform, &team, "developer").await.log_in(platform).await;
    let token = login.client.key().to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    let mut flipped = token.clone().into_bytes();
    let middle = parts[0].len() + parts[1].len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    for forged in [
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], parts[2].chars().rev().collect::<String>()),
        String::from_utf8(flipped).unwrap(),
        format!("{token}.{}", parts[2]),
        format!("{}.{}.{}", parts[0], "A".repeat(20_000), parts[2]),
    ] {
        let refused = platform.admin.with_key(&forged).get("/v1/models").await;
        assert_eq!(refused.status, 401, "{refused:#?}");
        assert_eq!(refused.body["error"]["code"], "invalid_api_key", "{refused:#?}");
    }
    login.client.get("/v1/models").await.expect(200);
}

async fn a_browser_logs_in_by_cookie(platform: &Platform) {
    let team = new_team(platform).await;
    let person = Person::new(platform, &team, "team_admin").await;
    let nobody = platform.admin.without_key();
    let asked = json!({ "name": person.name, "password": PASSWORD });
    let given = nobody.post("/auth/login", &asked).await.expect(200);
    let cookies: Vec<_> =
        given.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap().to_owned()).collect();
    let session = cookies.iter().find(|it| it.contains("ocs_")).unwrap_or_else(|| panic!("{cookies:?}"));
    assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax"), "{session}");
    let cookie = session.split(';').next().unwrap();
    let with_cookie = |method, path: &str| nobody.request(method, path).header("cookie", cookie);
    let ask = crate::client::answer;
    let me = ask(with_cookie(reqwest::Method::GET, "/auth/me")).await.expect(200).body;
    assert_eq!(me["role"], "team_admin", "{me:#}");
    let key =
        || with_cookie(reqwest::Method::POST, "/admin/v1/keys").json(&json!({ "name": "from the browser" }));
    // Another site can make the browser send the cookie; it cannot make it send the header.
    ask(key()).await.expect(403);
    let token = given.body["csrf_token"].as_str().unwrap();
    ask(key().header("x-outcrop-csrf", token).header("origin", "https://evil.example")).await.expect(403);
    ask(key().header("x-outcrop-csrf", token)).await.expect(201);
    ask(with_cookie(reqwest::Method::POST, "/auth/logout").header("x-outcrop-csrf", token).json(&json!({})))
        .await
        .expect(204);
    until("the cookie to be refused", async || {
        (ask(with_cookie(reqwest::Method::GET, "/auth/me")).await.status == 401).then_some(())
    })
    .await;
}
