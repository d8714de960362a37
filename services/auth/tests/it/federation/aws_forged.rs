//! Signed requests that are not what they should be: refused before anything is sent.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use outcrop_auth::Federation;
use outcrop_ports::{Clock as _, Outbound, OutboundAnswer, OutboundMethod, OutboundRequest, PortError};
use serde_json::{Value, json};

use super::serve;
use super::signed::{BODY, Signed, Signer};
use crate::world::{World, answer, client};

/// Answers as STS would, to everything, and remembers what it was asked.
pub(super) struct Sts {
    pub(super) sent: Mutex<Vec<OutboundRequest>>,
    pub(super) answer: Mutex<Result<(u16, String), ()>>,
}

impl Sts {
    pub(super) fn new(arn: &str) -> Arc<Self> {
        Arc::new(Self { sent: Mutex::default(), answer: Mutex::new(Ok((200, Self::says(arn)))) })
    }

    pub(super) fn says(arn: &str) -> String {
        let account = arn.split(':').nth(4).unwrap_or_default();
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>AROAEXAMPLE:session</UserId><Account>{account}</Account>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        )
    }

    pub(super) fn answers(&self, answer: Result<(u16, String), ()>) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

#[async_trait]
impl Outbound for Sts {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundAnswer, PortError> {
        self.sent.lock().unwrap().push(request);
        match self.answer.lock().unwrap().clone() {
            Ok((status, body)) => Ok(OutboundAnswer { status, body: body.into(), retry_after: None }),
            Err(()) => Err(PortError::unavailable("ask STS", "it is away")),
        }
    }
}

pub(super) const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/app-billing/i-0abc";

/// A platform that takes the roles `app-*` of one account, and this STS.
pub(super) async fn world(sts: Arc<Sts>) -> World {
    let roles = json!([{
        "arn": "arn:aws:iam::123456789012:role/app-*", "team": "default", "role": "service",
        "scope": {"models": ["claude-*"]},
    }]);
    let federation = Federation::parse(&json!({ "aws_roles": roles }).to_string()).unwrap();
    World::with(|ports, options| {
        ports.outbound = sts;
        options.federation = federation;
        options.server_id = "outcrop-under-test".into();
    })
    .await
}

pub(super) async fn ask(url: &str, mut fields: Value) -> (u16, Value) {
    fields["grant_type"] = "aws_iam".into();
    answer(client().post(format!("{url}/auth/token")).json(&fields)).await
}

