//! Browser login: authorization code with PKCE, from the first click to the session.

use chrono::TimeDelta;
use outcrop_http::testing::TestServer;
use outcrop_ports::{Authenticator as _, Credential};
use outcrop_testkit::oidc::{Behaviour, KeyAlgorithm, OidcIssuer};
use outcrop_types::{PresentedKey, Role, SecretKind};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::{serve, settings, world, world_of};
use crate::world::World;

struct Browser {
    server: TestServer,
    client: Client,
}

impl Browser {
    fn of(world: &World) -> Self {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { server: serve(world), client }
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Response {
        let url = if path.starts_with('/') { format!("{}{path}", self.server.url) } else { path.to_owned() };
        let mut request = self.client.get(url);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        request.send().await.unwrap()
    }

    /// Begins a login; where it leads, and the cookie to keep.
    async fn begin(&self, path: &str) -> (String, String) {
        let answer = self.get(path, None).await;
        assert_eq!(answer.status(), 302);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"),
            "{cookie}"
        );
        (location(&answer), cookie.split(';').next().unwrap().to_owned())
    }

    /// Begins a login and goes through the issuer; the path to come back to, and the cookie.
    async fn through_the_issuer(&self, path: &str) -> (String, String) {
        let (there, cookie) = self.begin(path).await;
        let answer = self.get(&there, None).await;
        assert_eq!(answer.status(), 302, "{there}");
        let back = location(&answer);
        (back.strip_prefix("http://outcrop.test").unwrap().to_owned(), cookie)
    }
}

fn location(answer: &Response) -> String {
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn cookies(answer: &Response) -> Vec<String> {
    answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap().to_owned()).collect()
}

fn ada(issuer: &OidcIssuer, over: &Value) {
    let mut user = json!({"sub": "u-1", "preferred_username": "ada", "groups": ["staff"]});
    for (name, value) in over.as_object().unwrap() {
        user[name] = value.clone();
    }
    issuer.set_user(&user);
    issuer.set_now(1_800_000_000);
}

/// Status and text of a refused callback, which must not leave anybody logged in.
async fn refused(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let set = cookies(&answer);
    assert!(!set.iter().any(|it| it.contains("ocs_")), "{set:?}");
    assert!(set.is_empty() || set[0].contains("outcrop_login=;"), "the login's cookie goes: {set:?}");
    (status, answer.text().await.unwrap())
}

#[actix_web::test]
async fn a_browser_is_logged_in_and_comes_to_where_it_wanted() {
    let issuer = OidcIssuer::start(KeyAlgorithm::Rs256);
    ada(&issuer, &json!({}));
    let world = world(&issuer).await;
    let browser = Browser::of(&world);
    let (back, cookie) = browser.through_the_issuer("/auth/login/local?return_to=/console/?tab=keys").await;
    let answer = browser.get(&back, Some(&cookie)).await;
    assert_eq!((answer.status().as_u16(), location(&answer).as_str()), (303, "/console/?tab=keys"));
    let set = cookies(&answer);
    assert!(set.iter().any(|it| it.starts_with("outcrop_login=;") && it.contains("Max-Age=0")), "{set:?}");
    let session = set.iter().find_map(|it| it.strip_prefix("outcrop_session=")).unwrap();
    let key = PresentedKey::parse_as(SecretKind::Session, session.split(';').next().unwrap()).unwrap();
    let found = world.auth.authenticate(&Credential::Session(key)).await.unwrap();
    assert_eq!((found.principal.role, found.principal.team), (Role::Developer, world.first.team.id));
    // The same code, state and cookie once more.
    let (status, text) = refused(browser.get(&back, Some(&cookie)).await).await;
    assert_eq!(status, 400, "{text}");
}

#[actix_web::test]
async fn over_https_the_cookie_is_bound_to_the_host() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let federation = json!({ "issuers": [settings(&issuer, "local")] }).to_string();
    let world = World::with(|ports, options| {
        ports.outbound = super::outbound();
        options.federation = outcrop_auth::Federation::parse(&federation).unwrap();
        options.public_url = "https://outcrop.test".into();
    })
    .await;
    let browser = Browser::of(&world);
    let answer = browser.get("/auth/login/local", None).await;
    let set = cookies(&answer);
    assert!(set[0].starts_with("__Host-outcrop_login=") && set[0].contains("; Secure"), "{set:?}");
    assert!(location(&answer).contains("redirect_uri=https%3A%2F%2Foutcrop.test%2Fauth%2Fcallback%2Flocal"));
}

