//! The catalogue of several regions, against an emulator for each.

use std::sync::Arc;
use std::time::Duration;

use outcrop_bedrock::{Catalog, CatalogOptions, ControlPlane, LiveCatalog, LiveOptions, RegionsCatalog};
use outcrop_embedded::SystemIdGen;
use outcrop_emulator::{Counters, Emulator, EmulatorConfig, FaultKind, Listing, Lists, Operation};
use outcrop_ports::{Modality, ModelCatalog};
use outcrop_types::{Bounds, Geography, PriceTier, Reach, Region};
use tokio_util::sync::{CancellationToken, DropGuard};

const HAIKU: &str = "anthropic.claude-haiku-4-5-20251001-v1:0";
const NOVA: &str = "amazon.nova-lite-v1:0";

const OPTIONS: CatalogOptions<'static> = CatalogOptions {
    overrides: None,
    prices: None,
    default_model: "claude-haiku-4-5",
    default_embedding: None,
    compatibility_names: false,
    region: "us-east-1",
    cross_region: None,
    allow_arns: true,
};

struct Side {
    lists: Lists,
    counters: Counters,
    _stop: DropGuard,
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

async fn side(name: &str) -> (LiveCatalog, Side) {
    let config = EmulatorConfig { region: name.to_owned(), ..EmulatorConfig::default() };
    let emulator = Emulator::bind(config).await.unwrap();
    let (lists, counters) = (emulator.lists(), emulator.counters());
    let sdk = outcrop_aws::local_config(&emulator.url(), name);
    let stop = CancellationToken::new();
    tokio::spawn(emulator.run(stop.clone()));
    let options = CatalogOptions { region: name, ..OPTIONS };
    let catalog = LiveCatalog::new(&options, ControlPlane::new(&sdk).unwrap()).unwrap();
    (catalog, Side { lists, counters, _stop: stop.drop_guard() })
}

/// Both regions' lists have been looked at `before`; the sides can be changed then.
struct World {
    catalog: Arc<RegionsCatalog>,
    us: Side,
    eu: Side,
}

impl World {
    async fn start() -> Self {
        let (us_catalog, us) = side("us-east-1").await;
        let (eu_catalog, eu) = side("eu-central-1").await;
        let elsewhere = Catalog::load(&OPTIONS).unwrap();
        let home = (region("us-east-1"), us_catalog);
        let others = vec![(region("eu-central-1"), eu_catalog)];
        Self { catalog: Arc::new(RegionsCatalog::new(home, others, elsewhere)), us, eu }
    }

