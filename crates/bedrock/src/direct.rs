//! Converse without the SDK's orchestration.
//!
//! For each call the SDK works out anew what is the same for all of them (plugins, components, the endpoint, the scheme of
//! the signature), and asks some twenty interceptors at a dozen moments: nearly a third of what a chat took, and code
//! enough to evict the rest from the caches. Here it is worked out once. What is AWS's business stays the SDK's:
//! credentials and their renewal, signatures, connections, and how answers, errors and event streams are read.

use std::time::Duration;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_sdk_bedrockruntime::operation::converse::Converse;
use aws_sdk_bedrockruntime::operation::converse_stream::ConverseStream;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::endpoints::StaticUriEndpointResolver;
use aws_smithy_runtime::client::retries::strategy::NeverRetryStrategy;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthScheme, AuthSchemeEndpointConfig};
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::identity::{ResolveCachedIdentity, SharedIdentityCache};
use aws_smithy_runtime_api::client::interceptors::context::Output;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use aws_types::{SdkConfig, SigningName};
use bytes::Bytes;
use outcrop_telemetry::current;
use outcrop_telemetry::trace::XRAY_HEADER;

use self::clock::Clock;

mod clock;

/// What Bedrock is signed for.
const SERVICE: &str = "bedrock";
const USER_AGENT: &str = concat!("outcrop/", env!("CARGO_PKG_VERSION"));
/// Longest wait for a connection where the configuration says nothing, as the SDK has it.
const CONNECTING: Duration = Duration::from_millis(3_100);
/// Behind answers of these a connection is not used again: something else than Bedrock may have made them.
const POISONING: [u16; 4] = [500, 502, 503, 504];
/// Of the service's own token, `AWS_BEARER_TOKEN_BEDROCK`.
const TOKEN: &str = "AWS_BEARER_TOKEN";

/// Calls Bedrock in one region.
pub(crate) struct Direct {
    /// Without a slash at its end.
    url: String,
    user_agent: String,
    /// `None` where the configuration does not want it to be set right.
    clock: Option<Clock>,
    components: RuntimeComponents,
    connector: SharedHttpConnector,
    converse: Operation,
    converse_stream: Operation,
}

/// An operation, and all that the SDK's parts read of how it is done.
pub(crate) struct Operation {
    /// The end of its path.
    path: &'static str,
    config: ConfigBag,
}

/// A call's failure as the SDK has it.
type Failure<E> = SdkError<E, HttpResponse>;

impl Direct {
    /// `None` where calls are not signed with credentials, but carry a token, or in another way than the usual one: then the
    /// SDK makes them.
    ///
    /// # Errors
    /// The address makes no URL.
    pub(crate) fn of(sdk: &SdkConfig, url: &str, timeouts: &TimeoutConfig) -> Result<Option<Self>, BoxError> {
        let (Some(http), Some(region)) = (sdk.http_client(), sdk.region()) else { return Ok(None) };
        if carries_token(sdk) || sdk.auth_scheme_preference().is_some() {
            return Ok(None);
        }
        let usual = sdk.time_source().unwrap_or_default();
        let clock =
            (!sdk.disable_clock_skew_correction().unwrap_or(false)).then(|| Clock::new(usual.clone()));
        let time = clock.clone().map_or(usual, SharedTimeSource::new);
        let Some(components) = components(sdk, url, time)? else { return Ok(None) };
        let mut settings = HttpConnectorSettings::builder();
        settings.set_connect_timeout(timeouts.connect_timeout().or(Some(CONNECTING)));
        let connector = http.http_connector(&settings.build(), &components);
        let operation = |path, plugin: &dyn RuntimePlugin| {
            let mut layer = Layer::new("outcrop");
            layer.store_put(SigningName::from_static(SERVICE));
            layer.store_put(SigningRegion::from(region.clone()));
            // By these the cache reckons how long credentials may take.
            layer.store_put(RetryConfig::disabled());
            layer.store_put(timeouts.clone());
            let mut config = ConfigBag::base();
            if let Some(layer) = plugin.config() {
                config.push_shared_layer(layer);
            }
            config.push_layer(layer);
            Operation { path, config }
        };
        Ok(Some(Self {
            url: base(url)?,
            user_agent: sdk
                .app_name()
                .map_or_else(|| USER_AGENT.into(), |app| format!("{USER_AGENT} app/{app}")),
            clock,
            components,
            connector,
            converse: operation("converse", &Converse::new()),
            converse_stream: operation("converse-stream", &ConverseStream::new()),
        }))
    }

