//! What follows from how a try went.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::{OutboundAnswer, PortError, PortFailure, Told};
use outcrop_types::DeliveryState;

/// Pauses between tries, seconds: those that Standard Webhooks recommends, a little more than a day in all.
pub(super) const PAUSES_S: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
/// Longest that an endpoint may ask to be left alone.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(6 * 3_600);
/// "I am gone": it is not to be told anything any more.
const GONE: u16 = 410;
const TOO_MANY_REQUESTS: u16 = 429;
const UNAVAILABLE: u16 = 503;

/// How a try went.
pub(super) enum Tried {
    /// It was answered.
    Answered {
        status: u16,
        /// How long to leave it alone, as it says.
        retry_after: Option<Duration>,
    },
    /// It was not, and why, in words for the endpoint's owner.
    Untold(String),
}

impl From<Result<OutboundAnswer, PortError>> for Tried {
    fn from(result: Result<OutboundAnswer, PortError>) -> Self {
        match result {
            Ok(answer) => Self::Answered { status: answer.status, retry_after: answer.retry_after },
            // The way out says it in such words.
            Err(PortError { source: Some(source), .. }) => Self::Untold(source.to_string()),
            Err(PortError { failure: PortFailure::Unavailable, .. }) => Self::Untold("no answer".to_owned()),
            Err(_) => Self::Untold("the request could not be sent".to_owned()),
        }
    }
}

impl Tried {
    /// Whether the endpoint wants to be told nothing any more.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { status: GONE, .. })
    }

    /// What becomes of the delivery after so many tries before this one. `jitter`, 0 to 255, spreads what would be tried at
    /// one moment over a tenth of the pause.
    pub(super) fn told(&self, before: u32, jitter: u8, now: DateTime<Utc>) -> Told {
        let (status, error) = match self {
            Self::Answered { status: 200..=299, .. } => {
                let status = self.status();
                return Told { state: DeliveryState::Delivered, next_at: None, status, error: None };
            }
            Self::Answered { status: GONE, .. } => {
                (self.status(), "it answered 410, that it is gone, and was disabled".to_owned())
            }
            Self::Answered { status: 300..=399, .. } => {
                (self.status(), "it redirects, which is not followed".to_owned())
            }
            Self::Answered { status, .. } => (Some(*status), format!("it answered {status}")),
            Self::Untold(why) => (None, why.clone()),
        };
        let next_at = self.pause(before, jitter).and_then(|pause| now.checked_add_signed(pause));
        let state = if next_at.is_some() { DeliveryState::Pending } else { DeliveryState::Failed };
        Told { state, next_at, status, error: Some(error) }
    }

    const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Untold(_) => None,
        }
    }

    /// How long until the next try; `None` if there is none.
    fn pause(&self, before: u32, jitter: u8) -> Option<TimeDelta> {
        if self.is_gone() {
            return None;
        }
        let pause = Duration::from_secs(*PAUSES_S.get(usize::try_from(before).ok()?)?);
        let asked = match self {
            Self::Answered { status: TOO_MANY_REQUESTS | UNAVAILABLE, retry_after } => *retry_after,
            _ => None,
        };
        let pause = pause.max(asked.unwrap_or_default().min(MOST_RETRY_AFTER));
        TimeDelta::from_std(pause + pause * u32::from(jitter) / 2_550).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000, 0).unwrap()
    }

    fn answered(status: u16) -> Tried {
        Tried::Answered { status, retry_after: None }
    }

    fn after(seconds: i64) -> Option<DateTime<Utc>> {
        Some(now() + TimeDelta::seconds(seconds))
    }

    #[test]
    fn every_2xx_is_delivered_and_nothing_else() {
        for status in [200, 201, 202, 204, 299] {
            let told = answered(status).told(3, 9, now());
            assert_eq!((told.state, told.status, told.error), (DeliveryState::Delivered, Some(status), None));
        }
        for status in [100, 199, 300, 301, 307, 400, 401, 404, 429, 500, 503] {
            let told = answered(status).told(0, 0, now());
            assert_eq!((told.state, told.next_at), (DeliveryState::Pending, after(5)), "{status}");
            assert!(told.error.is_some());
        }
    }

    #[test]
    fn tries_go_on_for_more_than_a_day_and_then_end() {
        let tried = Tried::Untold("no answer in time".to_owned());
        let pauses: Vec<_> = (0..8).map(|before| tried.told(before, 0, now()).next_at).collect();
        let mut expected: Vec<_> =
            PAUSES_S.iter().map(|pause| after(i64::try_from(*pause).unwrap())).collect();
        expected.push(None);
        assert_eq!(pauses, expected);
        assert!(PAUSES_S.iter().sum::<u64>() > 24 * 3_600);
        assert_eq!(tried.told(7, 0, now()).state, DeliveryState::Failed);
        assert_eq!(tried.told(1, 255, now()).next_at, after(330), "at most a tenth more");
    }

    #[test]
    fn an_endpoint_may_ask_for_more_time_and_not_for_any_time() {
        let asks =
            |status, seconds| Tried::Answered { status, retry_after: Some(Duration::from_secs(seconds)) };
        for (tried, before, pause) in [
            (asks(429, 60), 0, 60),
            (asks(503, 60), 0, 60),
            (asks(503, 60), 1, 300),
            (asks(500, 60), 0, 5),
            (asks(429, 9_999_999), 0, 6 * 3_600),
        ] {
            assert_eq!(tried.told(before, 0, now()).next_at, after(pause));
        }
    }

    #[test]
    fn who_is_gone_is_not_tried_again() {
        let told = answered(410).told(0, 0, now());
        assert_eq!((told.state, told.next_at, told.status), (DeliveryState::Failed, None, Some(410)));
        assert!(answered(410).is_gone() && !answered(404).is_gone());
    }
}
