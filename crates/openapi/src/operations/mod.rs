//! The table, by service.

mod access;
mod identity;
mod models;
mod people;

use crate::Operation;

/// Every operation there is for the public.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    [models::OPERATIONS, identity::OPERATIONS, people::OPERATIONS, access::OPERATIONS].into_iter().flatten()
}
