//! The catalogue that follows what the control plane lists, against the emulator's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Token;
use aws_credential_types::provider::token::SharedTokenProvider;
use outcrop_bedrock::{CatalogOptions, ControlPlane, LiveCatalog, LiveOptions, RefreshError};
use outcrop_embedded::SystemIdGen;
use outcrop_emulator::{Counters, Emulator, EmulatorConfig, FaultKind, Listing, Lists, Operation};
use outcrop_ports::{Modality, ModelCatalog, ModelFailure};
use outcrop_types::PriceTier;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake::{self, Reply, ok};

const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";
const OPTIONS: CatalogOptions<'static> = CatalogOptions {
    overrides: None,
    prices: None,
    default_model: "claude-haiku-4-5",
    default_embedding: Some("titan-embed-text-v2"),
    compatibility_names: false,
    region: "us-east-1",
    cross_region: None,
    allow_arns: true,
};

/// A catalogue, and the emulator it looks at.
struct Live {
    catalog: Arc<LiveCatalog>,
    lists: Lists,
    counters: Counters,
    _stop: DropGuard,
}

impl Live {
    async fn start(options: CatalogOptions<'_>) -> Self {
        let emulator = Emulator::bind(EmulatorConfig::default()).await.unwrap();
        let (lists, counters) = (emulator.lists(), emulator.counters());
        let sdk = outcrop_aws::local_config(&emulator.url(), options.region);
        let stop = CancellationToken::new();
        tokio::spawn(emulator.run(stop.clone()));
        let catalog = LiveCatalog::new(&options, ControlPlane::new(&sdk).unwrap()).unwrap();
        Self { catalog: Arc::new(catalog), lists, counters, _stop: stop.drop_guard() }
    }

    fn ids(&self) -> Vec<String> {
        self.catalog.list().iter().map(|it| it.id.clone()).collect()
    }

    /// The id that Bedrock is called by.
    fn called(&self, asked: &str) -> Option<String> {
        self.catalog.resolve(Some(asked)).map(|it| it.bedrock_id)
    }

    fn calls(&self, operation: Operation) -> u64 {
        self.counters.calls(operation)
    }
}

#[tokio::test]
async fn what_bedrock_does_not_list_is_not_shown_and_can_be_asked_for() {
    let live = Live::start(OPTIONS).await;
    live.lists.set(Listing {
        hidden: vec!["amazon.nova-lite-v1:0".into()],
        new: vec!["nova.tomorrow-v1:0".into()],
        legacy: BTreeMap::from([("amazon.nova-pro-v1:0".into(), "2027-06-30T00:00:00Z".into())]),
        ..Listing::default()
    });
    assert!(live.ids().contains(&"nova-lite".to_owned()), "before the first look the file is believed");
    assert_eq!(live.called("nova.tomorrow-v1:0"), None);
    live.catalog.refresh().await.unwrap();

    let ids = live.ids();
    assert!(!ids.contains(&"nova-lite".to_owned()), "{ids:?}");
    assert!(ids.contains(&"nova-pro".to_owned()) && ids.contains(&"titan-embed-text-v2".to_owned()));
    assert_eq!(live.called("nova-lite").as_deref(), Some("amazon.nova-lite-v1:0"), "Bedrock decides");

    let new = live.catalog.resolve(Some("nova.tomorrow-v1:0")).unwrap();
    assert_eq!(new.bedrock_id, "nova.tomorrow-v1:0");
    assert!(!new.info.streaming && new.info.tools, "as listed, and else assumed to be able");
    assert_eq!(new.info.owned_by, "nova");
    let pro = live.catalog.resolve(Some("nova-pro")).unwrap().info;
    assert_eq!((pro.legacy, pro.end_of_life), (true, Some(1_814_313_600)));
    assert_eq!(pro.name.as_deref(), Some("Nova Pro"));
}

