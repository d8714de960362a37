//! `outcrop healthcheck`: for containers without a shell.

use std::time::Duration;

use outcrop_config::Config;

use crate::cli::HealthcheckArgs;
use crate::failure::Failure;
use crate::local_url::local_url;

/// Container runtimes give a check a few seconds.
const TIME_LIMIT: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &HealthcheckArgs, config: &Config) -> Result<(), Failure> {
    let base = args
        .url
        .as_deref()
        .filter(|url| !url.is_empty())
        .map_or_else(|| local_url(config), ToOwned::to_owned);
    let path = if args.ready { "readyz" } else { "healthz" };
    let url = format!("{}/{path}", base.trim_end_matches('/'));
    let client = reqwest::Client::builder().timeout(TIME_LIMIT).build();
    let client = client.map_err(|error| Failure::from_error(&error))?;
    let response = client.get(&url).send().await.map_err(|error| Failure::from_error(&error))?;
    if response.status().is_success() {
        return Ok(());
    }
    Err(Failure::failed(format!("{url} answered {}", response.status())))
}
