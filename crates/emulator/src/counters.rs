//! What the emulator has done so far.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The operations that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST /model/{id}/converse`
    Converse,
    /// `POST /model/{id}/converse-stream`
    ConverseStream,
    /// `POST /model/{id}/invoke`
    InvokeModel,
    /// `POST /model/{id}/invoke-with-response-stream`
    InvokeModelWithResponseStream,
    /// `POST /model/{id}/count-tokens`
    CountTokens,
    /// `GET /foundation-models`
    ListFoundationModels,
    /// `GET /foundation-models/{id}`
    GetFoundationModel,
    /// `GET /inference-profiles`
    ListInferenceProfiles,
    /// `GET /inference-profiles/{id}`
    GetInferenceProfile,
    /// `POST /guardrail/{id}/version/{version}/apply`
    ApplyGuardrail,
    /// `POST /model-invocation-job`
    CreateModelInvocationJob,
    /// `GET /model-invocation-job/{id}`
    GetModelInvocationJob,
    /// `GET /model-invocation-jobs`
    ListModelInvocationJobs,
    /// `POST /model-invocation-job/{id}/stop`
    StopModelInvocationJob,
}

impl Operation {
    const ALL: [Self; 14] = [
        Self::Converse,
        Self::ConverseStream,
        Self::InvokeModel,
        Self::InvokeModelWithResponseStream,
        Self::CountTokens,
        Self::ListFoundationModels,
        Self::GetFoundationModel,
        Self::ListInferenceProfiles,
        Self::GetInferenceProfile,
        Self::ApplyGuardrail,
        Self::CreateModelInvocationJob,
        Self::GetModelInvocationJob,
        Self::ListModelInvocationJobs,
        Self::StopModelInvocationJob,
    ];

    /// Whether it is one of the control plane's.
    pub(crate) fn is_control(self) -> bool {
        matches!(
            self,
            Self::ListFoundationModels
                | Self::GetFoundationModel
                | Self::ListInferenceProfiles
                | Self::GetInferenceProfile
                | Self::CreateModelInvocationJob
                | Self::GetModelInvocationJob
                | Self::ListModelInvocationJobs
                | Self::StopModelInvocationJob
        )
    }

    /// The operation's name in the AWS API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converse => "Converse",
            Self::ConverseStream => "ConverseStream",
            Self::InvokeModel => "InvokeModel",
            Self::InvokeModelWithResponseStream => "InvokeModelWithResponseStream",
            Self::CountTokens => "CountTokens",
            Self::ListFoundationModels => "ListFoundationModels",
            Self::GetFoundationModel => "GetFoundationModel",
            Self::ListInferenceProfiles => "ListInferenceProfiles",
            Self::GetInferenceProfile => "GetInferenceProfile",
            Self::ApplyGuardrail => "ApplyGuardrail",
            Self::CreateModelInvocationJob => "CreateModelInvocationJob",
            Self::GetModelInvocationJob => "GetModelInvocationJob",
            Self::ListModelInvocationJobs => "ListModelInvocationJobs",
            Self::StopModelInvocationJob => "StopModelInvocationJob",
        }
    }

    pub(crate) fn streams(self) -> bool {
        matches!(self, Self::ConverseStream | Self::InvokeModelWithResponseStream)
    }
}

/// A handle on an emulator's counters; cloning it is cheap and all clones show the same counts.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    calls: [AtomicU64; 14],
    refusals: AtomicU64,
    faults: AtomicU64,
    abandoned: AtomicU64,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
}

/// All counts at one moment; the body of `GET /_emulator/counters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountersSnapshot {
    /// Calls per operation that reached it, refused ones too.
    pub calls: BTreeMap<&'static str, u64>,
    /// Calls answered with an error that no fault asked for.
    pub refusals: u64,
    /// Faults injected.
    pub faults: u64,
    /// Paced streams whose client went away before their end.
    pub abandoned: u64,
    /// Input tokens of answered calls, cached ones included.
    pub input_tokens: u64,
    /// Output tokens of answered calls.
    pub output_tokens: u64,
}

impl Counters {
    /// Calls of one operation, refused ones and those struck by a fault included.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.0.calls[operation as usize].load(Ordering::Relaxed)
    }

    /// Faults injected so far.
    pub fn faults(&self) -> u64 {
        self.0.faults.load(Ordering::Relaxed)
    }

    /// Input tokens of answered calls so far, cached ones included.
    pub fn input_tokens(&self) -> u64 {
        self.0.input_tokens.load(Ordering::Relaxed)
    }

    /// Output tokens of answered calls so far.
    pub fn output_tokens(&self) -> u64 {
        self.0.output_tokens.load(Ordering::Relaxed)
    }

    /// All counts.
    pub fn snapshot(&self) -> CountersSnapshot {
        CountersSnapshot {
            calls: Operation::ALL.into_iter().map(|it| (it.name(), self.calls(it))).collect(),
            refusals: self.0.refusals.load(Ordering::Relaxed),
            faults: self.faults(),
            abandoned: self.0.abandoned.load(Ordering::Relaxed),
            input_tokens: self.input_tokens(),
            output_tokens: self.output_tokens(),
        }
    }

    pub(crate) fn call(&self, operation: Operation) {
        self.0.calls[operation as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refusal(&self) {
        self.0.refusals.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fault(&self) {
        self.0.faults.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn abandoned(&self) {
        self.0.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, input: u64, output: u64) {
        self.0.input_tokens.fetch_add(input, Ordering::Relaxed);
        self.0.output_tokens.fetch_add(output, Ordering::Relaxed);
    }
}
