//! [`Places`]: Bedrock in several regions and accounts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use aws_types::SdkConfig;
use aws_types::origin::Origin;
use futures::future::select_ok;
use outcrop_ports::{Models, Place, Places, PortError, Probe, UnknownPlace};
use outcrop_types::{AccountName, Region};

use crate::probe::RUNTIME;
use crate::{BedrockModel, BedrockOptions, BuildError, ControlPlane};

/// Most places whose clients are kept; AWS has some forty regions.
const MOST_KEPT: usize = 1_024;

/// Where Bedrock is called, and as whom.
#[derive(Clone, Default)]
pub struct PlacesOptions {
    /// The regions that settings name, the one called first at first. Empty: that of the configuration.
    pub regions: Vec<Region>,
    /// How other accounts are called: a configuration with credentials of each, whose region does not matter.
    pub accounts: Vec<(AccountName, SdkConfig)>,
    /// Where Bedrock listens, if not where AWS has it. A region without an account is meant for every account that has no
    /// address of its own there.
    pub endpoints: HashMap<Place, String>,
}

/// Bedrock wherever it is called. Clients are built once for each place and share one HTTP client.
pub struct BedrockPlaces {
    sdk: SdkConfig,
    accounts: HashMap<AccountName, SdkConfig>,
    endpoints: HashMap<Place, String>,
    options: BedrockOptions,
    regions: Vec<Region>,
    models: RwLock<HashMap<Place, Arc<BedrockModel>>>,
}

impl fmt::Debug for BedrockPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the configurations, which hold credentials.
        f.debug_struct("BedrockPlaces").field("regions", &self.regions).finish_non_exhaustive()
    }
}

impl BedrockPlaces {
    /// On a configuration of our own account. Nothing is called.
    ///
    /// # Errors
    /// [`BuildError`] when there is no region to call, or no address of one.
    pub fn new(sdk: &SdkConfig, options: BedrockOptions, places: PlacesOptions) -> Result<Self, BuildError> {
        let PlacesOptions { mut regions, accounts, endpoints } = places;
        if regions.is_empty() {
            let home = sdk.region().ok_or(BuildError::NoRegion)?;
            regions.push(home.as_ref().parse().map_err(|_| BuildError::NoRegion)?);
        }
        let accounts = accounts.into_iter().collect();
        let models = RwLock::default();
        let all = Self { sdk: sdk.clone(), accounts, endpoints, options, regions, models };
        for region in &all.regions {
            let place = Place { account: None, region: region.clone() };
            let model = all.build(&all.sdk, &place)?;
            all.keep(place, model);
        }
        Ok(all)
    }

    /// The region that calls go to first, in our own account.
    ///
    /// # Errors
    /// [`BuildError`] as for [`new`](Self::new).
    pub fn home(&self) -> Result<Arc<BedrockModel>, BuildError> {
        let home = Place { account: None, region: self.regions.first().ok_or(BuildError::NoRegion)?.clone() };
        match self.known(&home) {
            Some(model) => Ok(model),
            None => Ok(self.keep(home.clone(), self.build(&self.sdk, &home)?)),
        }
    }

    /// The control plane of a place.
    ///
    /// # Errors
    /// [`BuildError`] when it has no address, or its account no credentials.
    pub fn control(&self, place: &Place) -> Result<ControlPlane, BuildError> {
        // A private endpoint of the runtime answers nothing else.
        let endpoint = self.endpoint(place).filter(|url| !url.contains(RUNTIME));
        let sdk = self.sdk_of(place.account.as_ref());
        let sdk = sdk.map_err(|unknown| BuildError::Endpoint {
            region: place.region.to_string(),
            source: unknown.into(),
        })?;
        ControlPlane::new(&configured(sdk, &place.region, endpoint))
    }

    fn sdk_of(&self, account: Option<&AccountName>) -> Result<&SdkConfig, UnknownPlace> {
        let Some(name) = account else { return Ok(&self.sdk) };
        self.accounts.get(name).ok_or_else(|| UnknownPlace::Account(name.clone()))
    }

    fn build(&self, sdk: &SdkConfig, place: &Place) -> Result<BedrockModel, BuildError> {
        BedrockModel::new(&configured(sdk, &place.region, self.endpoint(place)), self.options)
    }

    fn endpoint(&self, place: &Place) -> Option<&str> {
        let of_all = || self.endpoints.get(&Place { account: None, region: place.region.clone() });
        self.endpoints.get(place).or_else(of_all).map(String::as_str)
    }

    fn known(&self, place: &Place) -> Option<Arc<BedrockModel>> {
        self.models.read().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    /// Keeps what was built, as long as there is room: clients may name regions in ARNs, and none of them may fill the
    /// memory with regions that are not there.
    fn keep(&self, place: Place, model: BedrockModel) -> Arc<BedrockModel> {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MOST_KEPT && !models.contains_key(&place) {
            return Arc::new(model);
        }
        models.entry(place).or_insert_with(|| Arc::new(model)).clone()
    }
}

/// A configuration for another region, at an address of its own if it has one.
fn configured(sdk: &SdkConfig, region: &Region, endpoint: Option<&str>) -> SdkConfig {
    let region = aws_types::region::Region::new(region.as_str().to_owned());
    let mut builder = sdk.to_builder().region(region);
    if let Some(url) = endpoint {
        builder = builder.endpoint_url(url);
        // It says more than the environment does, which is for all regions.
        builder.insert_origin("endpoint_url", Origin::shared_config());
    }
    builder.build()
}

impl Places for BedrockPlaces {
    fn regions(&self) -> &[Region] {
        &self.regions
    }

    fn at(&self, place: &Place) -> Result<Arc<dyn Models>, UnknownPlace> {
        if let Some(model) = self.known(place) {
            return Ok(model);
        }
        let sdk = self.sdk_of(place.account.as_ref())?;
        let model = self.build(sdk, place).map_err(|_| UnknownPlace::Region(place.clone()))?;
        Ok(self.keep(place.clone(), model))
    }
}

#[async_trait]
impl Probe for BedrockPlaces {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    /// One region that can be reached will do: calls go there then.
    async fn probe(&self) -> Result<(), PortError> {
        let places = self.regions.iter().map(|it| Place { account: None, region: it.clone() });
        let models: Vec<_> = places.filter_map(|it| self.known(&it)).collect();
        let probes = models.iter().map(|it| it.probe());
        select_ok(probes).await.map(|_| ())
    }
}
