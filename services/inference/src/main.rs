//! outcrop-inference.
fn main() {}
