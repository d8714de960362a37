//! What `outcrop doctor` says of Bedrock's quotas. No local AWS has them: Service Quotas is played by this test, as AWS documents it
//! (<https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html>).

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use outcrop_emulator::{Emulator, EmulatorConfig};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::doctor::{bedrock, check, doctor, setting};
use crate::home::Home;

const HAIKU: &str = "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5";
const HAIKU_REQUESTS: &str =
    "Cross-region model inference requests per minute for Anthropic Claude Haiku 4.5";
const EMBED: &str = "On-demand model inference tokens per minute for Cohere Embed Multilingual";
const GLOBAL_HAIKU: &str =
    "Global cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5";
const NOVA: &str = "On-demand model inference tokens per minute for Amazon Nova Lite";
/// None of ours, by words that are nearly the same.
const OTHERS: [&str; 3] = [
    "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5 V1 1M Context Length",
    GLOBAL_HAIKU,
    "On-demand, latency-optimized model inference tokens per minute for Anthropic Claude Haiku 4.5",
];

/// What an account has in a region, a page for each slice; without any, it may not ask.
type Pages = Vec<Vec<(&'static str, f64)>>;
/// What it has in each region that is asked.
type Regions = Vec<(&'static str, Pages)>;

/// Starts Service Quotas for an account; its address.
fn service_quotas(regions: Regions) -> String {
    let regions = web::Data::new(regions);
    let app = move || App::new().app_data(regions.clone()).default_service(web::to(list));
    let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    // It ends with the test's runtime.
    tokio::spawn(server.run());
    url
}

async fn list(request: HttpRequest, regions: web::Data<Regions>, body: web::Bytes) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map_or("", |it| it.to_str().unwrap());
    assert_eq!(header("x-amz-target"), "ServiceQuotasV20190624.ListServiceQuotas");
    // The region and the service that the request was signed for.
    let signed =
        |region: &str| header("authorization").contains(&format!("/{region}/servicequotas/aws4_request"));
    let (_, pages) = regions.iter().find(|(region, _)| signed(region)).expect("a region of this account");
    let asked: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(asked["ServiceCode"], "bedrock");
    let at = asked["NextToken"].as_str().map_or(0, |it| it.parse().unwrap());
    let Some(page) = pages.get(at) else {
        let refusal = json!({ "__type": "AccessDeniedException", "Message": "not authorized to perform servicequotas:ListServiceQuotas" });
        return HttpResponse::BadRequest().content_type("application/x-amz-json-1.1").json(refusal);
    };
    let quotas: Vec<_> = page
        .iter()
        .map(|(name, value)| json!({ "ServiceCode": "bedrock", "QuotaName": name, "Value": value, "Adjustable": true }))
        .collect();
    let next = (at + 1 < pages.len()).then(|| (at + 1).to_string());
    HttpResponse::Ok()
        .content_type("application/x-amz-json-1.1")
        .json(json!({ "Quotas": quotas, "NextToken": next }))
}

/// What is found in an account with these quotas in the one region, under these settings.
async fn found(home: &Home, pages: Pages, settings: &[(String, String)]) -> Vec<Value> {
    well(found_in(home, vec![("us-east-1", pages)], settings).await)
}

#[track_caller]
fn well((code, findings): (Option<i32>, Vec<Value>)) -> Vec<Value> {
    assert_eq!(code, Some(0), "quotas fail nothing: {findings:#?}");
    findings
}

/// How it ends, and what is found in an account with these quotas, under these settings.
async fn found_in(home: &Home, regions: Regions, settings: &[(String, String)]) -> (Option<i32>, Vec<Value>) {
    let emulator = Emulator::bind(EmulatorConfig::default()).await.unwrap();
    let mut env = bedrock(&emulator.url());
    tokio::spawn(emulator.run(CancellationToken::new()));
    env.push(("AWS_ENDPOINT_URL_SERVICE_QUOTAS".to_owned(), service_quotas(regions)));
    env.extend_from_slice(settings);
    let (output, findings) = doctor(home, &env, &[]).await;
    (output.status.code(), findings)
}

const OF_HAIKU: &str = "quotas of claude-haiku-4-5, us-east-1";
const OF_EMBED: &str = "quotas of cohere-embed-multilingual-v3, us-east-1";

#[tokio::test]
async fn quotas_are_told_by_model() {
    let mut first = vec![(HAIKU, 200_000.0)];
    first.extend(OTHERS.map(|name| (name, 7.0)));
    let pages = vec![first, vec![(HAIKU_REQUESTS, 50.0), (EMBED, 300_000.0)]];
    let findings = found(&Home::new(), pages, &[]).await;
    check(&findings, OF_HAIKU, "ok", "200000 tokens per minute, 50 requests per minute", "");
    check(&findings, OF_HAIKU, "ok", "a token of output counts as 5", "");
    check(&findings, OF_EMBED, "ok", "300000 tokens per minute", "");
    assert!(findings.iter().all(|it| it["name"] != "quotas and limits"), "{findings:#?}");
}

#[tokio::test]
async fn a_new_account_has_none() {
    let findings = found(&Home::new(), vec![vec![(HAIKU, 0.0)]], &[]).await;
    check(&findings, OF_HAIKU, "warn", &format!("{HAIKU} is 0"), "AWS Support");
    check(
        &findings,
        OF_EMBED,
        "warn",
        "lists none for on-demand calls",
        "Service Quotas, AWS services, Amazon Bedrock",
    );
}

#[tokio::test]
async fn limits_that_promise_more_are_named() {
    let home = Home::new();
    let policies = ["policies", "set", "--each", "team", "--tokens-per-minute", "300000"];
    let set = home.run(&policies).await;
    assert!(set.status.success(), "{set:?}");
    let pages = vec![vec![(HAIKU, 200_000.0), (HAIKU_REQUESTS, 50.0), (EMBED, 300_000.0)]];
    let settings = [
        setting("LIMITS__REQUESTS_PER_MINUTE_PER_TEAM", "60"),
        setting("LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "50"),
    ];
    let findings = found(&home, pages, &settings).await;
    let named: Vec<_> = findings.iter().filter(|it| it["name"] == "quotas and limits").collect();
    let said = |at: usize| named[at]["seen"].as_str().unwrap();
    assert_eq!(named.len(), 2, "{named:#?}");
    let team = "`limits.requests_per_minute_per_team` allows 60 requests per minute, and Bedrock gives this account 50 of claude-haiku-4-5";
    assert!(said(0).contains(team), "{named:#?}");
    assert!(
        said(1).starts_with("policy pol_") && said(1).contains("allows 300000 tokens per minute"),
        "{named:#?}"
    );
    assert!(named.iter().all(|it| it["state"] == "warn"), "{named:#?}");
}

#[tokio::test]
async fn each_region_has_its_own_way_to_a_model() {
    let home = Home::new();
    let set = home.run(&["policies", "set", "--each", "team", "--tokens-per-minute", "450000"]).await;
    assert!(set.status.success(), "{set:?}");
    let regions = vec![
        ("us-east-1", vec![vec![(HAIKU, 300_000.0), (GLOBAL_HAIKU, 7.0), (EMBED, 300_000.0)]]),
        ("sa-east-1", vec![vec![(HAIKU, 7.0), (GLOBAL_HAIKU, 100_000.0), (EMBED, 300_000.0)]]),
    ];
    let settings = [setting("MODELS__URL", "bedrock://us-east-1,sa-east-1")];
    let findings = well(found_in(&home, regions, &settings).await);
    check(&findings, OF_HAIKU, "ok", "300000 tokens per minute", "");
    check(&findings, "quotas of claude-haiku-4-5, sa-east-1", "ok", "100000 tokens per minute", "");
    let named: Vec<_> = findings.iter().filter(|it| it["name"] == "quotas and limits").collect();
    assert_eq!(named.len(), 1, "{named:#?}");
    assert!(named[0]["seen"].as_str().unwrap().contains("gives this account 400000 of claude"), "{named:#?}");
}

#[tokio::test]
async fn an_arn_says_how_it_is_called_or_nothing_is_said() {
    let regions = || {
        let us = vec![vec![(HAIKU, 200_000.0), (NOVA, 50_000.0), (EMBED, 300_000.0)]];
        vec![("us-east-1", us), ("eu-west-1", vec![vec![(EMBED, 300_000.0)]])]
    };
    let with = |model: &str| {
        let default = setting("MODELS__DEFAULT", &format!("arn:aws:bedrock:us-east-1:{model}"));
        [setting("MODELS__URL", "bedrock://us-east-1,eu-west-1"), default]
    };
    let nova = with(":foundation-model/amazon.nova-lite-v1:0");
    let findings = well(found_in(&Home::new(), regions(), &nova).await);
    check(&findings, "quotas of nova-lite, us-east-1", "ok", "50000 tokens per minute", "");
    // An ARN is called in its own region alone.
    assert!(findings.iter().all(|it| it["name"] != "quotas of nova-lite, eu-west-1"), "{findings:#?}");
    let own = with("111122223333:application-inference-profile/a1b2c3d4e5f6");
    // The emulator lists no such profile, which is another matter.
    let (_, findings) = found_in(&Home::new(), regions(), &own).await;
    let of_own: Vec<_> = findings
        .iter()
        .filter(|it| it["name"].as_str().unwrap().starts_with("quotas of arn:aws:bedrock:us-east-1:"))
        .collect();
    assert_eq!(of_own.len(), 1, "{findings:#?}");
    assert_eq!(of_own[0]["state"], "skipped", "{findings:#?}");
}

#[tokio::test]
async fn not_to_be_allowed_to_ask_is_a_note() {
    let findings = found(&Home::new(), Vec::new(), &[]).await;
    check(&findings, "quotas", "skipped", "allow servicequotas:ListServiceQuotas", "");
    check(&findings, "quotas", "skipped", "--service-code bedrock --region us-east-1", "");
}
