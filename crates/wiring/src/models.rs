//! The models: Bedrock, or the emulator in this process; both through the same AWS SDK.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use outcrop_aws::AwsOptions;
use outcrop_bedrock::{
    BedrockModel, BedrockOptions, Catalog, CatalogError, CatalogOptions, ControlPlane, LiveCatalog,
    LiveOptions, geography,
};
use outcrop_config::{Config, ModelsConfig};
use outcrop_emulator::{Emulator, EmulatorConfig};
use outcrop_ports::{ChatModel as _, ModelCatalog, Probe};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::WiringError;

/// The region that the emulator plays.
const EMULATED_REGION: &str = "us-east-1";

/// The models and what runs beside them.
pub struct Models {
    /// Answers.
    pub model: Arc<dyn outcrop_ports::Models>,
    /// Knows what there is.
    pub catalog: Arc<dyn ModelCatalog>,
    /// Whether the model's endpoint can be reached.
    pub probe: Arc<dyn Probe>,
    /// The emulator, if it runs in this process; it ends some time after the token given to [`models`].
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
    let (sdk, emulator) = match config.models.url.split_once("://") {
        Some(("emulator", _)) => {
            let (url, handle) = emulator(config, stop.clone()).await?;
            (outcrop_aws::local_config(&url, EMULATED_REGION), Some(handle))
        }
        Some(("bedrock", region)) => (outcrop_aws::sdk_config(&bedrock_options(config, region)).await, None),
        _ => return Err(WiringError::setting("`models.url` must begin with emulator://, bedrock://")),
    };
    let options = BedrockOptions { idle_timeout: Duration::from_millis(config.models.idle_timeout_ms) };
    let model = BedrockModel::new(&sdk, options).map_err(|error| match error {
        outcrop_bedrock::BuildError::NoRegion => WiringError::setting(
            "`models.url` is `bedrock://` without a region, and the AWS environment names none; set AWS_REGION, or a region such as bedrock://us-east-1",
        ),
        other => WiringError::failed("find Bedrock's address", &other),
    })?;
    let (catalog, upkeep) = live_catalog(&config.models, &sdk, model.region(), stop)?;
    let model = Arc::new(model);
    Ok(Models { probe: Arc::clone(&model) as Arc<dyn Probe>, model, catalog, emulator, upkeep })
}

fn bedrock_options(config: &Config, region: &str) -> AwsOptions {
    let region = region.trim_matches('/');
    AwsOptions {
        region: (!region.is_empty()).then(|| region.to_owned()),
        read_timeout: Duration::from_millis(config.server.request_timeout_ms),
        // Retries are routing's business, which knows the deadline.
        max_attempts: 1,
        ..AwsOptions::default()
    }
}

/// Starts the emulator on a free port of the loopback address.
async fn emulator(config: &Config, stop: CancellationToken) -> Result<(String, JoinHandle<()>), WiringError> {
    let options = EmulatorConfig {
        region: EMULATED_REGION.to_owned(),
        ollama: config.models.ollama.clone(),
        ..EmulatorConfig::default()
    };
    let emulator =
        Emulator::bind(options).await.map_err(|error| WiringError::failed("start the emulator", &error))?;
    let url = emulator.url();
    let handle = tokio::spawn(async move {
        if let Err(error) = emulator.run(stop).await {
            tracing::error!(error = crate::error::chain(&error), "the emulator ended");
        }
    });
    Ok((url, handle))
}

/// Whether the catalogue can be put together and has the default model, without connecting to anything.
pub fn check_models(config: &Config) -> Result<(), WiringError> {
    names(config).map(drop)
}

/// The catalogue and the price list as they are written, without connecting to anything: what names models, for those
/// that call none.
pub fn names(config: &Config) -> Result<Arc<dyn ModelCatalog>, WiringError> {
    let region = config.models.url.split_once("://").map_or("", |(_, region)| region.trim_matches('/'));
    let region = if region.is_empty() { EMULATED_REGION } else { region };
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

/// The catalogue, and what looks at Bedrock's lists for it until `stop`.
fn live_catalog(
    config: &ModelsConfig,
    sdk: &SdkConfig,
    region: &str,
    stop: CancellationToken,
) -> Result<(Arc<LiveCatalog>, Upkeep), WiringError> {
    let control = ControlPlane::new(sdk)
        .map_err(|error| WiringError::failed("find the address of Bedrock's control plane", &error))?;
    let catalog = Arc::new(catalog(config, region, |options| LiveCatalog::new(options, control))?);
    let options = LiveOptions { refresh: Duration::from_secs(config.refresh_s) };
    let upkeep = {
        let catalog = Arc::clone(&catalog);
        Box::pin(async move { catalog.run(options, crate::ids(), stop).await })
    };
    Ok((catalog, upkeep))
}
