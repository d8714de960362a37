//! People and programs whom somebody else vouches for: an OIDC issuer, or AWS.

use std::sync::LazyLock;

use outcrop_testkit::oidc::{CLIENT_ID, CLIENT_SECRET, IssuerKey, KeyAlgorithm, OidcIssuer};
use reqwest::Method;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::client::{Client, answer, ask};
use crate::platform::{Platform, setting};
use crate::sdk::run_script;
use crate::wait::{LIMIT, now, until};

/// What the guide shows, and what it shows it from.
const GUIDE: &str = include_str!("../../../../docs/guides/aws-login.md");
const PROGRAM: &str = include_str!("../python/aws_login.py");

/// What the signed header of an AWS login must say.
const SERVER_ID: &str = "outcrop-journeys";

/// One for all platforms; whoever comes to log in there is Ada.
static ISSUER: LazyLock<OidcIssuer> = LazyLock::new(|| {
    let issuer = OidcIssuer::start(KeyAlgorithm::Rs256);
    issuer.set_user(&json!({ "sub": "ada-1", "preferred_username": "ada", "groups": ["bedrock-staff"] }));
    issuer
});

/// What a platform must be told to trust them.
pub(crate) fn settings() -> Vec<(String, String)> {
    let grants = json!([
        { "claim": "groups", "value": "bedrock-*", "team": "default", "role": "developer" },
        { "claim": "groups", "value": "auditors", "team": "default", "role": "viewer" },
    ]);
    let federation = json!({
        "issuers": [{
            "name": "local", "issuer": ISSUER.url(), "audiences": ["outcrop"], "grants": grants,
            "login": { "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET },
        }],
        "aws_roles": [
            { "arn": "arn:aws:iam::123456789012:role/app-*", "team": "default", "role": "service" },
        ],
    });
    let mut settings =
        vec![setting("AUTH__FEDERATION", &federation.to_string()), setting("AUTH__SERVER_ID", SERVER_ID)];
    if let Ok(endpoint) = std::env::var(outcrop_testkit::AWS_ENDPOINT) {
        settings.push(setting("AUTH__STS_URL", &endpoint));
    }
    settings
}

pub(crate) async fn journey(platform: &Platform) {
    a_token_of_the_issuer_is_good_on_every_route(platform).await;
    tokens_of_strangers_are_refused(platform).await;
    whoever_is_disabled_here_is_out_at_once(platform).await;
    a_browser_logs_in_through_the_issuer(platform).await;
}

/// A token for this person.
fn token(over: &Value) -> String {
    let now = now().timestamp();
    let mut claims = json!({
        "aud": "outcrop", "sub": "bob-1", "preferred_username": "bob", "groups": ["bedrock-staff"],
        "iat": now, "exp": now + 600,
    });
    claims.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    ISSUER.token(&claims)
}

async fn a_token_of_the_issuer_is_good_on_every_route(platform: &Platform) {
    let bob = platform.admin.with_key(&token(&json!({})));
    let me = bob.get("/auth/me").await.expect(200).body;
    assert_eq!((me["role"].as_str(), me["name"].as_str()), (Some("developer"), Some("local:bob")), "{me:#}");
    let answered = bob.chat(&ask("[[say: ok]]")).await.expect(200);
    let record = platform.usage_of(&answered.request_id()).await;
    assert_eq!(record["subject"], me["subject"], "{record:#}");
    bob.get("/v1/jobs/job_00000000000000000000000000000000").await.expect(404);
    bob.get("/admin/v1/audit").await.expect(403);

    let auditor = json!({ "sub": "eve-1", "preferred_username": "eve", "groups": ["auditors"] });
    let auditor = platform.admin.with_key(&token(&auditor));
    auditor.get("/v1/usage").await.expect(200);
    auditor.chat(&ask("[[say: ok]]")).await.expect(403);
}

async fn tokens_of_strangers_are_refused(platform: &Platform) {
    let somebody = IssuerKey::new("first", KeyAlgorithm::Rs256);
    let now = now().timestamp();
    let forged = json!({
        "iss": ISSUER.url(), "aud": "outcrop", "sub": "bob-1", "groups": ["bedrock-staff"], "exp": now + 600,
    });
    for token in [
        somebody.token(&forged),
        token(&json!({ "aud": "another" })),
        token(&json!({ "exp": now - 3_600 })),
        token(&json!({ "groups": ["others"] })),
        token(&json!({ "iss": "https://another.example" })),
    ] {
        platform.admin.with_key(&token).get("/v1/models").await.expect(401);
    }
}

async fn whoever_is_disabled_here_is_out_at_once(platform: &Platform) {
    let carol = json!({ "sub": "carol-1", "preferred_username": "carol" });
    let carol = platform.admin.with_key(&token(&carol));
    let me = carol.get("/auth/me").await.expect(200).body;
    let path = format!("/admin/v1/users/{}", me["subject"]["id"].as_str().unwrap());
    platform.admin.patch(&path, &json!({ "disabled": true })).await.expect(200);
    until("a 401", async || (carol.get("/v1/models").await.status == 401).then_some(())).await;
}

async fn a_browser_logs_in_through_the_issuer(platform: &Platform) {
    let browser =
        reqwest::Client::builder().timeout(LIMIT).no_proxy().redirect(Policy::none()).build().unwrap();
    let base = &platform.services.front().url;
    let location = |answer: &reqwest::Response| answer.headers()["location"].to_str().unwrap().to_owned();
    let begun = browser.get(format!("{base}/auth/login/local?return_to=/console/")).send().await.unwrap();
    assert_eq!(begun.status(), 302);
    let kept = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let at_the_issuer = browser.get(location(&begun)).send().await.unwrap();
    let back = location(&at_the_issuer);
    let back = format!("{base}{}", &back[back.find("/auth/callback").unwrap()..]);
    let done = browser.get(&back).header("cookie", kept).send().await.unwrap();
    assert_eq!((done.status().as_u16(), location(&done).as_str()), (303, "/console/"));
    let set = done.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
    let session =
        set.into_iter().find(|it| it.contains("ocs_")).unwrap().split(';').next().unwrap().to_owned();
    let nobody = Client::new(base, None);
    let me = answer(nobody.request(Method::GET, "/auth/me").header("cookie", session)).await.expect(200).body;
    assert_eq!((me["name"].as_str(), me["role"].as_str()), (Some("local:ada"), Some("developer")), "{me:#}");
    assert_eq!(
        browser.get(&back).send().await.unwrap().status(),
        400,
        "without the cookie it is worth nothing"
    );
}

/// Credentials of a session of a role, from the local AWS.
async fn assume_role(role: &str) -> [(&'static str, String); 3] {
    let scope = "AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/sts/aws4_request";
    let answer = crate::client::http()
        .post(outcrop_testkit::aws_endpoint())
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        )
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=task-1"))
        .send();
    let text = answer.await.unwrap().text().await.unwrap();
    let between = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{text}"));
        rest.split_once('<').unwrap().0.to_owned()
    };
    [
        ("AWS_ACCESS_KEY_ID", between("AccessKeyId")),
        ("AWS_SECRET_ACCESS_KEY", between("SecretAccessKey")),
        ("AWS_SESSION_TOKEN", between("SessionToken")),
    ]
}

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn a_program_logs_in_with_its_aws_role_alone() {
    let (together, apart) = tokio::join!(Platform::together(), Platform::apart());
    let credentials = assume_role("arn:aws:iam::123456789012:role/app-billing").await;
    for platform in [&together, &apart] {
        let url = &platform.services.front().url;
        let mut env = vec![
            ("OUTCROP_URL", url.as_str()),
            ("OUTCROP_SERVER_ID", SERVER_ID),
            ("AWS_REGION", "eu-west-1"),
        ];
        env.extend(credentials.iter().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(run_script("aws_login.py", &env).await.trim(), "service default");
    }
}

#[test]
fn the_guide_shows_the_program_that_is_tested() {
    let shown = PROGRAM.split_once("# docs: begin\n").unwrap().1.split_once("\n\n\n# docs: end").unwrap().0;
    assert!(GUIDE.contains(shown), "docs/guides/aws-login.md does not show what aws_login.py has:\n{shown}");
}
