//! Our own dialect. Unknown fields are errors: a typing mistake must not change an answer in silence.

pub mod generate;
