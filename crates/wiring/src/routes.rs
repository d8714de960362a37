//! What is asked of routes before anything is connected.

use std::path::Path;

use outcrop_config::Config;
use outcrop_types::{Fault, Region};

use crate::WiringError;
use crate::places::EMULATED_REGION;

/// The regions that calls go to, without connecting to anything: those of `models.url`, or the one of the AWS environment.
/// Empty where only a file of the AWS SDK would tell.
pub fn regions(config: &Config) -> Result<Vec<Region>, WiringError> {
    let named = config.models.regions().map_err(WiringError::setting)?;
    if !named.is_empty() {
        return Ok(named);
    }
    if config.models.url.starts_with("emulator://") {
        return Ok(EMULATED_REGION.parse().into_iter().collect());
    }
    let of = |name: &str| std::env::var(name).ok()?.parse().ok();
    Ok(["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(of).into_iter().collect())
}

/// Why a process does not start with a file of routes: every fault on a line of its own.
#[must_use]
pub fn routes_refused(file: &Path, faults: &[Fault]) -> WiringError {
    let line = |fault: &Fault| format!("`routing.routes`: {}: {fault}", file.display());
    let lines: Vec<String> = faults.iter().map(line).collect();
    WiringError::setting(lines.join("\n"))
}
