//! The Batch API (openai-python 3.52, `types/batch.py`; <https://platform.openai.com/docs/api-reference/batch>): what is
//! asked for, the lines of a batch's file, the lines of what it makes, and how a batch is shown.

mod line;
mod output;
mod request;
mod view;

pub use line::{Call, LineFault, OfLine, check, read};
pub use output::{Ended, write_line};
pub use request::{BatchRequest, Window, parse};
pub use view::{BatchFacts, show, show_list};
