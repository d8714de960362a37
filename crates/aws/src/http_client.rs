//! The HTTP clients under the SDK clients.

use std::sync::LazyLock;
use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Shorter than the 60 s and more after which AWS front ends and NAT gateways drop a silent connection, so that
/// a request does not meet one that is already gone.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Idle connections kept per host; busy ones are bounded by what their callers admit.
const POOL_MAX_IDLE_PER_HOST: usize = 256;

// The SDK keeps one connector (pool) per pair of connect and read time-out inside a client; `options` gives all
// clients the same pair, so that they share one pool. The connector sets TCP_NODELAY on its own accord.
static AWS: LazyLock<SharedHttpClient> = LazyLock::new(|| {
    Builder::new()
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST)
        .tls_provider(Provider::rustls(CryptoMode::AwsLc))
        .build_https()
});

static LOCAL: LazyLock<SharedHttpClient> = LazyLock::new(|| {
    // Plain HTTP only: without the platform's certificates there is nothing to read and parse at start-up.
    let no_certificates = TlsContext::builder().with_trust_store(TrustStore::empty()).build();
    let builder = Builder::new()
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST)
        .tls_provider(Provider::rustls(CryptoMode::AwsLc));
    match no_certificates {
        Ok(context) => builder.tls_context(context).build_https(),
        // The platform's certificates do no harm.
        Err(_) => builder.build_https(),
    }
});

/// The client of everything that talks to AWS or an endpoint in its place.
pub(crate) fn aws() -> SharedHttpClient {
    AWS.clone()
}

/// The client of what talks plain HTTP to the emulator inside this process.
pub(crate) fn local() -> SharedHttpClient {
    LOCAL.clone()
}

#[cfg(test)]
mod tests {
    use aws_smithy_http_client::Connector;

    /// Small writes (event-stream frames, short requests) must not wait for an acknowledgement. The builder above
    /// cannot set the option itself, so this notices when the SDK's default changes.
    #[test]
    fn connectors_disable_nagle_by_default() {
        let builder = format!("{:?}", Connector::builder());
        assert!(builder.contains("enable_tcp_nodelay: true"), "{builder}");
    }
}
