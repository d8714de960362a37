//! Logins with AWS credentials that are what they should be.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use outcrop_auth::{AuthService, Federation};
use outcrop_ports::{
    Admission, Ask, AuditFilter, Authenticator as _, Changed, Clock as _, Credential, Limiter, Meter,
    MeterState, PortError, Seed, ServiceAccountFilter, Settlement,
};
use outcrop_types::{Actor, AuditDraft, AuditEvent, Change, Role, ServiceAccount, Subject};
use serde_json::{Value, json};

use super::aws_forged::{ROLE, Sts, ask, world};
use super::serve;
use super::signed::Signer;
use crate::world::World;

async fn accounts(world: &World) -> Vec<ServiceAccount> {
    world
        .ports
        .accounts
        .list_service_accounts(&ServiceAccountFilter::default(), None, 100)
        .await
        .unwrap()
        .items
}

async fn bearer(world: &World, token: &Value) -> outcrop_types::Principal {
    let token = Credential::Token(token.as_str().unwrap().to_owned().into());
    world.auth.authenticate(&token).await.unwrap().principal
}

/// Signed now; every call makes another signature.
fn signer(world: &World) -> Signer {
    world.clock.advance(TimeDelta::seconds(1));
    Signer::at(world.clock.now())
}

#[actix_web::test]
async fn a_role_gets_a_token_of_its_service_account() {
    let sts = Sts::new(ROLE);
    let world = world(sts).await;
    let server = serve(&world);
    let (status, body) = ask(&server.url, signer(&world).post().fields()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((body["role"].as_str(), body.get("refresh_token")), (Some("service"), None), "{body}");
    let principal = bearer(&world, &body["access_token"]).await;
    assert_eq!((principal.team, principal.role), (world.first.team.id, Role::Service));
    assert_eq!(principal.scope().models.len(), 1);
    let made = accounts(&world).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].name, "aws:arn:aws:iam::123456789012:role/app-billing");
    assert_eq!(principal.subject, Subject::ServiceAccount(made[0].id));
    let filter = AuditFilter { target: Some(made[0].id.to_string()), ..AuditFilter::default() };
    let told = world.ports.audit.list_audit(&filter, None, 10).await.unwrap().items;
    assert_eq!((told.len(), told[0].action.as_str()), (1, "service_account.provision"));

    // Another session of the same role is the same account; every form of the request is as good.
    let (form, packed) = (signer(&world).get(), signer(&world).post());
    let headers: serde_json::Map<String, Value> =
        form.headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    let encoded = json!({
        "iam_request_method": "GET",
        "iam_request_url": STANDARD.encode(&form.url),
        "iam_request_headers": STANDARD.encode(Value::Object(headers).to_string()),
    });
    assert_eq!(ask(&server.url, encoded).await.0, 200);
    let packed = json!({"aws_iam_token": STANDARD.encode(packed.fields().to_string())});
    assert_eq!(ask(&server.url, packed).await.0, 200);
    assert_eq!(accounts(&world).await.len(), 1);
}

#[actix_web::test]
async fn a_form_is_as_good_as_json() {
    let world = world(Sts::new(ROLE)).await;
    let server = serve(&world);
    let request = signer(&world).post();
    let headers = request.fields()["iam_request_headers"].to_string();
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "aws_iam")
        .append_pair("iam_request_url", &request.url)
        .append_pair("iam_request_headers", &headers)
        .finish();
    let sent = crate::world::client()
        .post(format!("{}/auth/token", server.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let (status, body) = crate::world::answer(sent).await;
    assert_eq!(status, 200, "{body}");
}

#[actix_web::test]
async fn a_signature_is_good_once() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let server = serve(&world);
    for request in [signer(&world).post(), {
        let mut it = signer(&world);
        it.expires_s = 900;
        it.get()
    }] {
        assert_eq!(ask(&server.url, request.fields()).await.0, 200);
        let sent = sts.count();
        for seconds in [0, 1, 240, 500] {
            world.clock.advance(TimeDelta::seconds(seconds));
            let (status, body) = ask(&server.url, request.fields()).await;
            assert_eq!(status, 400, "{seconds}: {body}");
            assert_eq!(sts.count(), sent, "{seconds}");
        }
    }
}

#[actix_web::test]
async fn whom_sts_or_the_settings_do_not_know_is_refused() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let server = serve(&world);
    for arn in [
        "arn:aws:sts::123456789012:assumed-role/other/i-0abc",
        "arn:aws:sts::999999999999:assumed-role/app-billing/i-0abc",
        "arn:aws-cn:sts::123456789012:assumed-role/app-billing/i-0abc",
        "arn:aws:iam::123456789012:user/app-billing",
        "arn:aws:iam::123456789012:root",
    ] {
        sts.answers(Ok((200, Sts::says(arn))));
        let (status, body) = ask(&server.url, signer(&world).post().fields()).await;
        assert_eq!(status, 400, "{arn}: {body}");
        assert!(!body.to_string().contains("123456789012"), "{body}");
    }
    sts.answers(Ok((
        403,
        "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>".into(),
    )));
    let (status, body) = ask(&server.url, signer(&world).post().fields()).await;
    assert!(status == 400 && !body.to_string().contains("SignatureDoesNotMatch"), "{body}");
    assert!(accounts(&world).await.is_empty());
}

#[actix_web::test]
async fn an_sts_that_is_away_is_a_503() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let server = serve(&world);
    let throttled = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>";
    for answer in [
        Err(()),
        Ok((500, String::new())),
        Ok((302, String::new())),
        Ok((400, throttled.into())),
        Ok((200, "<html>".into())),
    ] {
        sts.answers(answer.clone());
        let (status, body) = ask(&server.url, signer(&world).post().fields()).await;
        assert_eq!(status, 503, "{answer:?}: {body}");
    }
}