#[tokio::test]
async fn the_listing_knows_how_a_model_is_reached() {
    let eu = Live::start(CatalogOptions { region: "eu-west-1", ..OPTIONS }).await;
    eu.catalog.refresh().await.unwrap();
    let haiku = eu.catalog.resolve(Some("claude-haiku-4-5")).unwrap();
    assert_eq!(haiku.bedrock_id, format!("eu.{HAIKU}"));
    assert_eq!(haiku.info.profiles, ["eu", "global"], "no profile of another geography");
    assert!(!haiku.info.on_demand);
    assert_eq!(eu.called(&format!("global.{HAIKU}")), Some(format!("global.{HAIKU}")));
    assert!(!eu.ids().contains(&"llama4-scout".to_owned()), "in the US only: {:?}", eu.ids());
}

#[tokio::test]
async fn a_failing_control_plane_changes_nothing() {
    let live = Live::start(OPTIONS).await;
    live.lists.set(Listing { hidden: vec!["amazon.nova-lite-v1:0".into()], ..Listing::default() });
    live.catalog.refresh().await.unwrap();
    let before = live.ids();
    for (fault, failure) in [
        (FaultKind::AccessDenied, ModelFailure::Denied),
        (FaultKind::Throttling, ModelFailure::Throttled),
        (FaultKind::InternalServer, ModelFailure::Internal),
    ] {
        live.lists.set(Listing { fault: Some(fault), ..Listing::default() });
        let Err(RefreshError::List(error)) = live.catalog.refresh().await else { panic!("{fault:?}") };
        assert_eq!(error.failure, failure);
        assert_eq!(live.ids(), before);
    }
    live.lists.set(Listing::default());
    live.catalog.refresh().await.unwrap();
    assert_eq!(live.ids().len(), before.len() + 1);
}

#[tokio::test]
async fn pages_are_read_to_the_last() {
    let live = Live::start(OPTIONS).await;
    live.catalog.refresh().await.unwrap();
    let (whole, calls) = (live.ids(), live.calls(Operation::ListInferenceProfiles));
    live.lists.set(Listing { page: 7, ..Listing::default() });
    live.catalog.refresh().await.unwrap();
    assert_eq!(live.ids(), whole);
    let pages = live.calls(Operation::ListInferenceProfiles) - 2 * calls;
    assert!(pages > 4, "{pages} more pages");

    let before = live.calls(Operation::ListInferenceProfiles);
    live.lists.set(Listing { page: 1, ..Listing::default() });
    live.catalog.refresh().await.unwrap();
    let pages = live.calls(Operation::ListInferenceProfiles) - before;
    assert!((40..=80).contains(&pages), "a list without an end is not read for ever: {pages} pages");
}

#[tokio::test]
async fn profiles_of_the_account_can_do_what_their_model_can() {
    let live = Live::start(OPTIONS).await;
    let arn = live.lists.add_profile("team-red", &format!("us.{HAIKU}")).unwrap();
    live.catalog.refresh().await.unwrap();
    let listed = live.catalog.list();
    let red = listed.iter().find(|it| it.id == arn).expect("listed by its ARN");
    let haiku = live.catalog.resolve(Some("claude-haiku-4-5")).unwrap();
    assert_eq!((red.name.as_deref(), &red.base_id), (Some("team-red"), &haiku.info.base_id));
    assert_eq!((red.cache, red.context_window), (haiku.info.cache, haiku.info.context_window));
    assert_eq!(live.called(&arn), Some(arn.clone()));

    let day = "2026-11-21".parse().unwrap();
    let price = |asked: &str| {
        let model = live.catalog.resolve(Some(asked)).unwrap();
        live.catalog.price(&model, PriceTier::Standard, day).unwrap()
    };
    assert_eq!(price(&arn).row, format!("{HAIKU}/us/2026-11-20"), "the profile routes over the US");
    assert_eq!(price(&arn), price("claude-haiku-4-5"));
    assert_eq!(price(&format!("global.{HAIKU}")).row, format!("{HAIKU}/region/2026-11-20"));

    let closed = Live::start(CatalogOptions { allow_arns: false, ..OPTIONS }).await;
    let arn = closed.lists.add_profile("team-red", HAIKU).unwrap();
    closed.catalog.refresh().await.unwrap();
    assert!(closed.ids().iter().all(|it| !it.starts_with("arn:")));
    assert_eq!(closed.called(&arn), None);
    assert!(closed.catalog.discover(&arn).await.is_none(), "nor asked for");
    assert_eq!(closed.calls(Operation::GetInferenceProfile), 0);
}

