//! `prompt_caching`, by which clients of the Bedrock Access Gateway say what is to be kept (its README, Prompt Caching).

use outcrop_chat::{CacheTtl, Caching, InvalidRequest};
use serde::Deserialize;

use crate::vendor::one_of;

/// The field, as it stands in the request or in its `extra_body`.
pub(crate) const NAME: &str = "prompt_caching";

/// What is to be kept. What is `false` here is not kept even where settings say so.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct PromptCaching {
    /// Not that gateway's.
    tools: Option<bool>,
    system: Option<bool>,
    messages: Option<bool>,
    /// Not that gateway's: `5m` or `1h`.
    ttl: Option<String>,
}

impl PromptCaching {
    /// Puts it to what the dialect's own fields say.
    ///
    /// # Errors
    /// [`InvalidRequest`] for a time that nobody knows.
    pub(crate) fn apply(&self, caching: &mut Caching) -> Result<(), InvalidRequest> {
        let Self { tools, system, messages, ttl } = self;
        for (said, known) in
            [(tools, &mut caching.tools), (system, &mut caching.system), (messages, &mut caching.messages)]
        {
            *known = said.or(*known);
        }
        if let Some(word) = ttl {
            let ttl = CacheTtl::parse(word);
            caching.ttl = Some(ttl.ok_or_else(|| one_of("prompt_caching.ttl", &["5m", "1h"], word))?);
        }
        if ttl.is_some() || [tools, system, messages].into_iter().any(|it| *it == Some(true)) {
            caching.said.push(NAME);
        }
        Ok(())
    }
}
