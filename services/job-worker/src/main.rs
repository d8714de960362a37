//! outcrop-job-worker.
fn main() {}
