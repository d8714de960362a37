//! The log filter that an administrator set for a while: every process of the platform takes it on, and goes back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use outcrop_config::Config;
use outcrop_ports::{Clock, Heard};
use outcrop_telemetry::filter::{self, Meanwhile};
use outcrop_types::Change;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::WiringError;

/// How often it is seen whether the time is over.
const LOOK: Duration = Duration::from_secs(1);

/// Takes on, until `stop`, what administrators say about the log of this process, in a task of its own.
///
/// # Errors
/// A setting makes no sense.
pub fn follow_log(config: &Config, stop: CancellationToken) -> Result<(), WiringError> {
    let (mut heard, clock) = (crate::changes(config)?.listen(), crate::clock());
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => go_back(clock.now()),
                heard = heard.next() => match heard {
                    Some(Heard::Changed(Change::Log { filter, until })) => take_on(filter, until, &*clock),
                    Some(_) => {}
                    None => return,
                },
            }
        }
    });
    Ok(())
}

fn take_on(filter: Option<String>, until: DateTime<Utc>, clock: &dyn Clock) {
    let meanwhile = filter.map(|filter| Meanwhile { filter, until: until.into() });
    // What was announced long ago, by a clock like ours, is over.
    if meanwhile.is_some() && until <= clock.now() {
        return;
    }
    let words = meanwhile.as_ref().map_or("as configured", |it| &it.filter).to_owned();
    match filter::hold(meanwhile) {
        Ok(()) => tracing::info!(telemetry.filter = words, until = %until, "the log filter was changed"),
        Err(error) => {
            tracing::warn!(error, telemetry.filter = words, "a log filter was announced that is none");
        }
    }
}

fn go_back(now: DateTime<Utc>) {
    if filter::over(now.into()) {
        tracing::info!("the time of the log filter is over; it is as configured again");
    }
}
