//! `outcrop` and `outcrop serve`: the platform.

use std::path::Path;

use outcrop_auth::Acting;
use outcrop_config::Config;

use crate::commands::config::together;
use crate::failure::Failure;
use crate::platform::Platform;
use crate::{output, welcome};

/// `data_dir` is the folder as the command line named it, to be repeated in the hint to other commands.
pub(crate) async fn run(config: Config, data_dir: Option<&Path>) -> Result<(), Failure> {
    together(&config)?;
    let stop = outcrop_lifecycle::stop_on_signal().map_err(|error| Failure::from_error(&error))?;
    let config = outcrop_wiring::resolve(config).await?;
    let platform = Box::pin(Platform::build(&config)).await?;
    let url = welcome::base_url(platform.addr());
    // Only once the address is ours: a key that nobody gets to see would be lost.
    let first = platform
        .auth
        .bootstrap_if_empty(&Acting::system())
        .await
        .map_err(|error| Failure::from_error(&error))?;
    let text = match &first {
        Some(first) => welcome::first(&url, first, &config.models.default, &welcome::program()),
        None => {
            let folder = data_dir.map(|it| it.to_string_lossy());
            welcome::again(&url, folder.as_deref(), &welcome::program())
        }
    };
    // A platform whose start nobody reads still runs.
    let _ = output::write(&text);
    platform.run(stop).await
}
