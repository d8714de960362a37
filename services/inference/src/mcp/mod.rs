//! What the platform offers to MCP clients: models and usage as tools, work that can wait, a team's prompts.

mod arguments;
mod models;
mod prompts;
mod refusal;
mod work;

use std::sync::Arc;

use outcrop_mcp::{Catalog, Fixtures};
use outcrop_ports::PromptStore;

use self::models::ModelTools;
use self::prompts::TeamPrompts;
use self::work::Work;
use crate::InferenceService;

/// Everything that is offered; with the fixtures of the conformance suite, where settings say so.
#[must_use]
pub fn mcp_catalog(
    service: &InferenceService,
    prompts: Arc<dyn PromptStore>,
    with_fixtures: bool,
) -> Catalog {
    let catalog = Catalog::default()
        .with(Arc::new(ModelTools::new(service.clone())))
        .with(Arc::new(Work::new(service.clone())))
        .with(Arc::new(TeamPrompts::new(prompts)));
    if with_fixtures { catalog.with(Arc::new(Fixtures::default())) } else { catalog }
}
