//! Whether Bedrock can be reached, without a call that is paid for or needs a permission.

use aws_sdk_bedrockruntime::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use outcrop_ports::PortError;
use tokio::net::TcpStream;

use crate::BuildError;

/// Where Bedrock listens in this region.
#[derive(Debug)]
pub(crate) struct Endpoint {
    url: String,
    host: String,
    port: u16,
}

impl Endpoint {
    /// The address the client will call: the override, if there is one, else what AWS's endpoint rules say.
    pub(crate) fn resolve(sdk: &SdkConfig, region: &str) -> Result<Self, BuildError> {
        let url = by_the_rules(sdk, region, override_url(sdk, "Bedrock Runtime"))?;
        Self::parse(&url).ok_or_else(|| no_address(region, "the endpoint is no http or https URL".into()))
    }

    fn parse(url: &str) -> Option<Self> {
        let (rest, default_port) = match url.split_once("://")? {
            ("https", rest) => (rest, 443),
            ("http", rest) => (rest, 80),
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let authority = authority.rsplit('@').next()?;
        // The colons within an IPv6 address stand before the bracket.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, default_port),
        };
        let host = host.trim_matches(['[', ']']);
        (!host.is_empty()).then(|| Self { url: url.to_owned(), host: host.to_owned(), port })
    }

    /// Where calls go.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Opens a connection and closes it.
    pub(crate) async fn reach(&self) -> Result<(), PortError> {
        match TcpStream::connect((self.host.as_str(), self.port)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(PortError::unavailable(format!("connect to {}:{}", self.host, self.port), error))
            }
        }
    }
}

/// What AWS calls the runtime in the names of its hosts, those of private endpoints among them.
pub(crate) const RUNTIME: &str = "bedrock-runtime";

/// Where Bedrock's control plane listens: its own override, one for all services, one for the runtime that leads away from
/// AWS (to an emulator, which plays both), or what AWS's rules say.
pub(crate) fn control_url(sdk: &SdkConfig, region: &str) -> Result<String, BuildError> {
    let elsewhere = || override_url(sdk, "Bedrock Runtime").filter(|url| !url.contains(RUNTIME));
    match override_url(sdk, "Bedrock").or_else(elsewhere) {
        Some(url) => by_the_rules(sdk, region, Some(url)),
        // The rules of the two services differ in the host's first label alone: `bedrock-runtime-fips.…`, `bedrock-fips.…`.
        None => Ok(by_the_rules(sdk, region, None)?.replacen(RUNTIME, "bedrock", 1)),
    }
}

/// The address by AWS's endpoint rules for the runtime.
fn by_the_rules(sdk: &SdkConfig, region: &str, endpoint: Option<String>) -> Result<String, BuildError> {
    let params = Params::builder()
        .region(region)
        .set_endpoint(endpoint)
        .set_use_fips(sdk.use_fips())
        .set_use_dual_stack(sdk.use_dual_stack())
        .build()
        .map_err(|error| no_address(region, error.into()))?;
    let endpoint = futures::FutureExt::now_or_never(DefaultResolver::new().resolve_endpoint(&params))
        .unwrap_or_else(|| Err("the endpoint rules did not answer at once".into()))
        .map_err(|source| no_address(region, source))?;
    Ok(endpoint.url().to_owned())
}

fn no_address(region: &str, source: Box<dyn std::error::Error + Send + Sync>) -> BuildError {
    BuildError::Endpoint { region: region.to_owned(), source }
}

/// The endpoint override of a service, looked up as the SDK's own configuration does it.
fn override_url(sdk: &SdkConfig, service: &'static str) -> Option<String> {
    let general = || sdk.endpoint_url().map(str::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() {
        return general();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    sdk.service_config().and_then(|config| config.load_config(key)).or_else(general)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Option<(&str, u16)>) {
        let endpoint = Endpoint::parse(url);
        assert_eq!(endpoint.as_ref().map(|it| (it.host.as_str(), it.port)), expected, "{url}");
    }

    #[test]
    fn addresses_are_read_from_urls() {
        check(
            "https://bedrock-runtime.us-east-1.amazonaws.com",
            Some(("bedrock-runtime.us-east-1.amazonaws.com", 443)),
        );
        check("http://127.0.0.1:4566/x?y", Some(("127.0.0.1", 4566)));
        check("http://[::1]:80/", Some(("::1", 80)));
        check("http://[::1]", Some(("::1", 80)));
        check("ftp://x", None);
        check("http://", None);
        check("http://host:port", None);
    }

    #[test]
    fn the_rules_of_aws_give_the_address() {
        let sdk = |region: &'static str| {
            SdkConfig::builder().region(aws_types::region::Region::new(region)).build()
        };
        let china = Endpoint::resolve(&sdk("cn-north-1"), "cn-north-1").unwrap();
        assert_eq!((china.host.as_str(), china.port), ("bedrock-runtime.cn-north-1.amazonaws.com.cn", 443));
        let control = |sdk: SdkConfig| control_url(&sdk, "us-east-1").unwrap();
        assert_eq!(control(sdk("us-east-1")), "https://bedrock.us-east-1.amazonaws.com");
        let fips = sdk("us-east-1").into_builder().use_fips(true).build();
        assert_eq!(control(fips), "https://bedrock-fips.us-east-1.amazonaws.com");
        let local = sdk("us-east-1").into_builder().endpoint_url("http://127.0.0.1:4566").build();
        assert_eq!(control(local), "http://127.0.0.1:4566");
    }
}
