//! What a Converse answer repeats of its request: settings, and the model's own fields asked for.

use super::request::{Request, Str};
use crate::answer::Usage;
use crate::json::{number, raw, string};
use crate::models::{Capability, Model};
use serde_json::Value;

/// `performanceConfig.latency`.
pub(crate) const LATENCIES: [&str; 2] = ["standard", "optimized"];
/// `serviceTier.type`.
pub(crate) const TIERS: [&str; 4] = ["priority", "default", "flex", "reserved"];

fn known(words: &[&'static str], word: Option<&str>) -> Option<&'static str> {
    words.iter().find(|it| Some(**it) == word).copied()
}

/// The parts of the request its answer depends on after the prompt is answered.
#[derive(Clone, Debug)]
pub(crate) struct Echo {
    /// Whether cache counts are given even when they are 0.
    pub(crate) caches: bool,
    latency: Option<&'static str>,
    tier: Option<&'static str>,
    wants_stop_sequence: bool,
    wants_output_details: bool,
    /// What is told of a guardrail.
    trace: Option<Value>,
}

impl Echo {
    /// The words were validated, so they are among the known ones.
    pub(crate) fn new(model: &Model, request: &Request<'_>) -> Self {
        let paths = request.additional_model_response_field_paths.as_deref().unwrap_or_default();
        let wants = |path: &str| model.is_claude() && paths.iter().any(|it: &Str<'_>| &**it == path);
        Self {
            caches: model.can(Capability::PromptCaching),
            latency: known(
                &LATENCIES,
                request.performance_config.as_ref().and_then(|it| it.latency.as_deref()),
            ),
            tier: known(&TIERS, request.service_tier.as_ref().and_then(|it| it.r#type.as_deref())),
            wants_stop_sequence: wants("/stop_sequence"),
            wants_output_details: wants("/usage/output_tokens_details"),
            trace: None,
        }
    }

    /// `,"additionalModelResponseFields":{…}` if any was asked for.
    pub(crate) fn response_fields(&self, out: &mut Vec<u8>, stop_sequence: Option<&str>, usage: &Usage) {
        if !self.wants_stop_sequence && !self.wants_output_details {
            return;
        }
        raw(out, r#","additionalModelResponseFields":{"#);
        if self.wants_stop_sequence {
            raw(out, r#""stop_sequence":"#);
            match stop_sequence {
                Some(sequence) => string(out, sequence),
                None => raw(out, "null"),
            }
        }
        if self.wants_output_details {
            let comma = if self.wants_stop_sequence { "," } else { "" };
            raw(out, comma);
            raw(out, r#""usage":{"output_tokens_details":{"thinking_tokens":"#);
            number(out, usage.thinking);
            raw(out, "}}");
        }
        out.push(b'}');
    }

    /// With what a guardrail found.
    pub(crate) fn with_trace(mut self, trace: Option<Value>) -> Self {
        self.trace = trace;
        self
    }

    /// `,"trace":{"guardrail":…}` if it was asked for.
    pub(crate) fn trace(&self, out: &mut Vec<u8>) {
        let Some(trace) = &self.trace else { return };
        raw(out, r#","trace":"#);
        raw(out, &trace.to_string());
    }

    /// `,"performanceConfig":…,"serviceTier":…` as they were given.
    pub(crate) fn settings(&self, out: &mut Vec<u8>) {
        if let Some(latency) = self.latency {
            raw(out, r#","performanceConfig":{"latency":"#);
            string(out, latency);
            out.push(b'}');
        }
        if let Some(tier) = self.tier {
            raw(out, r#","serviceTier":{"type":"#);
            string(out, tier);
            out.push(b'}');
        }
    }
}
