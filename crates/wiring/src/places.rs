//! Where models are called: regions of Bedrock, or emulators in this process, in our account and in others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use outcrop_aws::AwsOptions;
use outcrop_bedrock::{BedrockOptions, BedrockPlaces, BuildError, PlacesOptions};
use outcrop_config::Config;
use outcrop_emulator::{Emulator, EmulatorConfig, Objects};
use outcrop_ports::Place;
use outcrop_types::{AccountName, Region};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::WiringError;
use crate::objects::S3Objects;

/// The region that the emulator plays if none is named.
pub(crate) const EMULATED_REGION: &str = "us-east-1";

/// Longest wait for a connection to Bedrock. A far region takes half of it; of a dead one the next in turn must hear soon.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Where models are called, and the emulators if they run in this process.
pub(crate) struct Reached {
    pub(crate) places: BedrockPlaces,
    pub(crate) emulator: Option<JoinHandle<()>>,
}

/// Prepares the places that settings name. Nothing is called; emulators run until `stop`.
pub(crate) async fn reach(config: &Config, stop: CancellationToken) -> Result<Reached, WiringError> {
    let regions = config.models.regions().map_err(WiringError::setting)?;
    let (sdk, places, emulator) = match config.models.url.split_once("://") {
        Some(("emulator", _)) => emulated(config, regions, stop).await?,
        Some(("bedrock", _)) => bedrock(config, regions).await?,
        _ => return Err(WiringError::setting("`models.url` must begin with emulator://, bedrock://")),
    };
    let options = BedrockOptions { idle_timeout: Duration::from_millis(config.models.idle_timeout_ms) };
    let places = BedrockPlaces::new(&sdk, options, places).map_err(|error| match error {
        BuildError::NoRegion => WiringError::setting(
            "`models.url` is `bedrock://` without a region, and the AWS environment names none; set AWS_REGION, or a region such as bedrock://us-east-1",
        ),
        other => WiringError::failed("find Bedrock's address", &other),
    })?;
    Ok(Reached { places, emulator })
}

type Prepared = (SdkConfig, PlacesOptions, Option<JoinHandle<()>>);

async fn bedrock(config: &Config, regions: Vec<Region>) -> Result<Prepared, WiringError> {
    let options = AwsOptions {
        region: regions.first().map(ToString::to_string),
        connect_timeout: CONNECT_TIMEOUT,
        read_timeout: Duration::from_millis(config.server.request_timeout_ms),
        // Retries are routing's business, which knows the deadline.
        max_attempts: 1,
    };
    let sdk = outcrop_aws::sdk_config(&options).await;
    let mut accounts = Vec::new();
    for account in config.models.other_accounts().map_err(WiringError::setting)? {
        let assumed = outcrop_aws::assume_role(&sdk, &account.role_arn, account.external_id.as_deref());
        accounts.push((account.name, assumed.await));
    }
    let endpoints = addresses(config)?;
    Ok((sdk, PlacesOptions { regions, accounts, endpoints }, None))
}

/// An emulator for each region, each on a free port of the loopback address. Whoever calls tells them its account by its
/// name: there is no role to assume.
async fn emulated(
    config: &Config,
    mut regions: Vec<Region>,
    stop: CancellationToken,
) -> Result<Prepared, WiringError> {
    if regions.is_empty() {
        regions.extend(EMULATED_REGION.parse::<Region>());
    }
    let mut endpoints = HashMap::new();
    let mut running = JoinSet::new();
    let mut home = None;
    for region in &regions {
        let emulator = emulator(config, region).await?;
        let url = emulator.url();
        home.get_or_insert_with(|| (url.clone(), region.to_string()));
        endpoints.insert(Place { account: None, region: region.clone() }, url);
        running.spawn(emulator.run(stop.clone()));
    }
    let (url, region) = home.ok_or_else(|| WiringError::setting("`models.url` names no region"))?;
    let names = config.models.other_accounts().map_err(WiringError::setting)?;
    let local = |name: AccountName| {
        let sdk = outcrop_aws::local_account(&url, &region, name.as_str());
        (name, sdk)
    };
    let accounts = names.into_iter().map(|it| local(it.name)).collect();
    endpoints.extend(addresses(config)?);
    let handle = tokio::spawn(async move {
        while let Some(ended) = running.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::error!(error = crate::error::chain(&error), "the emulator ended");
            }
        }
    });
    let sdk = outcrop_aws::local_config(&url, &region);
    Ok((sdk, PlacesOptions { regions, accounts, endpoints }, Some(handle)))
}

