//! outcrop-auth.
fn main() {}