#[actix_web::test]
async fn nobody_is_sent_to_strangers() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    ada(&issuer, &json!({}));
    let world = world(&issuer).await;
    let browser = Browser::of(&world);
    for target in
        ["//evil.example", "/%5Cevil.example", "https://evil.example", "evil", "/%09/evil.example", ""]
    {
        let (back, cookie) =
            browser.through_the_issuer(&format!("/auth/login/local?return_to={target}")).await;
        let answer = browser.get(&back, Some(&cookie)).await;
        assert_eq!((answer.status().as_u16(), location(&answer).as_str()), (303, "/"), "{target}");
    }
}

#[actix_web::test]
async fn only_the_browser_that_began_can_finish() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    ada(&issuer, &json!({}));
    let second = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world_of(&[settings(&issuer, "local"), settings(&second, "other")]).await;
    let browser = Browser::of(&world);
    let (back, cookie) = browser.through_the_issuer("/auth/login/local").await;
    let (_, others) = browser.begin("/auth/login/local").await;
    let (_, of_other_issuer) = browser.begin("/auth/login/other").await;
    let middle = cookie.len() / 2;
    let other = if &cookie[middle..=middle] == "A" { "B" } else { "A" };
    let changed = format!("{}{other}{}", &cookie[..middle], &cookie[middle + 1..]);
    let stolen = back.replace("/local?", "/other?");
    let without_state = back.replace("state=", "estate=");
    let without_code = back.replace("code=", "ecode=");
    let of_somebody = back.replace("iss=", "iss=x");
    for (path, cookie, what) in [
        (&back, None, "no cookie"),
        (&back, Some(&others), "another browser's"),
        (&back, Some(&of_other_issuer), "another issuer's"),
        (&back, Some(&changed), "changed"),
        (&stolen, Some(&cookie), "at another issuer's address"),
        (&without_state, Some(&cookie), "no state"),
        (&without_code, Some(&cookie), "no code"),
        (&of_somebody, Some(&cookie), "another issuer answers"),
    ] {
        let (status, text) = refused(browser.get(path, cookie.map(String::as_str)).await).await;
        assert_eq!(status, 400, "{what}: {text}");
        assert!(text.contains("begin it again"), "{what}: {text}");
    }
    assert_eq!(issuer.exchanges(), 0, "the code was sent nowhere");
    let twice = format!("{back}&state=x");
    assert_eq!(browser.get(&twice, Some(&cookie)).await.status(), 400);
    assert_eq!(browser.get(&back, Some(&cookie)).await.status(), 303, "the right one still can");
}

#[actix_web::test]
async fn a_login_takes_at_most_ten_minutes() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    ada(&issuer, &json!({}));
    let world = world(&issuer).await;
    let browser = Browser::of(&world);
    let (back, cookie) = browser.through_the_issuer("/auth/login/local").await;
    world.clock.advance(TimeDelta::minutes(10));
    let (status, text) = refused(browser.get(&back, Some(&cookie)).await).await;
    assert!(status == 400 && text.contains("ten minutes"), "{status} {text}");
}

#[actix_web::test]
async fn identity_tokens_of_another_login_or_client_are_refused() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let browser = Browser::of(&world);
    for lie in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "outcrop"}),
        json!({"aud": [outcrop_testkit::oidc::CLIENT_ID, "another"]}),
        json!({"azp": "another"}),
        json!({"iss": "https://somebody.else"}),
        json!({"exp": 1_700_000_000}),
        json!({"sub": null}),
        json!({"groups": ["others"]}),
    ] {
        ada(&issuer, &json!({}));
        issuer.lie(&lie);
        let (back, cookie) = browser.through_the_issuer("/auth/login/local").await;
        let (status, text) = refused(browser.get(&back, Some(&cookie)).await).await;
        assert!(status == 403 && text.contains("admin"), "{lie}: {status} {text}");
        assert!(!text.contains("nonce") && !text.contains("grant"), "only the log says why: {text}");
    }
    let both = json!([outcrop_testkit::oidc::CLIENT_ID, "another"]);
    issuer.lie(&json!({"aud": both, "azp": outcrop_testkit::oidc::CLIENT_ID}));
    let (back, cookie) = browser.through_the_issuer("/auth/login/local").await;
    assert_eq!(browser.get(&back, Some(&cookie)).await.status(), 303);
}

