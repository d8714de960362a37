//! Bedrock in several regions and accounts, each of them an emulator or a far end that keeps what it hears.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;
use outcrop_bedrock::{BedrockModel, BedrockOptions, BedrockPlaces, PlacesOptions};
use outcrop_emulator::{Counters, Emulator, EmulatorConfig, Operation};
use outcrop_ports::{ChatModel, ModelFailure, Place, Places, Probe, UnknownPlace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake::{call, say};

/// Nobody listens there.
const DEAD: &str = "http://127.0.0.1:9";

fn place(region: &str) -> Place {
    Place { account: None, region: region.parse().unwrap() }
}

fn at(account: &str, region: &str) -> Place {
    Place { account: Some(account.parse().unwrap()), ..place(region) }
}

fn options(regions: &[&str], endpoints: &[(Place, &str)]) -> PlacesOptions {
    PlacesOptions {
        regions: regions.iter().map(|it| it.parse().unwrap()).collect(),
        endpoints: endpoints.iter().map(|(place, url)| (place.clone(), (*url).to_owned())).collect(),
        ..PlacesOptions::default()
    }
}

fn build(options: PlacesOptions) -> BedrockPlaces {
    let sdk = outcrop_aws::local_config(DEAD, "us-east-1");
    BedrockPlaces::new(&sdk, BedrockOptions::default(), options).unwrap()
}

async fn emulator(region: &str) -> (String, Counters, DropGuard) {
    let config = EmulatorConfig { region: region.to_owned(), ..EmulatorConfig::default() };
    let emulator = Emulator::bind(config).await.unwrap();
    let (url, counters) = (emulator.url(), emulator.counters());
    let stop = CancellationToken::new();
    tokio::spawn(emulator.run(stop.clone()));
    (url, counters, stop.drop_guard())
}

/// A far end that answers every chat and keeps the heads of what it hears.
async fn ear() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heads = Arc::clone(&heads);
            tokio::spawn(async move { answer(&mut stream, &heads).await });
        }
    });
    (url, heard)
}

async fn answer(stream: &mut TcpStream, heads: &Mutex<Vec<String>>) {
    let body = r#"{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}"#;
    let mut read = Vec::new();
    // The bodies here are short and come with the head.
    while !read.windows(4).any(|it| it == b"\r\n\r\n") {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
    }
    heads.lock().unwrap().push(String::from_utf8_lossy(&read).to_ascii_lowercase());
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Key id and region that a request was signed with.
fn signed(head: &str) -> (String, String) {
    let scope = head.split("credential=").nth(1).unwrap().split(',').next().unwrap();
    let parts: Vec<_> = scope.split('/').collect();
    (parts[0].to_owned(), parts[2].to_owned())
}

async fn chat(places: &BedrockPlaces, place: &Place) -> Result<(), ModelFailure> {
    let model = places.at(place).unwrap();
    model.chat(call("nova-lite", say("hi"))).await.map(drop).map_err(|it| it.failure)
}

#[tokio::test]
async fn each_region_is_called_at_its_own_address() {
    let (us, us_counters, _us) = emulator("us-east-1").await;
    let (eu, eu_counters, _eu) = emulator("eu-central-1").await;
    let endpoints = [(place("us-east-1"), us.as_str()), (place("eu-central-1"), eu.as_str())];
    let places = build(options(&["us-east-1", "eu-central-1"], &endpoints));
    assert_eq!(
        places.regions().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["us-east-1", "eu-central-1"]
    );
    assert_eq!(places.home().unwrap().region(), "us-east-1");
    chat(&places, &place("eu-central-1")).await.unwrap();
    let calls = |counters: &Counters| counters.calls(Operation::Converse);
    assert_eq!((calls(&us_counters), calls(&eu_counters)), (0, 1));
    chat(&places, &place("us-east-1")).await.unwrap();
    assert_eq!((calls(&us_counters), calls(&eu_counters)), (1, 1));

    let again = || places.at(&place("eu-central-1")).unwrap();
    assert!(Arc::ptr_eq(&again(), &again()), "a client is built once");
    assert_eq!(
        places.at(&place("eu-west-1")).unwrap().region(),
        "eu-west-1",
        "a region that only a route names"
    );
    let nobody = places.at(&at("lab", "us-east-1")).err();
    assert_eq!(nobody, Some(UnknownPlace::Account("lab".parse().unwrap())));
}

#[tokio::test]
async fn any_region_can_be_called_in_any_account() {
    let (ours, heard) = ear().await;
    let (theirs, heard_there) = ear().await;
    let lab = outcrop_aws::local_account(DEAD, "us-east-1", "labkey");
    let endpoints = [
        (place("us-east-1"), ours.as_str()),
        (place("us-west-2"), ours.as_str()),
        (at("lab", "us-west-2"), theirs.as_str()),
    ];
    let accounts = vec![("lab".parse().unwrap(), lab)];
    let places = build(PlacesOptions { accounts, ..options(&["us-east-1"], &endpoints) });
    for it in [place("us-east-1"), at("lab", "us-east-1"), at("lab", "us-west-2")] {
        chat(&places, &it).await.unwrap();
    }
    let scopes =
        |heard: &Mutex<Vec<String>>| heard.lock().unwrap().iter().map(|it| signed(it)).collect::<Vec<_>>();
    let pair = |key: &str, region: &str| (key.to_owned(), region.to_owned());
    assert_eq!(scopes(&heard), [pair("local", "us-east-1"), pair("labkey", "us-east-1")]);
    assert_eq!(scopes(&heard_there), [pair("labkey", "us-west-2")], "an address of the account's own");
    assert!(!format!("{places:?}").contains("labkey"), "nothing of credentials is shown");
}

#[tokio::test]
async fn one_region_that_can_be_reached_will_do() {
    let (url, _) = ear().await;
    let dead = place("us-east-1");
    let places = build(options(
        &["us-east-1", "us-west-2"],
        &[(dead.clone(), DEAD), (place("us-west-2"), url.as_str())],
    ));
    places.probe().await.unwrap();
    let places = build(options(&["us-east-1", "us-west-2"], &[(dead, DEAD), (place("us-west-2"), DEAD)]));
    let error = places.probe().await.unwrap_err();
    assert!(error.to_string().starts_with("could not connect to 127.0.0.1:9"), "{error}");
}

#[tokio::test]
async fn a_dead_region_costs_nothing() {
    let places = build(options(&["us-east-1"], &[]));
    let failure = chat(&places, &place("us-east-1")).await.unwrap_err();
    assert_eq!((failure, failure.may_cost()), (ModelFailure::Unavailable, false));
}

/// A listener whose queue of connections is full: the next one waits, as for a region whose packets are lost.
async fn deaf() -> (String, TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(250), TcpStream::connect(address)).await
    {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 20_000, "the queue has no end");
    }
    (format!("http://{address}"), listener, waiting)
}

