//! Amazon Bedrock's own dialect: Converse and ConverseStream (shapes: botocore 1.44.5, `bedrock-runtime`).
//!
//! The neutral conversation has Converse's shape, so that a request is taken as it stands: nothing is put in another
//! order, renamed or filled in, and what Bedrock does not accept is Bedrock's to refuse. What the neutral conversation
//! has no place for is refused here, by name: nothing a client sends is dropped. The model's id stands in the path.
//! JSON in a tool's result goes to the model as its text, which is how models read it.

mod event_stream;
mod request;
mod response;
mod shapes;
mod stream;
mod union;

pub use event_stream::CONTENT_TYPE as EVENT_STREAM;
pub use request::parse;
pub use response::response;
pub use stream::ConverseStream;
