//! How a process stops: the signal that asks for it, and the count of what must finish first.
//!
//! Knows no HTTP. [`stop_on_signal`] gives the token that everything long-lived listens to; [`InFlight`]
//! counts what is still being answered, so that a server can leave as soon as the last of it is done.

mod in_flight;
mod signal;

pub use in_flight::{Guard, InFlight};
pub use signal::{SECOND_SIGNAL_EXIT_CODE, stop_on_signal};
