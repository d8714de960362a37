//! What the control plane says, in our words.

use outcrop_ports::Modality;

/// What a region offers.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) models: Vec<ListedModel>,
    pub(crate) profiles: Vec<ListedProfile>,
}

/// A foundation model.
#[derive(Debug)]
pub(crate) struct ListedModel {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) input: Vec<Modality>,
    pub(crate) output: Vec<Modality>,
    pub(crate) streaming: bool,
    pub(crate) on_demand: bool,
    pub(crate) legacy: bool,
    /// Seconds since the Unix epoch.
    pub(crate) end_of_life: Option<i64>,
}

/// An inference profile.
#[derive(Debug)]
pub(crate) struct ListedProfile {
    pub(crate) arn: String,
    pub(crate) name: Option<String>,
    /// Made by the account, not by Bedrock.
    pub(crate) own: bool,
    /// Bedrock's id of the model behind it.
    pub(crate) base: String,
    /// The geography it routes over; nothing if it stays in the region.
    pub(crate) geography: Option<String>,
    /// Whether it goes to regions outside of that geography, beside the one it is called in.
    pub(crate) strays: bool,
}