async fn emulator(config: &Config, region: &Region) -> Result<Emulator, WiringError> {
    let in_s3 = config.blobs.url.as_deref().is_some_and(|it| it.starts_with("s3://"));
    let objects: Option<Arc<dyn Objects>> = if in_s3 {
        Some(Arc::new(S3Objects::connect(region.as_str(), config.blobs.path_style).await))
    } else {
        None
    };
    let options = EmulatorConfig {
        region: region.to_string(),
        objects,
        ollama: config.models.ollama.clone(),
        ..EmulatorConfig::default()
    };
    Emulator::bind(options).await.map_err(|error| WiringError::failed("start the emulator", &error))
}

fn addresses(config: &Config) -> Result<HashMap<Place, String>, WiringError> {
    let addresses = config.models.addresses().map_err(WiringError::setting)?;
    let placed =
        |it: outcrop_config::ModelEndpoint| (Place { account: it.account, region: it.region }, it.url);
    Ok(addresses.into_iter().map(placed).collect())
}

#[cfg(test)]
mod tests {
    use outcrop_ports::{Places as _, Probe as _};

    use super::*;

    fn config(change: impl FnOnce(&mut outcrop_config::ModelsConfig)) -> Config {
        let mut config = Config::default();
        change(&mut config.models);
        config
    }

    #[tokio::test]
    async fn every_region_has_an_emulator_of_its_own() {
        let stop = CancellationToken::new();
        let config = config(|it| {
            it.url = "emulator://us-east-1,eu-central-1".to_owned();
            it.accounts = Some("lab=arn:aws:iam::111122223333:role/x#sesame".to_owned());
        });
        let Reached { places, emulator } = reach(&config, stop.clone()).await.unwrap();
        let names: Vec<&str> = places.regions().iter().map(Region::as_str).collect();
        assert_eq!(names, ["us-east-1", "eu-central-1"]);
        places.probe().await.unwrap();
        let at = |account: Option<&str>, region: &str| Place {
            account: account.map(|it| it.parse().unwrap()),
            region: region.parse().unwrap(),
        };
        assert_eq!(places.at(&at(Some("lab"), "eu-central-1")).unwrap().region(), "eu-central-1");
        assert!(places.at(&at(Some("prod"), "eu-central-1")).is_err());
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), emulator.unwrap()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn accounts_are_not_asked_for_at_the_start() {
        let config = config(|it| {
            it.url = "bedrock://us-east-1,us-west-2".to_owned();
            it.accounts = Some("lab=arn:aws:iam::111122223333:role/x#sesame".to_owned());
            it.endpoints = Some("lab/us-west-2=http://127.0.0.1:9".to_owned());
        });
        // Neither STS nor Bedrock can be reached from a test.
        let reached = reach(&config, CancellationToken::new()).await.unwrap();
        assert!(reached.emulator.is_none());
        let lab = Place { account: Some("lab".parse().unwrap()), region: "us-west-2".parse().unwrap() };
        assert!(reached.places.at(&lab).is_ok());
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_a_setting_to_blame() {
        for (url, accounts, words) in [
            ("bedrock://us-esat-1", "", "`models.url`"),
            ("emulator://us-east-1,us-east-1", "", "twice"),
            ("emulator://", "lab=role", "`models.accounts`"),
        ] {
            let config = config(|it| {
                it.url = url.to_owned();
                it.accounts = Some(accounts.to_owned());
            });
            let error = reach(&config, CancellationToken::new()).await.err().unwrap();
            assert!(error.is_setting() && error.to_string().contains(words), "{error}");
        }
    }
}
