//! `POST /v1/embeddings`: the request, and the answer. [`parity::FIELDS`] says what becomes of each field.
//!
//! OpenAI's own SDKs ask for base64 unless told otherwise, and LangChain sends numbers of OpenAI's tokens instead of texts:
//! both are as good as the rest. Fields that OpenAI does not know are ignored, but for `input_type`, which is Cohere's and
//! tells a question from a document.

pub mod parity;
mod request;
mod response;

pub use request::{EmbeddingsRequest, Encoding, Input, InputType, parse};
pub use response::response;
