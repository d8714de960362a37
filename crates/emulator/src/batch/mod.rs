//! Batch inference: many records in an object, answered by the code that answers single calls.
//!
//! `CreateModelInvocationJob` and its like, as
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html> has them. A job's input is one
//! `.jsonl` object, not a folder of them. Records of the output stand in another order than those of the input, because
//! Bedrock promises none.

mod create;
mod forms;
mod jobs;
mod lines;
mod list;
mod pace;
mod record;
mod work;

pub use pace::{BatchEnd, Batches};

pub(crate) use create::create;
pub(crate) use jobs::JobsState;
pub(crate) use list::{get, list, stop};
