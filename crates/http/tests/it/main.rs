//! Servers over real HTTP, on free ports.

mod drain;
mod errors;
mod health;
mod identity;
mod requests;
mod world;
