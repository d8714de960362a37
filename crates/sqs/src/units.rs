//! Durations and names as SQS counts and spells them.

use std::time::Duration;

use outcrop_ports::MAX_DELAY;

/// Longest long poll, in seconds.
const MAX_WAIT: u64 = 20;
/// Longest time out of sight since it was received, in seconds.
const MAX_VISIBILITY: u64 = 12 * 3_600;

/// Whole seconds, rounded down, so that nobody waits longer than asked.
pub(crate) fn wait_seconds(wait: Duration) -> i32 {
    seconds(wait.as_secs().min(MAX_WAIT))
}

/// Whole seconds, rounded up, so that nothing comes back early; zero stays zero, which is "now".
pub(crate) fn visibility_seconds(visibility: Duration) -> i32 {
    let started = u64::from(visibility.subsec_nanos() > 0);
    seconds(visibility.as_secs().saturating_add(started).min(MAX_VISIBILITY))
}

/// Whole seconds, rounded up, so that nothing comes early.
pub(crate) fn delay_seconds(delay: Duration) -> i32 {
    visibility_seconds(delay.min(MAX_DELAY))
}

fn seconds(bounded: u64) -> i32 {
    i32::try_from(bounded).unwrap_or(i32::MAX)
}

/// The region in the URL of a queue on AWS: `https://sqs.eu-west-1.amazonaws.com/123456789012/jobs`.
pub(crate) fn region_of(url: &str) -> Option<&str> {
    let host = url.split_once("://")?.1.split('/').next()?;
    let (region, domain) = host.strip_prefix("sqs.")?.split_once('.')?;
    matches!(domain, "amazonaws.com" | "amazonaws.com.cn").then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_down_and_bounded() {
        let check = |millis, expect| assert_eq!(wait_seconds(Duration::from_millis(millis)), expect);
        check(0, 0);
        check(999, 0);
        check(3_500, 3);
        check(60_000, 20);
    }

    #[test]
    fn visibility_is_rounded_up_and_bounded() {
        let check = |millis, expect| assert_eq!(visibility_seconds(Duration::from_millis(millis)), expect);
        check(0, 0);
        check(1, 1);
        check(2_000, 2);
        check(2_001, 3);
        check(u64::MAX, 43_200);
    }

    #[test]
    fn delays_are_rounded_up_and_bounded() {
        let check = |millis, expect| assert_eq!(delay_seconds(Duration::from_millis(millis)), expect);
        check(0, 0);
        check(1, 1);
        check(900_000, 900);
        check(u64::MAX, 900);
    }

    #[test]
    fn regions_are_read_from_urls_of_aws_only() {
        assert_eq!(region_of("https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"), Some("eu-west-1"));
        assert_eq!(region_of("https://sqs.cn-north-1.amazonaws.com.cn/1/jobs"), Some("cn-north-1"));
        for other in ["http://127.0.0.1:5000/1/jobs", "jobs", "https://sqs.example.com/1/jobs"] {
            assert_eq!(region_of(other), None);
        }
    }
}
