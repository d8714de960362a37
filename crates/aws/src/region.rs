//! Which region, without asking the network.

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_types::region::Region;

/// For endpoints that do not care.
const FALLBACK: &str = "us-east-1";

/// The region set explicitly, else by `AWS_REGION` or `AWS_DEFAULT_REGION`, else by the profile, else, when the
/// environment points the SDK at an endpoint outside AWS, one that will do.
///
/// The instance metadata service is not asked: away from EC2 that costs seconds at start-up.
pub(crate) async fn resolve(explicit: Option<String>) -> Option<Region> {
    let configured = RegionProviderChain::first_try(explicit.map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    configured.region().await.or_else(|| fallback(std::env::vars()))
}

fn fallback(environment: impl Iterator<Item = (String, String)>) -> Option<Region> {
    let mut overrides = environment.filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL")).peekable();
    overrides.peek()?;
    overrides.all(|(_, url)| !is_aws(&url)).then(fallback_region)
}

/// One that is there.
pub(crate) const fn fallback_region() -> Region {
    Region::from_static(FALLBACK)
}

/// Whether a URL's host belongs to AWS, where the region of the signature matters.
fn is_aws(url: &str) -> bool {
    let host = url.split("://").last().unwrap_or(url);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|suffix| host.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fallback_of(variables: &[(&str, &str)]) -> Option<String> {
        fallback(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
            .map(|region| region.to_string())
    }

    #[test]
    fn falls_back_only_for_local_endpoints() {
        assert_eq!(fallback_of(&[("PATH", "/bin")]), None);
        assert_eq!(fallback_of(&[("AWS_ENDPOINT_URL", "http://aws:5000")]), Some(FALLBACK.into()));
        assert_eq!(
            fallback_of(&[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:5000/x")]),
            Some(FALLBACK.into())
        );
        assert_eq!(
            fallback_of(&[
                ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:5000"),
                ("AWS_ENDPOINT_URL_S3", "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com:443/"),
            ]),
            None
        );
    }

    #[tokio::test]
    async fn an_explicit_region_wins() {
        assert_eq!(resolve(Some("eu-central-1".into())).await, Some(Region::new("eu-central-1")));
    }
}
