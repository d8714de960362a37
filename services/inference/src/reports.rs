//! What people ask of the ledger: questions read from parameters, answers written as JSON or CSV.
//!
//! `GET /admin/v1/usage` and `outcrop usage report` read and write alike through it. Start at [`take_question`];
//! [`Reports`] asks the ledger, the rest is pure.

pub mod csv;
mod cursor;
mod filter;
mod ledger;
mod params;
mod question;
mod span;
#[cfg(test)]
mod tests;
mod view;

pub use filter::take_filter;
pub use ledger::Reports;
pub use params::{Params, Unfit};
pub use question::{dimension_name, take_question};
pub use span::take_moment;
pub use view::{Summary, page, row, signed_usd};
