//! The [`Queue`](outcrop_ports::Queue) port on Amazon SQS.
//!
//! One queue per value. Long-polls, one message at a time. This crate knows nothing of jobs: bodies are opaque
//! strings. It makes no queues and sets no redrive policy either: both belong to whoever runs the platform.
//! Standard queues only; a FIFO queue would want a group per message. Start reading at [`SqsQueue`].

mod errors;
mod queue;
mod units;

pub use queue::SqsQueue;
