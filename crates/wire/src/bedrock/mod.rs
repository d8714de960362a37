//! Amazon Bedrock's own dialect: Converse and ConverseStream (shapes: botocore 1.44.5, `bedrock-runtime`).
//!
//! The neutral conversation has Converse's shape, so that a request is taken as it stands: nothing is put in another
//! order, renamed or filled in, and what Bedrock does not accept is Bedrock's to refuse. (Tools that the provider runs
//! come behind the others, and a schema without a name gets one.) What the neutral conversation has no place for is
//! refused here, by name: nothing a client sends is dropped. The model's id stands in the path. Media stay in base64 as
//! slices of the body.

mod at;
mod event_stream;
pub mod invoke;
pub mod parity;
mod request;
mod response;
mod shapes;
mod stream;
mod union;

pub use event_stream::CONTENT_TYPE as EVENT_STREAM;
pub use request::{Asked, Counted, S3Object, metadata, parse, parse_count};
pub use response::{count, response};
pub use stream::ConverseStream;
