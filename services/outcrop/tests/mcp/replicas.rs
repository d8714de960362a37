//! Processes that do the same work, any of which may die.

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::block_in_place;

use crate::process::Service;

/// Processes of one program.
pub(crate) struct Replicas {
    addresses: Vec<String>,
    services: Mutex<Vec<Service>>,
}

impl Replicas {
    pub(crate) fn new(services: Vec<Service>) -> Self {
        let address = |service: &Service| service.url.trim_start_matches("http://").to_owned();
        Self { addresses: services.iter().map(address).collect(), services: Mutex::new(services) }
    }

    /// Where they answer, those that were killed included.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Kills one as `kill -9` does.
    pub(crate) async fn kill(&self, replica: usize) {
        self.services.lock().await[replica].kill().await;
    }

    /// Starts one again that was killed. Its runtime must have several threads: waiting for a process is not `Send`, and whoever
    /// takes orders has to be.
    pub(crate) fn start_again(&self, replica: usize) {
        let again = async { self.services.lock().await[replica].start_again().await };
        block_in_place(|| Handle::current().block_on(again));
    }

    /// What a replica holds of the machine's memory now, bytes.
    pub(crate) async fn resident(&self, replica: usize) -> u64 {
        let id = self.services.lock().await[replica].id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}