#[tokio::test]
async fn a_connection_that_takes_too_long_costs_nothing() {
    let (url, _listener, _waiting) = deaf().await;
    let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_millis(100)).build();
    let sdk = outcrop_aws::local_config(&url, "us-east-1").into_builder().timeout_config(timeouts).build();
    let model = BedrockModel::new(&sdk, BedrockOptions::default()).unwrap();
    let error = model.chat(call("nova-lite", say("hi"))).await.unwrap_err();
    assert_eq!((error.failure, error.failure.may_cost()), (ModelFailure::Unavailable, false), "{error:?}");
    assert_eq!(error.message, "Bedrock could not be reached in time");
    let Err(error) = model.stream(call("nova-lite", say("hi"))).await else {
        panic!("a stream from nowhere")
    };
    assert_eq!(error.failure, ModelFailure::Unavailable);
}

#[tokio::test]
#[ignore = "needs a local AWS: cargo xtask test"]
async fn another_account_is_called_with_the_credentials_of_its_role() {
    let (url, heard) = ear().await;
    let sts = outcrop_aws::local_config(&outcrop_testkit::aws_endpoint(), "us-east-1");
    let role = "arn:aws:iam::444455556666:role/outcrop-test";
    let lab = outcrop_aws::assume_role(&sts, role, Some("sesame-1")).await;
    let regions = ["us-east-1", "us-west-2"];
    let endpoints = regions.map(|it| (place(it), url.clone()));
    let places = build(PlacesOptions {
        accounts: vec![("lab".parse().unwrap(), lab)],
        endpoints: HashMap::from(endpoints),
        ..options(&regions, &[])
    });
    for region in ["us-east-1", "us-west-2", "us-east-1"] {
        chat(&places, &at("lab", region)).await.unwrap();
    }
    chat(&places, &place("us-east-1")).await.unwrap();
    let heads = heard.lock().unwrap();
    let [first, second, third, ours] = &heads[..] else { panic!("four calls") };
    let (key, region) = signed(first);
    assert!(key.starts_with("asia") && region == "us-east-1", "{key} in {region}");
    assert!(first.contains("x-amz-security-token: "), "{first}");
    assert_eq!(signed(second), (key.clone(), "us-west-2".to_owned()), "one session for all regions");
    assert_eq!(signed(third).0, key, "kept");
    assert_eq!(signed(ours).0, "local");
    assert!(!heads.concat().contains("sesame"), "the external id goes to STS alone");
}

/// A role that may not be assumed is a matter of that account, and not of a region that is away.
#[tokio::test]
async fn a_role_that_is_refused_is_denied() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>\
             </ErrorResponse>";
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            while !read.windows(10).any(|it| it == b"AssumeRole") {
                if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let sts = outcrop_aws::local_config(&url, "us-east-1");
    let lab = outcrop_aws::assume_role(&sts, "arn:aws:iam::444455556666:role/no", None).await;
    let accounts = vec![("lab".parse().unwrap(), lab)];
    let places = build(PlacesOptions { accounts, ..options(&["us-east-1"], &[]) });
    assert_eq!(chat(&places, &at("lab", "us-east-1")).await, Err(ModelFailure::Denied));
}