    /// Looks at the lists until `seen`.
    async fn until(&self, seen: impl Fn(&RegionsCatalog) -> bool) {
        let stop = CancellationToken::new();
        let looking = tokio::spawn({
            let (catalog, stop) = (Arc::clone(&self.catalog), stop.clone());
            let options = LiveOptions { refresh: Duration::from_millis(10) };
            async move { catalog.run(options, Arc::new(SystemIdGen), stop).await }
        });
        for _ in 0..500 {
            if seen(&self.catalog) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(seen(&self.catalog), "not seen in time");
        stop.cancel();
        looking.await.unwrap();
    }

    fn at(&self, asked: &str, at: &str) -> Option<String> {
        let called = self.catalog.resolve_at(asked, Modality::Text, &region(at), &Bounds::default());
        called.map(|it| it.bedrock_id)
    }

    fn shows(&self, id: &str) -> bool {
        shows(&self.catalog, id)
    }
}

fn shows(catalog: &RegionsCatalog, id: &str) -> bool {
    catalog.list().iter().any(|it| it.id == id)
}

#[tokio::test]
async fn each_region_calls_a_model_its_own_way() {
    let world = World::start().await;
    assert_eq!(world.at("claude-haiku-4-5", "us-east-1"), Some(format!("us.{HAIKU}")));
    assert_eq!(world.at("claude-haiku-4-5", "eu-central-1"), Some(format!("eu.{HAIKU}")));
    assert_eq!(
        world.at("claude-haiku-4-5", "eu-west-3"),
        Some(format!("eu.{HAIKU}")),
        "named by a route alone"
    );
    let home = world.catalog.resolve(Some("claude-haiku-4-5")).unwrap();
    assert_eq!(home.bedrock_id, format!("us.{HAIKU}"));
}

#[tokio::test]
async fn what_a_region_does_not_list_is_called_where_it_is_listed() {
    let world = World::start().await;
    let hidden = Listing { hidden: vec![NOVA.into()], ..Listing::default() };
    world.us.lists.set(hidden);
    world.eu.lists.set(Listing { new: vec!["nova.tomorrow-v1:0".into()], ..Listing::default() });
    world
        .until(|it| shows(it, "nova.tomorrow-v1:0") && it.resolve(Some("nova.tomorrow-v1:0")).is_some())
        .await;
    world
        .until(|it| {
            it.resolve_at("nova-lite", Modality::Text, &region("us-east-1"), &Bounds::default()).is_none()
        })
        .await;
    assert_eq!(world.at("nova-lite", "eu-central-1").as_deref(), Some(NOVA));
    assert!(world.shows("nova-lite"), "it can be called");
    assert_eq!(world.at("nova.tomorrow-v1:0", "us-east-1"), None);
    assert_eq!(world.at("nova.tomorrow-v1:0", "eu-central-1").as_deref(), Some("nova.tomorrow-v1:0"));
    let none = Listing { hidden: vec![NOVA.into()], ..Listing::default() };
    world.eu.lists.set(none);
    world.until(|it| !shows(it, "nova-lite")).await;
    assert_eq!(world.at("nova-lite", "us-east-1").as_deref(), Some(NOVA), "listed nowhere: Bedrock decides");
}

#[tokio::test]
async fn a_region_that_is_away_holds_nothing_up() {
    let world = World::start().await;
    world.eu.lists.set(Listing { fault: Some(FaultKind::ServiceUnavailable), ..Listing::default() });
    world.us.lists.set(Listing { new: vec!["nova.tomorrow-v1:0".into()], ..Listing::default() });
    world.until(|it| shows(it, "nova.tomorrow-v1:0")).await;
    assert_eq!(world.at("claude-haiku-4-5", "eu-central-1"), Some(format!("eu.{HAIKU}")), "as the file says");
}

#[tokio::test]
async fn a_profile_is_asked_for_in_its_own_region() {
    let world = World::start().await;
    let arn = world.eu.lists.add_profile("team-red", &format!("eu.{HAIKU}")).unwrap();
    assert!(arn.starts_with("arn:aws:bedrock:eu-central-1:"), "{arn}");
    assert_eq!(world.catalog.resolve(Some(&arn)).map(|it| it.bedrock_id), None, "made a moment ago");
    let found = world.catalog.discover(&arn).await.unwrap();
    let asked = |side: &Side| side.counters.calls(Operation::GetInferenceProfile);
    assert_eq!((asked(&world.us), asked(&world.eu)), (0, 1));
    assert_eq!(found.info.base_id, HAIKU);
    assert_eq!(world.catalog.resolve(Some(&arn)).unwrap().info.base_id, HAIKU, "from memory now");

    assert_eq!(world.at(&arn, "eu-central-1"), Some(arn.clone()));
    assert_eq!(world.at(&arn, "us-east-1"), None, "an ARN is called in its own region");
    let reach = found.reach(&region("us-east-1"));
    assert_eq!(reach, Reach::Geography(Geography::Eu, region("eu-central-1")));
    let price = world.catalog.price(&found, PriceTier::Standard, "2026-11-21".parse().unwrap());
    assert!(price.unwrap().row.starts_with(&format!("{HAIKU}/eu/")));

    world.until(|it| shows(it, &arn)).await;
    let foreign = arn.replace("eu-central-1", "eu-west-1");
    assert!(world.catalog.discover(&foreign).await.is_none(), "nothing is called there");
    assert_eq!((asked(&world.us), asked(&world.eu)), (0, 1));
}

#[tokio::test]
async fn a_profile_of_one_region_stays_in_it() {
    let world = World::start().await;
    let arn = world.eu.lists.add_profile("team-red", NOVA).unwrap();
    let found = world.catalog.discover(&arn).await.unwrap();
    assert_eq!(found.reach(&region("us-east-1")), Reach::Region(region("eu-central-1")));
}

#[tokio::test]
async fn a_profile_of_another_account_is_asked_for_there() {
    let theirs = EmulatorConfig { account_id: "444455556666".to_owned(), ..EmulatorConfig::default() };
    let emulator = Emulator::bind(theirs).await.unwrap();
    let arn = emulator.lists().add_profile("team-lab", NOVA).unwrap();
    let sdk = outcrop_aws::local_account(&emulator.url(), "us-east-1", "lab");
    let stop = CancellationToken::new();
    tokio::spawn(emulator.run(stop.clone()));
    let (catalog, ours) = side("us-east-1").await;
    let catalog = catalog.with_account("444455556666".to_owned(), ControlPlane::new(&sdk).unwrap());
    let found = catalog.discover(&arn).await.unwrap();
    assert_eq!(found.info.base_id, NOVA);
    assert_eq!(ours.counters.calls(Operation::GetInferenceProfile), 0);
    stop.cancel();
}