    /// A whole answer, and the bytes of it.
    pub(crate) async fn converse<O, E>(&self, model_id: &str, body: Bytes) -> Result<(O, Bytes), Failure<E>>
    where
        O: std::fmt::Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let mut response = self.send(&self.converse, model_id, body).await?;
        let bytes = match load(&mut response).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(SdkError::response_error(error, response)),
        };
        let answer = self.converse.read(&response);
        Ok((typed(answer, response)?, bytes))
    }

    /// The beginning of an answer whose events come one after another.
    pub(crate) async fn converse_stream<O, E>(&self, model_id: &str, body: Bytes) -> Result<O, Failure<E>>
    where
        O: std::fmt::Debug + Send + Sync + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let operation = &self.converse_stream;
        let mut response = self.send(operation, model_id, body).await?;
        if let Some(begun) = operation.begin(&mut response) {
            return typed(begun, response);
        }
        // What is no stream is an error.
        if let Err(error) = load(&mut response).await {
            return Err(SdkError::response_error(error, response));
        }
        let answer = operation.read(&response);
        typed(answer, response)
    }

    async fn send<E>(
        &self,
        operation: &Operation,
        model_id: &str,
        body: Bytes,
    ) -> Result<HttpResponse, Failure<E>> {
        let mut request = self.request(operation, model_id, body).map_err(SdkError::construction_failure)?;
        let signed = self.sign(operation, &mut request).await;
        signed.map_err(|error| SdkError::dispatch_failure(ConnectorError::other(error, None)))?;
        // Not signed: what stands between may change it.
        if let Some(trace) = current::trace().to_xray() {
            request.headers_mut().insert(XRAY_HEADER, trace);
        }
        let connection = CaptureSmithyConnection::new();
        request.add_extension(connection.clone());
        let sent = self.clock.as_ref().map(Clock::unshifted);
        let response = self.connector.call(request).await.map_err(SdkError::dispatch_failure)?;
        if let (Some(clock), Some(sent)) = (&self.clock, sent) {
            clock.learn(sent, &response);
        }
        if POISONING.contains(&response.status().as_u16())
            && let Some(connection) = connection.get()
        {
            connection.poison();
        }
        Ok(response)
    }

    fn request(&self, operation: &Operation, model_id: &str, body: Bytes) -> Result<HttpRequest, BoxError> {
        if model_id.is_empty() {
            return Err("the model has no name".into());
        }
        let length = body.len().to_string();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(format!("{}/model/{}/{}", self.url, escaped(model_id), operation.path))?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/json");
        headers.insert("content-length", length);
        headers.insert("user-agent", self.user_agent.clone());
        Ok(request)
    }

    async fn sign(&self, operation: &Operation, request: &mut HttpRequest) -> Result<(), BoxError> {
        let (components, config) = (&self.components, &operation.config);
        let scheme = components.auth_scheme(SCHEME_ID).ok_or("the auth scheme is missing")?;
        let resolver = scheme.identity_resolver(components).ok_or("no credentials are configured")?;
        let cache = components.identity_cache();
        let identity = cache.resolve_cached_identity(resolver, components, config).await?;
        let usual = AuthSchemeEndpointConfig::empty();
        scheme.signer().sign_http_request(request, &identity, usual, components, config)
    }
}

impl Operation {
    fn reader(&self) -> Option<&SharedResponseDeserializer> {
        self.config.load::<SharedResponseDeserializer>()
    }

    /// Reads what has arrived whole.
    fn read(&self, response: &HttpResponse) -> Read {
        let reader =
            self.reader().ok_or_else(|| OrchestratorError::other("no deserializer is configured"))?;
        reader.deserialize_nonstreaming_with_config(response, &self.config)
    }

    /// Reads the head of a stream; nothing where it is none.
    fn begin(&self, response: &mut HttpResponse) -> Option<Read> {
        self.reader()?.deserialize_streaming_with_config(response, &self.config)
    }
}

