//! What the control plane lists otherwise than `models.json` has it, and the profiles made at run time.

use crate::errors::Refusal;
use crate::faults::FaultKind;
use crate::models::{ApplicationProfile, Catalog};
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Most profiles that are kept, so that a test in a loop does not fill the memory.
const MAX_PROFILES: usize = 1_000;

/// How the lists differ from what can be called. The JSON form is the body of `PUT /_emulator/listing`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Listing {
    /// Ids of models that are not listed, nor their profiles.
    pub hidden: Vec<String>,
    /// Ids of models that are listed and cannot be called: what came out yesterday.
    pub new: Vec<String>,
    /// Ids of models whose end is announced, with the time of it.
    pub legacy: BTreeMap<String, String>,
    /// Most profiles on one page, whatever is asked for; 0 for no such limit.
    pub page: usize,
    /// What the whole control plane answers instead.
    pub fault: Option<FaultKind>,
}

/// The body of `POST /_emulator/profiles`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewProfile {
    name: String,
    /// The id of a model, or of the system-defined profile it is copied from.
    copy_from: String,
}

/// A handle on the lists of an emulator, of use while it runs.
#[derive(Clone, Debug)]
pub struct Lists(pub(crate) Arc<State>);

impl Lists {
    /// Replaces what is listed otherwise.
    pub fn set(&self, listing: Listing) {
        self.0.listing.set(listing);
    }

    /// Makes an application inference profile and tells its ARN; nothing if there is no such model, or too many profiles.
    pub fn add_profile(&self, name: &str, copy_from: &str) -> Option<String> {
        let new = NewProfile { name: name.to_owned(), copy_from: copy_from.to_owned() };
        add_profile(&self.0, new)
    }
}

/// The listing in force.
#[derive(Debug, Default)]
pub(crate) struct ListingState(RwLock<Arc<Listing>>);

impl ListingState {
    pub(crate) fn get(&self) -> Arc<Listing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, listing: Listing) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(listing);
    }

    /// Refuses, where the control plane is to fail.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match self.get().fault.and_then(FaultKind::refusal) {
            Some((exception, message)) => Err(Refusal::new(exception, message)),
            None => Ok(()),
        }
    }
}

/// Makes a profile and tells its ARN.
pub(crate) fn add_profile(state: &State, new: NewProfile) -> Option<String> {
    let catalog: &Catalog = &state.catalog;
    let (model, geography) = match catalog.profile(&new.copy_from) {
        Some(model) => (model, new.copy_from.split('.').next().map(str::to_owned)),
        None => (catalog.foundation(&new.copy_from)?, None),
    };
    let mut profiles = catalog.application_profiles.write().unwrap_or_else(PoisonError::into_inner);
    if profiles.len() >= MAX_PROFILES {
        return None;
    }
    let id = format!("{:012x}", 0x0a00_0000_0000_u64 + profiles.len() as u64);
    let models = vec![model.id.clone()];
    let profile = ApplicationProfile { id, name: new.name, models, geography };
    let arn = state.application_arn(&state.region, &profile.id);
    profiles.push(profile);
    Some(arn)
}
