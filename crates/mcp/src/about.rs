//! What the server says about itself, in both eras.

use outcrop_wire::mcp::Implementation;
use serde_json::{Value, json};

use crate::{Caller, Catalog, Halt, Watched};

/// For the model of the client.
pub(crate) const INSTRUCTIONS: &str = "Outcrop is a platform for language models. Its tools ask models, list them and count tokens, \
     and hand in work that can wait and look after it; its resources are models, usage, jobs and their results; its prompts are \
     the team's own. All of it counts against the team's limits and budgets.";

/// Who the server is.
pub(crate) fn server_info() -> Implementation {
    Implementation {
        name: "outcrop".to_owned(),
        title: Some("Outcrop".to_owned()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What it can do for the caller. Of a list it says that changes are told if somebody tells of them.
pub(crate) async fn capabilities(catalog: &Catalog, caller: &Caller) -> Result<Value, Halt> {
    let mut capabilities = json!({
        "tools": {},
        "resources": { "subscribe": true },
        "prompts": {},
        "completions": {},
        "logging": {},
    });
    let lists = [("tools", Watched::Tools), ("resources", Watched::Resources), ("prompts", Watched::Prompts)];
    for (list, watched) in lists {
        if catalog.watch(caller, &watched).await?.is_some() {
            capabilities[list]["listChanged"] = true.into();
        }
    }
    Ok(capabilities)
}