/// A limiter that cannot be reached.
struct Away;

fn away<T>() -> Result<T, PortError> {
    Err(PortError::unavailable("count", "this limiter is away"))
}

#[async_trait::async_trait]
impl Limiter for Away {
    async fn reserve(&self, _: &Ask<'_>) -> Result<Admission, PortError> {
        away()
    }

    async fn settle(&self, _: &[Settlement], _: Duration) -> Result<(), PortError> {
        away()
    }

    async fn seed(&self, _: &Meter, _: &Seed, _: Duration) -> Result<bool, PortError> {
        away()
    }

    async fn read(&self, _: &[Meter], _: Duration) -> Result<Vec<MeterState>, PortError> {
        away()
    }

    async fn count(&self, _: &[Meter], _: Duration) -> Result<Admission, PortError> {
        away()
    }
}

#[actix_web::test]
async fn nobody_comes_while_used_signatures_cannot_be_counted() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let ports = outcrop_auth::AuthPorts { limiter: Arc::new(Away), ..world.ports.clone() };
    let server = super::serve_service(&AuthService::new(ports, world.options.clone()));
    let request = signer(&world).post();
    let mut fields = request.fields();
    fields["grant_type"] = "aws_iam".into();
    let sent = crate::world::client().post(format!("{}/auth/token", server.url)).json(&fields).send().await;
    let sent = sent.unwrap();
    assert_eq!((sent.status().as_u16(), sent.headers()["retry-after"].to_str().unwrap()), (503, "5"));
    assert_eq!(sts.count(), 0, "nothing is sent on");
    assert_eq!(ask(&serve(&world).url, request.fields()).await.0, 200, "it was not used up");
}

#[actix_web::test]
async fn an_account_follows_the_settings_and_stays_out_when_it_is_disabled() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let server = serve(&world);
    let (_, first) = ask(&server.url, signer(&world).post().fields()).await;
    let account = accounts(&world).await.remove(0);

    let mut options = world.options.clone();
    let entry =
        json!({"arn": "arn:aws:iam::123456789012:role/app-billing", "team": "default", "role": "viewer"});
    options.federation = Federation::parse(&json!({"aws_roles": [entry]}).to_string()).unwrap();
    let other = AuthService::new(world.ports.clone(), options);
    let changed = super::serve_service(&other);
    world.announced.take();
    let (status, body) = ask(&changed.url, signer(&world).post().fields()).await;
    assert_eq!((status, body["role"].as_str()), (200, Some("viewer")), "{body}");
    assert_eq!(accounts(&world).await[0].role, Role::Viewer);
    assert!(world.announced.take().contains(&Change::Subject(Subject::ServiceAccount(account.id))));
    // What was issued before is capped by what the account is now.
    assert_eq!(bearer(&world, &first["access_token"]).await.role, Role::Viewer);

    let account = accounts(&world).await.remove(0);
    let disabled = ServiceAccount { disabled_at: Some(world.clock.now()), ..account };
    let event = AuditEvent::done(Actor::System, "test", "test", world.clock.now());
    let draft = AuditDraft::new(event, world.auth.audit_sealer().clone());
    assert_eq!(world.ports.accounts.update_service_account(&disabled, &draft).await.unwrap(), Changed::Done);
    assert_eq!(ask(&changed.url, signer(&world).post().fields()).await.0, 400);
}

#[actix_web::test]
async fn without_settings_nobody_comes() {
    let world = World::new().await;
    let server = serve(&world);
    let (status, body) = ask(&server.url, Signer::at(world.clock.now()).post().fields()).await;
    assert_eq!(status, 400, "{body}");
}

/// What moto, a local STS, says to a request of ours: the credentials of a session of a role.
async fn assume_role(endpoint: &str, role: &str) -> (String, String, String) {
    let body = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=i-0abc");
    let answer = crate::world::client()
        .post(endpoint)
        .header("host", "sts.eu-west-1.amazonaws.com")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20270115/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=0")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    let between = |name: &str| {
        let rest = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{text}")).1;
        rest.split_once("</").unwrap().0.to_owned()
    };
    (between("AccessKeyId"), between("SecretAccessKey"), between("SessionToken"))
}

#[actix_web::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn a_session_of_a_role_logs_in_through_a_real_sts() {
    let endpoint = outcrop_testkit::aws_endpoint();
    let world = world_at(&endpoint).await;
    let server = serve(&world);
    let role = "arn:aws:iam::123456789012:role/app-billing";
    let (key, secret, token) = assume_role(&endpoint, role).await;
    // Not presigned: moto takes such a request for one to S3.
    let request = Signer { key, secret, token: Some(token), ..signer(&world) }.post();
    let (status, body) = ask(&server.url, request.fields()).await;
    assert_eq!((status, body["role"].as_str()), (200, Some("service")), "{body}");
    assert_eq!(accounts(&world).await[0].name, format!("aws:{role}"));
}

async fn world_at(endpoint: &str) -> World {
    let roles =
        json!([{"arn": "arn:aws:iam::123456789012:role/app-*", "team": "default", "role": "service"}]);
    let federation = Federation::parse(&json!({ "aws_roles": roles }).to_string()).unwrap();
    World::with(|ports, options| {
        ports.outbound = super::outbound();
        options.federation = federation;
        options.server_id = "outcrop-under-test".into();
        options.sts_url = Some(endpoint.to_owned());
    })
    .await
}
