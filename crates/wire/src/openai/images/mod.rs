//! `POST /v1/images/generations`: the request, and the answer. [`parity::FIELDS`] says what becomes of each field.

pub mod parity;
mod request;
mod response;

pub use request::{ImagesRequest, parse};
pub use response::response;
