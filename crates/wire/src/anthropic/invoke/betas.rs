//! Which betas Bedrock takes: it refuses a whole request for one that it does not know.
//!
//! Source: the table for Bedrock's InvokeModel in LiteLLM (`anthropic_beta_headers_config.json`, read 2026-11-21) and
//! Anthropic's and Amazon's documentation of extended thinking. What is not listed is left out and named.

use super::super::Betas;
use super::body::Traits;

/// Anthropic's name, and Bedrock's.
const TAKEN: [(&str, &str); 15] = [
    // Bedrock has the part of it that finds tools.
    ("advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19"),
    ("compact-2026-01-12", "compact-2026-01-12"),
    ("computer-use-2025-01-24", "computer-use-2025-01-24"),
    ("computer-use-2025-11-24", "computer-use-2025-11-24"),
    ("context-1m-2025-08-07", "context-1m-2025-08-07"),
    ("context-management-2025-06-27", "context-management-2025-06-27"),
    ("dangerous-tool-use-2026-09-03", "dangerous-tool-use-2026-09-03"),
    ("effort-2025-11-24", "effort-2025-11-24"),
    ("fine-grained-tool-streaming-2025-05-14", "fine-grained-tool-streaming-2025-05-14"),
    ("mid-conversation-output-config-2026-07-01", "mid-conversation-output-config-2026-07-01"),
    ("mid-conversation-tool-changes-2026-07-01", "mid-conversation-tool-changes-2026-07-01"),
    ("thinking-binding-controls-2026-08-01", "thinking-binding-controls-2026-08-01"),
    ("thinking-display-updates-2026-08-18", "thinking-display-updates-2026-08-18"),
    ("tool-examples-2025-10-29", "tool-examples-2025-10-29"),
    ("tool-search-tool-2025-10-19", "tool-search-tool-2025-10-19"),
];

/// Models that are told how many tokens to think need this one to think between tool calls; the others do so anyway,
/// and refuse it.
const INTERLEAVED: &str = "interleaved-thinking-2025-05-14";

/// What Bedrock is asked for, each once, and the names that it would refuse.
pub(super) fn sort(betas: &Betas, traits: Traits<'_>) -> (Vec<&'static str>, Vec<String>) {
    let (mut taken, mut left_out) = (Vec::new(), Vec::new());
    for name in betas.iter() {
        let known = TAKEN.iter().find(|(known, _)| *known == name).map(|(_, bedrocks)| *bedrocks);
        let known = known.or((name == INTERLEAVED && traits.thinks_by_budget).then_some(INTERLEAVED));
        match known {
            Some(name) if taken.contains(&name) => {}
            Some(name) => taken.push(name),
            None => left_out.push(name.to_owned()),
        }
    }
    (taken, left_out)
}