#[actix_web::test]
async fn what_the_issuer_refuses_is_told() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let browser = Browser::of(&world);
    issuer.refuse_next("access_denied", "ask your <admin>\r\n");
    let (back, cookie) = browser.through_the_issuer("/auth/login/local").await;
    let (status, text) = refused(browser.get(&back, Some(&cookie)).await).await;
    assert!(status == 400 && text.contains("access_denied: ask your <admin>"), "{status} {text}");
    // Not even that without the cookie: what it says may be anybody's.
    let (_, text) = refused(browser.get(&back, None).await).await;
    assert!(!text.contains("ask your"), "{text}");
}

#[actix_web::test]
async fn an_issuer_that_is_away_is_a_503_and_no_stranger_a_404() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    ada(&issuer, &json!({}));
    let mut without = settings(&OidcIssuer::start(KeyAlgorithm::EdDsa), "api-only");
    without.as_object_mut().unwrap().remove("login");
    let world = world_of(&[settings(&issuer, "local"), without]).await;
    let browser = Browser::of(&world);
    for path in ["/auth/login/nobody", "/auth/callback/nobody", "/auth/login/api-only"] {
        assert_eq!(browser.get(path, None).await.status(), 404, "{path}");
    }
    issuer.behave(Behaviour::Away);
    assert_eq!(browser.get("/auth/login/local", None).await.status(), 503);
    world.clock.advance(TimeDelta::seconds(6));
    issuer.behave(Behaviour::Fine);
    let (back, cookie) = browser.through_the_issuer("/auth/login/local").await;
    issuer.behave(Behaviour::Away);
    let (status, text) = refused(browser.get(&back, Some(&cookie)).await).await;
    assert_eq!(status, 503, "{text}");
}

#[actix_web::test]
async fn the_issuer_is_not_asked_without_end() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    ada(&issuer, &json!({}));
    let federation = json!({ "issuers": [settings(&issuer, "local")] }).to_string();
    let world = World::with(|ports, options| {
        ports.outbound = super::outbound();
        options.federation = outcrop_auth::Federation::parse(&federation).unwrap();
        options.attempts_per_address = 3;
    })
    .await;
    let browser = Browser::of(&world);
    for count in 1..=4 {
        let (there, cookie) = browser.begin("/auth/login/local").await;
        let state = there.split('&').find_map(|it| it.strip_prefix("state=")).unwrap();
        let back = format!("/auth/callback/local?code=made-up&state={state}");
        let (status, text) = refused(browser.get(&back, Some(&cookie)).await).await;
        assert_eq!(status, if count <= 3 { 400 } else { 429 }, "{count}: {text}");
    }
    assert_eq!(issuer.exchanges(), 3);
}

#[actix_web::test]
async fn a_wrong_client_secret_is_our_fault() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    ada(&issuer, &json!({}));
    let mut entry = settings(&issuer, "local");
    entry["login"]["client_secret"] = "another".into();
    let world = world_of(&[entry]).await;
    let browser = Browser::of(&world);
    let (back, cookie) = browser.through_the_issuer("/auth/login/local").await;
    let (status, text) = refused(browser.get(&back, Some(&cookie)).await).await;
    assert!(status == 503 && !text.contains("invalid_client"), "{status} {text}");
}

#[actix_web::test]
async fn a_login_is_never_more_than_the_membership() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    ada(&issuer, &json!({"groups": ["admins"]}));
    let world = world(&issuer).await;
    let browser = Browser::of(&world);
    let before = browser.through_the_issuer("/auth/login/local").await;
    let after = browser.through_the_issuer("/auth/login/local").await;
    world.clock.advance(TimeDelta::seconds(10));
    let newer = issuer.token(&super::claims(&world, &json!({})));
    let user = super::show(&world, &newer).await.unwrap().principal.subject;

    let answer = browser.get(&before.0, Some(&before.1)).await;
    assert_eq!(answer.status(), 303);
    let set = cookies(&answer);
    let session = set.iter().find_map(|it| it.strip_prefix("outcrop_session=")).unwrap();
    let key = PresentedKey::parse_as(SecretKind::Session, session.split(';').next().unwrap()).unwrap();
    let found = world.auth.authenticate(&Credential::Session(key)).await.unwrap();
    assert_eq!((found.principal.role, found.principal.subject), (Role::Developer, user));

    let id = user.to_string().parse().unwrap();
    let acting = outcrop_auth::Acting::command_line();
    world.auth.remove_member(&acting, world.first.team.id, id).await.unwrap();
    let (status, text) = refused(browser.get(&after.0, Some(&after.1)).await).await;
    assert_eq!(status, 403, "{text}");
}
