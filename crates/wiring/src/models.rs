//! The models: Bedrock, or the emulator in this process; both through the same AWS SDK.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use outcrop_bedrock::{
    BedrockPlaces, Catalog, CatalogError, CatalogOptions, LiveCatalog, LiveOptions, RegionsCatalog, geography,
};
use outcrop_config::{Config, ModelAccount, ModelsConfig};
use outcrop_ports::{ModelCatalog, Place, Places as _, Probe};
use outcrop_types::Region;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::WiringError;
use crate::places::{EMULATED_REGION, Reached, reach};

/// The models and what runs beside them.
pub struct Models {
    /// Answers.
    pub model: Arc<dyn outcrop_ports::Models>,
    /// Answers, wherever it is asked.
    pub places: Arc<dyn outcrop_ports::Places>,
    /// Knows what there is.
    pub catalog: Arc<dyn ModelCatalog>,
    /// Whether models can be reached in one region at least.
    pub probe: Arc<dyn Probe>,
    /// The emulators, if they run in this process; they end some time after the token given to [`models`].
    pub emulator: Option<JoinHandle<()>>,
    /// Follows Bedrock's lists of models until the token given to [`models`]; to be spawned once the process serves.
    pub upkeep: Upkeep,
}

/// Work in the background that begins when it is spawned.
pub type Upkeep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Connects to what `models.url` names. Bedrock itself is not called: it may be away when we start.
///
/// The emulator runs, and the catalogue follows Bedrock's lists, until `stop`, which must come after the last model call
/// has ended.
pub async fn models(config: &Config, stop: CancellationToken) -> Result<Models, WiringError> {
    built(config, stop).await.map(|(models, _)| models)
}

/// How many models a region offers, or why that cannot be known.
pub type Looked = (Region, Result<usize, WiringError>);

/// The models after one look at the lists of every region, for those who want to know how it stands.
pub async fn models_looked_at(
    config: &Config,
    stop: CancellationToken,
) -> Result<(Models, Vec<Looked>), WiringError> {
    let (models, catalog) = built(config, stop).await?;
    let looked = catalog.look().await.into_iter().map(|(region, looked)| {
        (region, looked.map_err(|error| WiringError::failed("list its models", &error)))
    });
    Ok((models, looked.collect()))
}

async fn built(
    config: &Config,
    stop: CancellationToken,
) -> Result<(Models, Arc<RegionsCatalog>), WiringError> {
    let Reached { places, emulator } = reach(config, stop.clone()).await?;
    let model = places.home().map_err(|error| WiringError::failed("find Bedrock's address", &error))?;
    let (catalog, upkeep) = live_catalog(&config.models, &places, stop)?;
    let places = Arc::new(places);
    let models = Models { probe: places.clone(), model, places, catalog: catalog.clone(), emulator, upkeep };
    Ok((models, catalog))
}

/// Whether the catalogue can be put together and has the default model, without connecting to anything.
pub fn check_models(config: &Config) -> Result<(), WiringError> {
    names(config).map(drop)
}

/// The catalogue and the price list as they are written, without connecting to anything: what names models, for those
/// that call none.
pub fn names(config: &Config) -> Result<Arc<dyn ModelCatalog>, WiringError> {
    let regions = config.models.regions().map_err(WiringError::setting)?;
    let region = regions.first().map_or(EMULATED_REGION, Region::as_str);
    Ok(Arc::new(catalog(&config.models, region, Catalog::load)?))
}

fn file(setting: &str, path: Option<&Path>) -> Result<Option<String>, WiringError> {
    let read = |file: &Path| {
        std::fs::read_to_string(file).map_err(|error| {
            WiringError::setting(format!("`{setting}`: could not read {}: {error}", file.display()))
        })
    };
    path.map(read).transpose()
}

/// Hands the catalogue's options to `make`: they borrow from the operator's files.
fn catalog<C>(
    config: &ModelsConfig,
    region: &str,
    make: impl FnOnce(&CatalogOptions<'_>) -> Result<C, CatalogError>,
) -> Result<C, WiringError> {
    let overrides = file("models.catalog", config.catalog.as_deref())?;
    let prices = file("models.prices", config.prices.as_deref())?;
    let options = CatalogOptions {
        overrides: overrides.as_deref(),
        prices: prices.as_deref(),
        default_model: &config.default,
        default_embedding: Some(&config.default_embedding),
        compatibility_names: config.compatibility_names,
        region,
        cross_region: config.cross_region.then(|| geography(region)),
        allow_arns: config.allow_arns,
    };
    make(&options).map_err(|error| WiringError::setting(format!("models: {}", crate::error::chain(&error))))
}

/// The catalogue of all regions, and what looks at Bedrock's lists for it until `stop`.
fn live_catalog(
    config: &ModelsConfig,
    places: &BedrockPlaces,
    stop: CancellationToken,
) -> Result<(Arc<RegionsCatalog>, Upkeep), WiringError> {
    let accounts = config.other_accounts().map_err(WiringError::setting)?;
    let control = |account: Option<&ModelAccount>, region: &Region| {
        let place = Place { account: account.map(|it| it.name.clone()), region: region.clone() };
        places
            .control(&place)
            .map_err(|error| WiringError::failed("find the address of Bedrock's control plane", &error))
    };
    let mut live = places.regions().iter().map(|region| {
        let own = control(None, region)?;
        let mut live = catalog(config, region.as_str(), |options| LiveCatalog::new(options, own))?;
        for account in &accounts {
            live = live.with_account(account.number().to_owned(), control(Some(account), region)?);
        }
        Ok((region.clone(), live))
    });
    let home =
        live.next().transpose()?.ok_or_else(|| WiringError::setting("`models.url` names no region"))?;
    let others = live.collect::<Result<Vec<_>, WiringError>>()?;
    let elsewhere = catalog(config, home.0.as_str(), Catalog::load)?;
    let catalog = Arc::new(RegionsCatalog::new(home, others, elsewhere));
    let options = LiveOptions { refresh: Duration::from_secs(config.refresh_s) };
    let upkeep = {
        let catalog = Arc::clone(&catalog);
        Box::pin(async move { catalog.run(options, crate::ids(), stop).await })
    };
    Ok((catalog, upkeep))
}