/// What the SDK read, whose types it has forgotten.
type Read = Result<Output, OrchestratorError<aws_smithy_runtime_api::client::interceptors::context::Error>>;

#[expect(clippy::result_large_err, reason = "it is the SDK's")]
fn typed<O, E>(read: Read, response: HttpResponse) -> Result<O, Failure<E>>
where
    O: std::fmt::Debug + Send + Sync + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    const OTHER: &str = "the SDK read it as something else";
    let error = match read.map(Output::downcast::<O>) {
        Ok(Ok(output)) => return Ok(output),
        Ok(Err(_)) => return Err(SdkError::response_error(OTHER, response)),
        Err(error) => error,
    };
    let mut said = None;
    let other = error.map_operation_error(|error| {
        said = Some(error);
        std::fmt::Error
    });
    match said.map(|it| it.downcast::<E>()) {
        Some(Ok(error)) => Err(SdkError::service_error(error, response)),
        Some(Err(_)) => Err(SdkError::response_error(OTHER, response)),
        None => Err(SdkError::response_error(other, response)),
    }
}

/// Reads all of the body, and leaves it there.
async fn load(response: &mut HttpResponse) -> Result<Bytes, BoxError> {
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let bytes = ByteStream::new(body).collect().await?.into_bytes();
    *response.body_mut() = SdkBody::from(bytes.clone());
    Ok(bytes)
}

/// What credentials, signatures and connections need of each other; `None` without credentials.
fn components(
    sdk: &SdkConfig,
    url: &str,
    time: SharedTimeSource,
) -> Result<Option<RuntimeComponents>, BoxError> {
    let Some(credentials) = sdk.credentials_provider() else { return Ok(None) };
    let builder = RuntimeComponents::builder("outcrop")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_identity_cache(Some(identity_cache(sdk)))
        .with_identity_resolver(SCHEME_ID, credentials)
        .with_sleep_impl(Some(sdk.sleep_impl().unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()))))
        .with_time_source(Some(time))
        // Never asked, and there is none without them.
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_endpoint_resolver(Some(StaticUriEndpointResolver::uri(url)))
        .with_retry_strategy(Some(NeverRetryStrategy::new()));
    Ok(Some(builder.build()?))
}

/// The address without what calls put behind it.
fn base(url: &str) -> Result<String, BoxError> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.uri_mut().set_endpoint(url)?;
    let whole = request.uri();
    Ok(whole.split(['?', '#']).next().unwrap_or(whole).trim_end_matches('/').to_owned())
}

/// That of the configuration, which other clients share, or one as the SDK makes them.
fn identity_cache(sdk: &SdkConfig) -> SharedIdentityCache {
    sdk.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build())
}

/// Whether the environment has a token for Bedrock, and nobody decided otherwise.
fn carries_token(sdk: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder().service_id(SERVICE).env(TOKEN).profile("").build();
    let token = || key.ok().and_then(|key| sdk.service_config()?.load_config(key));
    !sdk.get_origin("auth_scheme_preference").is_client_config() && token().is_some()
}

/// A segment of a path; ARNs have colons and slashes.
fn escaped(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len() + 16);
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let digits = [byte >> 4, byte & 15].map(|it| char::from(DIGITS[usize::from(it)]));
                out.push('%');
                out.extend(digits);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_go_below_the_path_of_an_address() {
        for (url, expected) in [
            (
                "https://bedrock-runtime.us-east-1.amazonaws.com",
                "https://bedrock-runtime.us-east-1.amazonaws.com",
            ),
            ("http://127.0.0.1:4566/below/", "http://127.0.0.1:4566/below"),
            ("http://127.0.0.1:4566/x?y", "http://127.0.0.1:4566/x"),
        ] {
            assert_eq!(base(url).unwrap(), expected);
        }
        assert!(base("not an address").is_err());
    }

    #[test]
    fn names_of_models_are_one_segment_each() {
        assert_eq!(
            escaped("anthropic.claude-haiku-4-5-20251001-v1:0"),
            "anthropic.claude-haiku-4-5-20251001-v1%3A0"
        );
        assert_eq!(escaped("arn:aws:bedrock/é ~"), "arn%3Aaws%3Abedrock%2F%C3%A9%20~");
    }
}