#[tokio::test]
async fn a_profile_made_meanwhile_is_asked_for_once() {
    let live = Live::start(OPTIONS).await;
    live.catalog.refresh().await.unwrap();
    let arn = live.lists.add_profile("team-red", HAIKU).unwrap();
    assert_eq!(live.called(&arn), None, "not known yet");
    let asking = (0..10).map(|_| live.catalog.discover(&arn));
    let found = futures::future::join_all(asking).await;
    assert!(found.iter().all(|it| it.as_ref().is_some_and(|it| it.info.base_id == HAIKU)));
    assert_eq!(live.calls(Operation::GetInferenceProfile), 1);
    assert_eq!(live.called(&arn), Some(arn.clone()), "from memory now");

    let nonesuch = arn.replace("/0a", "/ff");
    for _ in 0..3 {
        assert!(live.catalog.discover(&nonesuch).await.is_none());
    }
    assert_eq!(live.calls(Operation::GetInferenceProfile), 2, "absence is remembered");
    for other in ["nova-lite", "arn:aws:bedrock:us-east-1:123456789012:imported-model/x", "arn:x"] {
        assert!(live.catalog.discover(other).await.is_none(), "{other}");
    }
    assert_eq!(live.calls(Operation::GetInferenceProfile), 2, "no questions about other names");
}

#[tokio::test]
async fn a_profile_that_cannot_be_asked_for_is_called_all_the_same() {
    let live = Live::start(OPTIONS).await;
    let arn = live.lists.add_profile("team-red", HAIKU).unwrap();
    live.lists.set(Listing { fault: Some(FaultKind::AccessDenied), ..Listing::default() });
    let model = live.catalog.discover(&arn).await.unwrap();
    assert_eq!((model.bedrock_id.as_str(), model.info.base_id.as_str()), (arn.as_str(), ""));
    assert!(live.catalog.discover(&arn).await.is_some());
    assert_eq!(live.calls(Operation::GetInferenceProfile), 1);
}

