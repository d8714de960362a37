//! What calls are named in metrics, and how much of what is said in them their spans may hold.

use std::sync::Arc;
use std::time::Instant;

use outcrop_config::{Config, MetricsConfig, TraceContent};
use outcrop_ports::ModelInfo;
use outcrop_telemetry::top::{OTHER, Top};
use outcrop_types::{Region, TeamId};

/// Regions with a label of their own. AWS has some forty; clients who name others by ARN get no further label by that.
const TOP_REGIONS: usize = 64;

/// How calls of models are told of.
#[derive(Debug, Clone, Copy)]
pub struct TellingOptions {
    /// Teams with a label of their own.
    pub top_teams: usize,
    /// Models with a label of their own.
    pub top_models: usize,
    /// Most of what is asked, and of what is answered, that a span holds, bytes; `None` where it holds nothing of it.
    pub content_bytes: Option<usize>,
}

impl Default for TellingOptions {
    fn default() -> Self {
        let MetricsConfig { top_teams, top_models, .. } = MetricsConfig::default();
        Self { top_teams, top_models, content_bytes: None }
    }
}

impl From<&Config> for TellingOptions {
    fn from(config: &Config) -> Self {
        let MetricsConfig { top_teams, top_models, .. } = config.metrics;
        let content_bytes =
            (config.traces.content == TraceContent::Redacted).then_some(config.traces.content_bytes);
        Self { top_teams, top_models, content_bytes }
    }
}

/// What a target is named in metrics.
#[derive(Debug)]
pub(crate) struct TargetLabels {
    pub(crate) model: Arc<str>,
    pub(crate) region: Arc<str>,
}

/// The labels that calls have, each of a bounded list.
#[derive(Debug)]
pub(crate) struct Telling {
    teams: Top<TeamId>,
    models: Top<String>,
    regions: Top<Region>,
    pub(super) content_bytes: Option<usize>,
}

impl Telling {
    pub(crate) fn new(TellingOptions { top_teams, top_models, content_bytes }: TellingOptions) -> Self {
        Self {
            teams: Top::new(top_teams),
            models: Top::new(top_models),
            regions: Top::new(TOP_REGIONS),
            content_bytes,
        }
    }

    /// The team's label.
    pub(crate) fn team(&self, team: TeamId) -> Arc<str> {
        self.teams.name(&team, Instant::now(), || team.to_string().into())
    }

    /// The model's label: the catalogue's name of it. What has none but an ARN, which a client may have written, is none of
    /// the names.
    pub(crate) fn model(&self, model: &ModelInfo) -> Arc<str> {
        let id = &model.id;
        if id.starts_with("arn:") {
            // Nor has it the place of one.
            return OTHER.into();
        }
        self.models.name(id, Instant::now(), || id.as_str().into())
    }

    /// The labels of a model in a region.
    pub(crate) fn target(&self, model: &ModelInfo, region: &Region) -> TargetLabels {
        TargetLabels { model: self.model(model), region: self.region(region) }
    }

    fn region(&self, region: &Region) -> Arc<str> {
        self.regions.name(region, Instant::now(), || region.as_str().into())
    }
}
