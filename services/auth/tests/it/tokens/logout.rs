//! `POST /auth/logout`.

use outcrop_types::{Change, Role};
use reqwest::Method;
use serde_json::{Value, json};

use super::gate::{Answer, Gate, PASSWORD, send, why};

async fn log_out(gate: &Gate, bearer: &Value) -> Answer {
    let request = gate.replica.request(Method::POST, "/auth/logout");
    send(request.bearer_auth(bearer.as_str().unwrap())).await
}

struct Browser {
    cookies: String,
    csrf: String,
}

async fn browser(gate: &Gate) -> Browser {
    let given = gate.replica.post("/auth/login", &json!({ "name": "ada", "password": PASSWORD })).await;
    let cookies =
        given.cookies().iter().map(|it| it.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
    Browser { cookies, csrf: given.body["csrf_token"].as_str().unwrap().to_owned() }
}

#[actix_web::test]
async fn an_access_token_ends_its_login_with_all_that_came_of_it() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let (first, other) = (gate.log_in("ada").await, gate.log_in("ada").await);
    let second = gate.replica.refresh(&first["refresh_token"]).await.expect(200);
    gate.world.announced.take();
    for _ in 0..2 {
        log_out(&gate, &first["access_token"]).await.expect(204);
    }
    assert!(matches!(gate.world.announced.take()[..], [Change::Session(_), ..]), "gateways hear of it");
    for token in [&first["access_token"], &second["access_token"]] {
        assert_eq!(why(gate.replica.authenticate(token).await), "the token's login has ended");
    }
    assert_eq!(gate.replica.refresh(&second["refresh_token"]).await.refused(400), "invalid_grant");
    assert!(gate.replica.authenticate(&other["access_token"]).await.is_ok());
}

#[actix_web::test]
async fn a_refresh_token_ends_its_login_too() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    let body = json!({ "refresh_token": given["refresh_token"] });
    for _ in 0..2 {
        gate.replica.post("/auth/logout", &body).await.expect(204);
    }
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_err());
}

#[actix_web::test]
async fn what_is_no_login_is_ended_already() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    let key = json!(gate.world.first.key.expose());
    for bearer in [&key, &json!("x.y.z"), &json!("x"), &given["refresh_token"]] {
        log_out(&gate, bearer).await.expect(204);
    }
    gate.replica.post("/auth/logout", &json!({})).await.expect(204);
    send(gate.replica.request(Method::POST, "/auth/logout")).await.expect(204);
    gate.replica.post("/auth/logout", &json!({ "refresh_token": "ocr_x" })).await.expect(204);
    let unknown = gate.replica.post("/auth/logout", &json!({ "token": "x" })).await;
    assert_eq!(unknown.expect(400)["param"], "token");
    assert!(gate.replica.authenticate(&given["access_token"]).await.is_ok());
}

#[actix_web::test]
async fn a_cookie_alone_ends_nothing() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let browser = browser(&gate).await;
    let ask = |csrf: Option<&str>| {
        let request = gate.replica.request(Method::POST, "/auth/logout").header("cookie", &browser.cookies);
        send(csrf.into_iter().fold(request, |request, csrf| request.header("x-outcrop-csrf", csrf)))
    };
    let me = || send(gate.replica.request(Method::GET, "/auth/me").header("cookie", &browser.cookies));
    for csrf in [None, Some(""), Some("x"), Some(&browser.csrf[1..])] {
        ask(csrf).await.expect(403);
    }
    me().await.expect(200);
    let ended = ask(Some(&browser.csrf)).await;
    let cookies = ended.cookies();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert!(cookies.iter().all(|it| it.contains("=; ") && it.contains("Max-Age=0")), "{cookies:?}");
    ended.expect(204);
    me().await.expect(401);
    ask(None).await.expect(204);
}
