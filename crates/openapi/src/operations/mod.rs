//! The table, by service.

mod access;
mod dialects;
mod identity;
mod models;
mod people;

use crate::Operation;

/// Every operation there is for the public.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    let groups = [
        dialects::OPERATIONS,
        models::OPERATIONS,
        identity::OPERATIONS,
        people::OPERATIONS,
        access::OPERATIONS,
    ];
    groups.into_iter().flatten()
}
