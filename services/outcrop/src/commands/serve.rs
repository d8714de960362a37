//! `outcrop` and `outcrop serve`: the platform.

use std::path::Path;

use outcrop_auth::Acting;
use outcrop_config::Config;
use outcrop_http::MetricsListener;
use outcrop_telemetry::metric::Page;
use tokio_util::sync::CancellationToken;

use crate::commands::config::together;
use crate::failure::Failure;
use crate::platform::Platform;
use crate::{output, welcome};

/// `data_dir` is the folder as the command line named it, to be repeated in the hint to other commands.
pub(crate) async fn run(config: Config, data_dir: Option<&Path>) -> Result<(), Failure> {
    together(&config)?;
    let stop = outcrop_lifecycle::stop_on_signal().map_err(|error| Failure::from_error(&error))?;
    let config = outcrop_wiring::resolve(config).await?;
    let telemetry = outcrop_wiring::start_telemetry("outcrop", &config)?;
    let served = Box::pin(serve(&config, telemetry.page(), data_dir, stop)).await;
    telemetry.finish();
    served
}

async fn serve(
    config: &Config,
    metrics: Option<Page>,
    data_dir: Option<&Path>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    outcrop_wiring::follow_log(config, stop.clone())?;
    let platform = Box::pin(Platform::build(config)).await?;
    // At an address of its own alone: the platform's is the public's.
    let _metrics = MetricsListener::start(&config.metrics, metrics)
        .map_err(|error| Failure::failed(error.to_string()))?;
    let url = welcome::base_url(platform.addr());
    // Only once the address is ours: a key that nobody gets to see would be lost.
    let first = match bearers_are_known(config) {
        true => None,
        false => platform
            .auth
            .bootstrap_if_empty(&Acting::system())
            .await
            .map_err(|error| Failure::from_error(&error))?,
    };
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

/// Whether keys with names stand in the settings. A first key would then be one that nobody asked for, in the log of every
/// process that starts with an empty store of its own. The one key for everybody needs the first admin's team.
fn bearers_are_known(config: &Config) -> bool {
    config.auth.static_keys.is_some() && config.auth.static_key.is_none()
}
