//! `/v1/responses`: OpenAI's API of answers that are remembered.

mod count;
mod create;
mod kept;

pub(crate) use count::count;
pub(crate) use create::{answer, create};
pub(crate) use kept::{cancel, compact, delete, get, input_items};
