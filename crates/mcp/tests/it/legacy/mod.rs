//! The old era: sessions that any replica serves.

mod asks;
mod ends;
mod handshake;
mod messages;
mod news;
mod store;
mod streams;
mod weather;
