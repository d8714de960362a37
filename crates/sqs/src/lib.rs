//! The [`Queue`](outcrop_ports::Queue) port on Amazon SQS.
//!
//! One queue per value, and beside it the dead-letter queue that its redrive policy names. Long-polls, one message at a
//! time. This crate knows nothing of jobs: bodies are opaque strings. It makes no queues and sets no redrive policy either:
//! both belong to whoever runs the platform.
//! Standard queues only; a FIFO queue would want a group per message. Start reading at [`SqsQueue`].

mod dead_letters;
mod depth;
mod errors;
mod marks;
mod queue;
mod sending;
mod units;

pub use queue::SqsQueue;
