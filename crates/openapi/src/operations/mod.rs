//! The table, by service.

mod access;
mod dialects;
mod identity;
mod ledger;
mod models;
mod people;
mod policies;
mod routes;

use crate::Operation;

/// Every operation there is for the public.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    let groups = [
        dialects::OPERATIONS,
        models::OPERATIONS,
        ledger::OPERATIONS,
        identity::OPERATIONS,
        people::OPERATIONS,
        access::OPERATIONS,
        policies::OPERATIONS,
        routes::OPERATIONS,
    ];
    groups.into_iter().flatten()
}
