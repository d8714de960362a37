//! How an emulator is set up.

use crate::batch::Batches;
use crate::faults::Faults;
use crate::objects::Objects;
use std::sync::Arc;
use std::time::Duration;

/// Settings of an [`Emulator`](crate::Emulator). The default serves on a free port of the loopback address.
#[derive(Clone, Debug)]
pub struct EmulatorConfig {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Threads that serve requests.
    pub workers: usize,
    /// Base URL of an Ollama server that answers chats instead of the scripted answers.
    pub ollama: Option<String>,
    /// The Ollama model to use; without it, the first one the server lists.
    pub ollama_model: Option<String>,
    /// Faults from the start; they can be changed while it runs.
    pub faults: Faults,
    /// How batch jobs go; that can be changed while it runs.
    pub batches: Batches,
    /// Where batch jobs read and write; without it there is no batch inference.
    pub objects: Option<Arc<dyn Objects>>,
    /// Its region: that of its ARNs, and of requests whose signature names none.
    pub region: String,
    /// Account of ARNs.
    pub account_id: String,
    /// How long open answers may go on once it is told to stop.
    pub shutdown_timeout: Duration,
}

impl Default for EmulatorConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            workers: 1,
            ollama: None,
            ollama_model: None,
            faults: Faults::default(),
            batches: Batches::default(),
            objects: None,
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}
