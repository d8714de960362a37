//! What a region offers, model by model, and how each is reached from there.

use std::collections::BTreeMap;

use outcrop_ports::{Modality, ModelInfo};

use crate::control::listing::{ListedModel, ListedProfile, Listing};

/// A region's models and profiles.
#[derive(Debug)]
pub(super) struct Offers<'a> {
    /// By Bedrock's id of the model; in order, so that lists stay as they are.
    pub(super) by_base: BTreeMap<&'a str, Offer<'a>>,
    /// The account's own profiles.
    pub(super) own: Vec<&'a ListedProfile>,
}

/// One model.
#[derive(Debug, Default)]
pub(super) struct Offer<'a> {
    listed: Option<&'a ListedModel>,
    /// Geographies of its profiles.
    profiles: Vec<String>,
    /// Those of them whose profile goes to regions outside.
    stray: Vec<String>,
}

impl<'a> Offers<'a> {
    pub(super) fn of(listing: &'a Listing) -> Self {
        let mut by_base: BTreeMap<&str, Offer<'_>> = BTreeMap::new();
        for model in &listing.models {
            by_base.entry(&model.id).or_default().listed = Some(model);
        }
        let mut own = Vec::new();
        for profile in &listing.profiles {
            match &profile.geography {
                _ if profile.own => own.push(profile),
                Some(geography) => by_base.entry(&profile.base).or_default().add(geography, profile.strays),
                // A profile of Bedrock's that is not named after its model: nothing of ours would be called by it.
                None => {}
            }
        }
        Self { by_base, own }
    }

    /// The offer of a model that can be called as it is; what can only be bought in advance cannot.
    pub(super) fn callable(&self, base: &str) -> Option<&Offer<'a>> {
        self.by_base.get(base).filter(|offer| offer.is_callable())
    }
}

impl Offer<'_> {
    fn add(&mut self, geography: &str, strays: bool) {
        self.profiles.push(geography.to_owned());
        if strays {
            self.stray.push(geography.to_owned());
        }
    }

    pub(super) fn is_callable(&self) -> bool {
        self.on_demand() || !self.profiles.is_empty()
    }

    fn on_demand(&self) -> bool {
        self.listed.is_some_and(|it| it.on_demand)
    }

    /// Believes the listing of what it knows better than a file: how the model is reached, its name and its end.
    pub(super) fn correct(&self, info: &mut ModelInfo) {
        info.on_demand = self.on_demand();
        info.profiles.clone_from(&self.profiles);
        info.stray_profiles.clone_from(&self.stray);
        if let Some(listed) = self.listed {
            info.name = listed.name.clone().or_else(|| info.name.take());
            info.legacy |= listed.legacy;
            info.end_of_life = listed.end_of_life.or(info.end_of_life);
        }
    }

    /// A model that no file knows: what the listing says of it, and of the rest what a model can usually do.
    pub(super) fn unknown(&self, base: &str) -> ModelInfo {
        let mut info = ModelInfo {
            id: base.to_owned(),
            bedrock_id: base.to_owned(),
            base_id: base.to_owned(),
            owned_by: base.split('.').next().unwrap_or(base).to_owned(),
            input: vec![Modality::Text, Modality::Image, Modality::Document],
            ..ModelInfo::default()
        };
        if let Some(listed) = self.listed {
            info.streaming = listed.streaming;
            info.output.clone_from(&listed.output);
            info.input.clone_from(&listed.input);
        }
        let chats = info.output.contains(&Modality::Text);
        if chats && !info.input.contains(&Modality::Document) {
            // The listing has no word for documents; Bedrock refuses those that a model cannot read.
            info.input.push(Modality::Document);
        }
        if !chats {
            (info.sampling, info.stop_sequences, info.tools, info.tool_choice) = (false, false, false, false);
        }
        self.correct(&mut info);
        info
    }
}
