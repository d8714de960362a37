//! Where a signed request was to be sent: AWS STS, and nowhere else.

use super::AwsIamError;

/// Host and query of `https://host/?query`. Anything else an address can hold (user, port, path, fragment, escapes in
/// the host) is then either in the host, which has no room for it, or in the way of the `/`.
pub(super) fn split(url: &str) -> Result<(&str, &str), AwsIamError> {
    const SHAPE: AwsIamError =
        AwsIamError::Malformed("the address of the signed request is https://<host>/ and at most a query");
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('#') {
        return Err(SHAPE);
    }
    let rest = url.strip_prefix("https://").ok_or(SHAPE)?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host = place.strip_suffix('/').unwrap_or(place);
    if host.contains('/') { Err(SHAPE) } else { Ok((host, query)) }
}

/// The region whose signatures a host of AWS STS takes; `None` for any other host.
///
/// `sts.s3.amazonaws.com` and `sts.s3-us-west-2.amazonaws.com` are somebody's bucket named `sts`: what stands for the
/// region must be one.
pub(super) fn region_of(host: &str) -> Option<&str> {
    if host == "sts.amazonaws.com" {
        return Some("us-east-1");
    }
    let rest = host.strip_prefix("sts.").or_else(|| host.strip_prefix("sts-fips."))?;
    let (region, chinese) = match rest.strip_suffix(".amazonaws.com.cn") {
        Some(region) => (region, true),
        None => (rest.strip_suffix(".amazonaws.com")?, false),
    };
    (is_region(region) && region.starts_with("cn-") == chinese).then_some(region)
}

/// `us-east-1`, `us-gov-west-1`, `us-isob-east-1`: words of letters, and a number.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    (2..=3).contains(&words.len())
        && words
            .iter()
            .all(|word| (2..=12).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}
