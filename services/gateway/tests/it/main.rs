//! The gateway over real HTTP, with services behind it that do as they are told.

mod bodies;
mod edge;
mod forward;
mod world;
