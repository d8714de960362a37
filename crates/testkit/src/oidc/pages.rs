//! What the issuer answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::dev::ServerHandle;
use actix_web::http::header::{AUTHORIZATION, LOCATION};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Behaviour, CLIENT_ID, CLIENT_SECRET, Shared, State, merge};

/// A code that waits to be exchanged.
pub(super) struct Code {
    code: String,
    redirect_uri: String,
    challenge: String,
    nonce: String,
    claims: Value,
}

/// Serves until told to stop; tells first where, and how to stop it.
pub(super) fn serve(shared: &Arc<Shared>, tell: &Sender<(String, ServerHandle)>) {
    let shared = Arc::clone(shared);
    let ended: std::io::Result<()> = actix_web::rt::System::new().block_on(async move {
        let data = web::Data::from(Arc::clone(&shared));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/.well-known/openid-configuration", web::get().to(discovery))
                .route("/keys", web::get().to(keys))
                .route("/authorize", web::get().to(authorize))
                .route("/token", web::post().to(token))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0))?;
        let url = server.addrs().first().map(|addr| format!("http://{addr}")).unwrap_or_default();
        shared.url.get_or_init(|| url.clone());
        let server = server.run();
        // Whoever started it may have given up.
        let _ = tell.send((url, server.handle()));
        server.await
    });
    drop(ended);
}

/// The public keys.
pub(super) fn key_set(state: &State) -> Value {
    json!({"keys": state.keys.iter().map(super::IssuerKey::jwk).collect::<Vec<_>>()})
}

async fn discovery(shared: web::Data<Shared>) -> HttpResponse {
    let url = shared.url().to_owned();
    shared.state().discoveries += 1;
    let behaviour = shared.state().behaviour;
    let issuer = if behaviour == Behaviour::SomebodyElse { "https://somebody.else" } else { &url };
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{url}/keys"),
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    answer(behaviour, document).await
}

async fn keys(shared: web::Data<Shared>) -> HttpResponse {
    let (behaviour, keys) = {
        let mut state = shared.state();
        state.key_sets += 1;
        (state.behaviour, key_set(&state))
    };
    answer(behaviour, keys).await
}

async fn answer(behaviour: Behaviour, mut body: Value) -> HttpResponse {
    match behaviour {
        Behaviour::Away => return HttpResponse::ServiceUnavailable().finish(),
        Behaviour::Slow(time) => actix_web::rt::time::sleep(time).await,
        Behaviour::Huge => body["padding"] = "x".repeat(2 * 1024 * 1024).into(),
        Behaviour::Fine | Behaviour::SomebodyElse => {}
    }
    HttpResponse::Ok().json(body)
}

/// Logs in whoever comes, and sends them back.
async fn authorize(shared: web::Data<Shared>, query: web::Query<HashMap<String, String>>) -> HttpResponse {
    let given = |name: &str| query.get(name).cloned().unwrap_or_default();
    let scopes = given("scope");
    let sound = given("response_type") == "code"
        && given("client_id") == CLIENT_ID
        && given("code_challenge_method") == "S256"
        && given("code_challenge").len() == 43
        && scopes.split(' ').any(|scope| scope == "openid")
        && ["state", "nonce", "redirect_uri"].iter().all(|name| !given(name).is_empty());
    if !sound {
        return HttpResponse::BadRequest().body("not an authorization request");
    }
    let mut state = shared.state();
    let mut back = vec![("state".to_owned(), given("state")), ("iss".to_owned(), shared.url().to_owned())];
    if let Some((error, description)) = state.refusal.take() {
        back.extend([("error".to_owned(), error), ("error_description".to_owned(), description)]);
    } else {
        let code = format!("code-{}", state.codes.len() + state.exchanges);
        back.push(("code".to_owned(), code.clone()));
        let claims = Value::Object(state.user.clone());
        state.codes.push(Code {
            code,
            redirect_uri: given("redirect_uri"),
            challenge: given("code_challenge"),
            nonce: given("nonce"),
            claims,
        });
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(back).finish();
    let location = format!("{}?{query}", given("redirect_uri"));
    HttpResponse::Found().insert_header((LOCATION, location)).finish()
}

/// Exchanges a code, once.
async fn token(
    shared: web::Data<Shared>,
    request: HttpRequest,
    form: web::Form<HashMap<String, String>>,
) -> HttpResponse {
    let refused = |error: &str| HttpResponse::BadRequest().json(json!({"error": error}));
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let mut state = shared.state();
    state.exchanges += 1;
    if state.behaviour == Behaviour::Away {
        return HttpResponse::ServiceUnavailable().finish();
    }
    if !knows_secret(&request) {
        return HttpResponse::Unauthorized().json(json!({"error": "invalid_client"}));
    }
    if given("grant_type") != "authorization_code" {
        return refused("unsupported_grant_type");
    }
    let Some(at) = state.codes.iter().position(|code| code.code == given("code")) else {
        return refused("invalid_grant");
    };
    let code = state.codes.remove(at);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(given("code_verifier")));
    if code.redirect_uri != given("redirect_uri") || code.challenge != challenge {
        return refused("invalid_grant");
    }
    let now = state.now.unwrap_or_else(now);
    let mut claims = json!({
        "iss": shared.url(), "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": code.nonce,
    });
    merge(&mut claims, &code.claims);
    merge(&mut claims, &Value::Object(state.lies.clone()));
    let id_token = state.keys.last().map(|key| key.token(&claims));
    HttpResponse::Ok().json(json!({
        "access_token": "not for you", "token_type": "Bearer", "expires_in": 300, "id_token": id_token,
    }))
}

/// `client_secret_basic`: both parts are escaped as in a form (RFC 6749, section 2.3.1).
fn knows_secret(request: &HttpRequest) -> bool {
    let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let joined = format!("{}:{}", escaped(CLIENT_ID), escaped(CLIENT_SECRET));
    let expected = format!("Basic {}", STANDARD.encode(joined));
    request.headers().get(AUTHORIZATION).is_some_and(|given| given.as_bytes() == expected.as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "an issuer of its own has a clock of its own")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}
