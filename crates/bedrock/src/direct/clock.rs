//! The time that is signed: this machine's, shifted by how far AWS's is ahead.
//!
//! AWS takes no signature that is five minutes old or from the future. A machine whose clock is wrong learns the time from a refusal,
//! as with the SDK (aws-runtime, `service_clock_skew`); the SDK reads it from every answer, but one that is good says that nothing is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Less is nothing to mend: it is taken, and the header has whole seconds.
const LEAST: Duration = Duration::from_secs(4 * 60);
/// Of a call that took longer nobody knows when the answer was made.
const LONGEST: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Clone)]
pub(super) struct Clock {
    usual: SharedTimeSource,
    /// Milliseconds.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    pub(super) fn new(usual: SharedTimeSource) -> Self {
        Self { usual, ahead: Arc::default() }
    }

    /// This machine's.
    pub(super) fn unshifted(&self) -> SystemTime {
        self.usual.now()
    }

    /// Looks at the answer to what was sent then, by this machine's clock.
    pub(super) fn learn(&self, sent: SystemTime, response: &HttpResponse) {
        // What a cache kept is from another time.
        if response.status().is_success() || response.headers().get("age").is_some() {
            return;
        }
        let Some(theirs) = date(response) else { return };
        let Ok(took) = self.unshifted().duration_since(sent) else { return };
        if took > LONGEST {
            return;
        }
        let middle = sent + took / 2;
        let (by, sign) = match theirs.duration_since(middle) {
            Ok(ahead) => (ahead, 1),
            Err(behind) => (behind.duration(), -1),
        };
        let millis = if by < LEAST { 0 } else { i64::try_from(by.as_millis()).unwrap_or_default() };
        let ahead = sign * millis;
        if self.ahead.swap(ahead, Ordering::Relaxed) != ahead && ahead != 0 {
            tracing::warn!(ahead_ms = ahead, "this machine's clock is not AWS's; calls are signed by theirs");
        }
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let (now, ahead) = (self.unshifted(), self.ahead.load(Ordering::Relaxed));
        let by = Duration::from_millis(ahead.unsigned_abs());
        let shifted = if ahead < 0 { now.checked_sub(by) } else { now.checked_add(by) };
        shifted.unwrap_or(now)
    }
}

fn date(response: &HttpResponse) -> Option<SystemTime> {
    let date = DateTime::from_str(response.headers().get("date")?, Format::HttpDate).ok()?;
    SystemTime::try_from(date).ok()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use aws_smithy_async::time::StaticTimeSource;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// 1994-11-06T08:49:37Z.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    /// How far the clock is ahead after an answer with this status and these headers, seconds.
    fn after(clock: &Clock, status: u16, headers: &[(&'static str, &'static str)]) -> i64 {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        clock.learn(now(), &response);
        match clock.now().duration_since(now()) {
            Ok(ahead) => ahead.as_secs().cast_signed(),
            Err(behind) => -behind.duration().as_secs().cast_signed(),
        }
    }

    #[test]
    fn a_refusal_tells_the_time_and_a_later_one_that_it_is_right_again() {
        let clock = Clock::new(SharedTimeSource::new(StaticTimeSource::new(now())));
        let [hour_later, hour_earlier, near] = [
            "Sun, 06 Nov 1994 09:49:37 GMT",
            "Sun, 06 Nov 1994 07:49:37 GMT",
            "Sun, 06 Nov 1994 08:52:37 GMT",
        ];
        assert_eq!(after(&clock, 200, &[("date", hour_later)]), 0);
        assert_eq!(after(&clock, 403, &[("date", hour_later), ("age", "3600")]), 0);
        assert_eq!(after(&clock, 403, &[("date", "yesterday")]), 0);
        assert_eq!(after(&clock, 403, &[("date", hour_later)]), 3_600);
        assert_eq!(after(&clock, 500, &[]), 3_600);
        assert_eq!(after(&clock, 403, &[("date", hour_earlier)]), -3_600);
        assert_eq!(after(&clock, 403, &[("date", near)]), 0);
    }
}
