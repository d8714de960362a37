//! `/v1/responses`: OpenAI's API of answers that are remembered.

mod background;
mod count;
mod create;
mod kept;

pub(crate) use background::made_before;
pub(crate) use count::count;
pub(crate) use create::{answer, create};
pub(crate) use kept::{cancel, compact, delete, get, input_items};