/// Every way in which a request can differ from what it should be.
fn forged(signer: &Signer) -> Vec<(&'static str, Signed)> {
    let post = || signer.post();
    let get = || signer.get();
    let with = |change: &dyn Fn(&mut Signer)| {
        let mut signer = signer.clone();
        change(&mut signer);
        signer
    };
    let host = |host: &str, region: &str| {
        let (host, region) = (host.to_owned(), region.to_owned());
        with(&move |it| (it.host, it.region) = (host.clone(), region.clone())).post()
    };
    let body = |body: &str| Signed { body: Some(body.to_owned()), ..post() };
    let minutes = |minutes: i64| with(&|it| it.at += TimeDelta::minutes(minutes));
    vec![
        ("another host", host("evil.example", "eu-west-1")),
        ("a host that ends like AWS", host("sts.evil-amazonaws.com", "eu-west-1")),
        ("a host that begins like AWS", host("sts.amazonaws.com.evil.example", "us-east-1")),
        ("another service of AWS", host("iam.amazonaws.com", "us-east-1")),
        ("somebody's bucket", host("sts.s3.amazonaws.com", "s3")),
        ("somebody's bucket in a region", host("sts.s3-us-west-2.amazonaws.com", "s3-us-west-2")),
        (
            "somebody's bucket's website",
            host("sts.s3-website-us-east-1.amazonaws.com", "s3-website-us-east-1"),
        ),
        ("a region with a dot", host("sts.eu-west-1.evil.amazonaws.com", "eu-west-1.evil")),
        ("China's domain for another region", host("sts.eu-west-1.amazonaws.com.cn", "eu-west-1")),
        ("a Chinese region without its domain", host("sts.cn-north-1.amazonaws.com", "cn-north-1")),
        ("another region's signature", host("sts.eu-west-1.amazonaws.com", "us-east-1")),
        ("another region's signature for the global host", host("sts.amazonaws.com", "eu-west-1")),
        ("not https", post().url("https://", "http://")),
        ("upper case", post().url("https://sts", "https://STS")),
        ("a user", post().url("https://", "https://user@")),
        (
            "a host as user",
            post().url(
                "https://sts.eu-west-1.amazonaws.com/",
                "https://sts.eu-west-1.amazonaws.com@evil.example/",
            ),
        ),
        ("a port", post().url(".com/", ".com:443/")),
        ("a path", post().url(".com/", ".com/x")),
        ("a path that ends alike", post().url(".com/", ".com//")),
        ("a fragment", post().url(".com/", ".com/#x")),
        ("a backslash", post().url(".com/", ".com\\@evil.example/")),
        ("an escape in the host", post().url("sts.", "sts%2e")),
        ("a line break", post().url(".com/", ".com/\r\nx: y")),
        ("a query", post().url(".com/", ".com/?Action=GetSessionToken")),
        ("another action", body("Action=GetSessionToken&Version=2011-06-15")),
        ("a further parameter", body("Action=GetCallerIdentity&Version=2011-06-15&Action=GetSessionToken")),
        ("another version", body("Action=GetCallerIdentity&Version=2012-01-01")),
        ("an escaped body", body("Action=GetCaller%49dentity&Version=2011-06-15")),
        ("another content type", post().set("content-type", "application/json")),
        ("no content type", post().without("content-type")),
        ("a wrong length", post().set("content-length", "7")),
        ("another method", Signed { method: "PUT", ..post() }),
        ("lower case method", Signed { method: "post", ..post() }),
        ("no date", post().without("x-amz-date")),
        ("a date that does not read", post().set("x-amz-date", "2027-01-15T08:00:00Z")),
        ("six minutes old", minutes(-6).post()),
        ("six minutes ahead", minutes(6).post()),
        ("a day old", minutes(-1440).post()),
        ("no server id", with(&|it| it.server = None).post()),
        (
            "a server id that is not signed",
            with(&|it| it.server = None).post().set("x-outcrop-server-id", "outcrop-under-test"),
        ),
        ("the id of another server", with(&|it| it.server = Some("another".into())).post()),
        (
            "a second server id",
            with(&|it| it.server = Some("another".into()))
                .post()
                .set("X-Outcrop-Server-Id", "outcrop-under-test"),
        ),
        ("no authorization", post().without("authorization")),
        ("another scheme", post().set("authorization", "Bearer x")),
        ("another algorithm", post().authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
        ("another service's signature", with(&|it| it.service = "iam".into()).post()),
        ("another day's signature", post().authorization("/2027", "/2026")),
        ("a signature that is none", post().authorization("Signature=", "Signature=x")),
        ("two signatures", post().authorization("Signature=", "Signature=x, Signature=")),
        ("host not signed", post().authorization("host;", "")),
        ("date not signed", post().authorization(";x-amz-date", "")),
        ("server id not signed", post().authorization(";x-outcrop-server-id", "")),
        ("a header that is signed and missing", post().authorization("host;", "host;x-amz-target;")),
        ("a header that is not signed", post().set("x-amz-security-token", "x")),
        ("a header that nobody needs", post().set("x-forwarded-host", "evil.example")),
        ("a hop-by-hop header", post().set("transfer-encoding", "chunked")),
        ("a header with a line break", post().set("x-amz-user-agent", "a\r\nx: y")),
        ("another host header", post().set("host", "evil.example")),
        ("a header given twice", post().set("HOST", "sts.eu-west-1.amazonaws.com")),
        ("too many headers", (0..30).fold(post(), |it, at| it.set(&format!("x-amz-{at}"), "x"))),
        ("too long", post().set("x-amz-user-agent", &"x".repeat(17_000))),
        ("presigned: another action", get().url("GetCallerIdentity", "GetSessionToken")),
        ("presigned: a further parameter", get().url("Action=", "x=y&Action=")),
        ("presigned: a parameter twice", get().url("Action=", "Action=GetCallerIdentity&Action=")),
        ("presigned: a parameter in other words", get().url("Action=", "Actio%6E=")),
        ("presigned: no action", get().url("Action=GetCallerIdentity&", "")),
        ("presigned: for too long", with(&|it| it.expires_s = 901).get()),
        ("presigned: for no time", with(&|it| it.expires_s = 0).get()),
        ("presigned: expired", minutes(-2).get()),
        ("presigned: from the future", minutes(6).get()),
        ("presigned: no server id", with(&|it| it.server = None).get()),
        ("presigned: server id not signed", get().url("host%3Bx-outcrop-server-id", "host")),
        ("presigned: no signature", get().url("X-Amz-Signature", "X-Amz-Signatur")),
        ("presigned: another service", with(&|it| it.service = "s3".into()).get()),
        ("presigned: with a body", Signed { body: Some(BODY.to_owned()), ..get() }),
        ("presigned: signed twice", get().set("authorization", "AWS4-HMAC-SHA256 x")),
        ("presigned: a second date", get().set("x-amz-date", "20270115T080000Z")),
    ]
}

#[actix_web::test]
async fn nothing_that_is_forged_is_sent_anywhere() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let server = serve(&world);
    let signer = Signer::at(world.clock.now());
    for (what, request) in forged(&signer) {
        let (status, body) = ask(&server.url, request.fields()).await;
        assert_eq!(status, 400, "{what}: {body}");
        assert!(body.get("access_token").is_none(), "{what}: {body}");
        assert_eq!(sts.count(), 0, "{what} was sent");
    }
}

