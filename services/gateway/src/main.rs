//! outcrop-gateway.
fn main() {}
