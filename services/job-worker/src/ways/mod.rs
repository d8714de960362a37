//! Which way work is done: by how long it can wait, and by what policies allow.
//!
//! [`choose`] says which; Bedrock's batch inference does a batch: `records.rs` writes its records, `submit.rs` submits them,
//! `bedrock.rs` looks after the job, `index.rs` finds its answers again.

mod bedrock;
mod bedrock_span;
mod choose;
mod index;
mod policies;
mod records;
mod submit;

pub(crate) use bedrock::{BedrockStep, Submitted, blobs_of};
pub(crate) use choose::WorkAtHand;
pub(crate) use index::BedrockAnswers;
pub(crate) use policies::KnownPolicies;