#[actix_web::test]
async fn fields_that_do_not_read_are_refused() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let server = serve(&world);
    let good = Signer::at(world.clock.now()).post().fields();
    let without = |name: &str| {
        let mut fields = good.clone();
        fields.as_object_mut().unwrap().remove(name);
        fields
    };
    let with = |name: &str, value: Value| {
        let mut fields = good.clone();
        fields[name] = value;
        fields
    };
    let packed = |fields: &Value| json!({"aws_iam_token": STANDARD.encode(fields.to_string())});
    for (what, fields) in [
        ("nothing", json!({})),
        ("no address", without("iam_request_url")),
        ("no headers", without("iam_request_headers")),
        ("headers that are no JSON", with("iam_request_headers", "x: y".into())),
        ("headers that are a list", with("iam_request_headers", STANDARD.encode("[]").into())),
        ("headers of several values", with("iam_request_headers", json!({"host": ["a", "b"]}))),
        ("headers twice in JSON", with("iam_request_headers", r#"{"host":"a","host":"b"}"#.into())),
        ("an address that is none", with("iam_request_url", "sts.amazonaws.com".into())),
        ("a packed one beside the others", with("aws_iam_token", STANDARD.encode(good.to_string()).into())),
        ("a packed one in a packed one", packed(&packed(&good))),
        ("a packed one of something else", packed(&json!({"iam_request_uri": "x"}))),
        ("a packed one that is none", json!({"aws_iam_token": "%%%"})),
    ] {
        let (status, body) = ask(&server.url, fields).await;
        assert_eq!(status, 400, "{what}: {body}");
        assert_eq!(sts.count(), 0, "{what} was sent");
    }
}

#[actix_web::test]
async fn what_goes_out_is_the_request_and_nothing_else() {
    let sts = Sts::new(ROLE);
    let world = world(sts.clone()).await;
    let server = serve(&world);
    let mut signer = Signer::at(world.clock.now());
    signer.token = Some("FwoGZXIvYXdzE/+=".into());
    let post = signer.post().set("user-agent", "Boto3/1.0").set("content-length", "43");
    assert_eq!(ask(&server.url, post.fields()).await.0, 200);
    assert_eq!(ask(&server.url, signer.get().fields()).await.0, 200);
    let sent = sts.sent.lock().unwrap().clone();
    let names = |request: &OutboundRequest| {
        let mut names: Vec<String> = request.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!(
        (sent[0].method, sent[0].url.as_str()),
        (OutboundMethod::Post, "https://sts.eu-west-1.amazonaws.com/")
    );
    assert_eq!(sent[0].body, BODY);
    assert_eq!(
        names(&sent[0]),
        "authorization content-type host x-amz-date x-amz-security-token x-outcrop-server-id"
    );
    assert_eq!((sent[1].method, sent[1].url.as_str()), (OutboundMethod::Get, signer.get().url.as_str()));
    assert!(sent[1].body.is_empty());
    assert_eq!(names(&sent[1]), "host x-outcrop-server-id");
    assert!(sent.iter().all(|it| it.max_answer <= 64 * 1024 && it.timeout.as_secs() <= 5));
}