#[tokio::test]
async fn it_looks_again_by_itself_until_it_is_stopped() {
    let live = Live::start(OPTIONS).await;
    let stop = CancellationToken::new();
    let options = LiveOptions { refresh: Duration::from_millis(20) };
    let running = tokio::spawn({
        let (catalog, stop) = (Arc::clone(&live.catalog), stop.clone());
        async move { catalog.run(options, Arc::new(SystemIdGen), stop).await }
    });
    let until = |shown: bool| {
        let live = &live;
        async move {
            for _ in 0..500 {
                if live.ids().contains(&"nova-lite".to_owned()) == shown {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("nova-lite shown: {}", !shown);
        }
    };
    live.lists.set(Listing { fault: Some(FaultKind::Throttling), ..Listing::default() });
    live.lists.set(Listing { hidden: vec!["amazon.nova-lite-v1:0".into()], ..Listing::default() });
    until(false).await;
    live.lists.set(Listing::default());
    until(true).await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();

    let off = LiveOptions { refresh: Duration::ZERO };
    live.catalog.run(off, Arc::new(SystemIdGen), CancellationToken::new()).await;
}

#[tokio::test]
async fn default_models_answer_for_other_names_if_the_operator_says_so() {
    let named = |live: &Live, asked: Option<&str>, output| {
        live.catalog.resolve_for(asked, output).map(|it| it.info.id.clone())
    };
    let (chat, embedding) = (Some("claude-haiku-4-5".to_owned()), Some("titan-embed-text-v2".to_owned()));
    let plain = Live::start(OPTIONS).await;
    assert_eq!(named(&plain, None, Modality::Text), chat);
    assert_eq!(named(&plain, None, Modality::Embedding), embedding);
    assert_eq!(named(&plain, Some("default"), Modality::Embedding), embedding);
    assert_eq!(named(&plain, None, Modality::Ranking), None);
    assert_eq!(named(&plain, Some("gpt-4o"), Modality::Text), None);

    let open = Live::start(CatalogOptions { compatibility_names: true, ..OPTIONS }).await;
    assert_eq!(named(&open, Some("gpt-4o"), Modality::Text), chat);
    assert_eq!(named(&open, Some("GPT-4o-mini"), Modality::Text), chat);
    assert_eq!(
        named(&open, Some("gpt-oss-20b"), Modality::Text).as_deref(),
        Some("gpt-oss-20b"),
        "it exists"
    );
    assert_eq!(named(&open, Some("gpt-4o"), Modality::Embedding), None);
    assert_eq!(named(&open, Some("text-embedding-3-small"), Modality::Embedding), embedding);
    assert_eq!(named(&open, Some("text-embedding-3-small"), Modality::Text), None);
    assert_eq!(named(&open, Some("claude-2"), Modality::Text), None);
}

/// What is sent to list the models, by the names of its headers.
async fn sent(reply: Reply, bearer: bool) -> (Vec<fake::Sent>, Result<usize, RefreshError>) {
    let (sdk, sent) = fake::sdk(reply);
    let mut sdk = sdk.into_builder();
    if bearer {
        let token = SharedTokenProvider::new(Token::new("bedrock-key", None));
        sdk.set_credentials_provider(None).set_token_provider(Some(token));
    }
    let catalog = LiveCatalog::new(&OPTIONS, ControlPlane::new(&sdk.build()).unwrap()).unwrap();
    let looked = catalog.refresh().await;
    let sent = sent.lock().unwrap().clone();
    (sent, looked)
}

#[tokio::test]
async fn lists_are_asked_for_as_models_are_called() {
    let lists = r#"{"modelSummaries": [], "inferenceProfileSummaries": []}"#;
    for (bearer, scheme) in [(false, "AWS4-HMAC-SHA256 Credential=local/"), (true, "Bearer bedrock-key")] {
        let (sent, looked) = sent(ok(lists), bearer).await;
        assert_eq!(looked.unwrap(), 0);
        let uris: Vec<_> = sent.iter().map(|it| it.uri.as_str()).collect();
        assert_eq!(
            uris,
            [
                "http://bedrock.test/foundation-models",
                "http://bedrock.test/inference-profiles?maxResults=250&type=SYSTEM_DEFINED",
                "http://bedrock.test/inference-profiles?maxResults=250&type=APPLICATION",
            ]
        );
        for request in &sent {
            let header =
                |name: &str| request.headers.iter().find(|(it, _)| it == name).map(|(_, it)| it.as_str());
            let authorization = header("authorization").unwrap();
            assert!(authorization.starts_with(scheme), "{authorization}");
            assert!(bearer || authorization.contains("/us-east-1/bedrock/aws4_request"), "{authorization}");
            assert_eq!((header("content-type"), request.body.as_str()), (None, ""));
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let long = format!(r#"{{"modelSummaries": [], "padding": "{}"}}"#, "x".repeat(9 << 20));
    let (sent, looked) = sent(ok(&long), false).await;
    assert!(matches!(looked, Err(RefreshError::List(_))), "{looked:?}");
    assert_eq!(sent.len(), 1);
}
