//! Bedrock's control plane: which models and inference profiles an account has in a region.
//!
//! It is a few small calls. The SDK for them (`aws-sdk-bedrock`) takes a minute to compile, several times as long as this whole
//! crate, so they travel in the runtime SDK's `InvokeModel`, whose answer may be any bytes: its address and method are
//! replaced before it is signed. Both services sign as `bedrock` and take the same credentials and bearer token
//! (`AWS_BEARER_TOKEN_BEDROCK`), so all of that, the HTTP client and the reading of errors stay the SDK's.

pub(crate) mod listing;
mod shapes;

use std::fmt::{self, Write as _};
use std::time::Duration;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::StalledStreamProtectionConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::Blob;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use http_body_util::Limited;
use outcrop_ports::ModelError;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::tracing_header::{Operation, TraceHeader, traced};
use crate::{BuildError, errors, probe};
use listing::{ListedProfile, Listing};
use shapes::{ModelSummaries, ProfileSummaries, ProfileSummary};

/// Longest wait for one answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer that is read. A page is far below it.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Profiles asked for at once; Bedrock gives at most 1000.
const PAGE: usize = 250;

/// Most pages read of one kind of profiles.
const MAX_PAGES: usize = 40;

/// The control plane of one region.
pub struct ControlPlane {
    client: Client,
    region: String,
    /// Without a slash at its end.
    base: String,
}

impl ControlPlane {
    /// On the configuration that the models are called with: its credentials or bearer token, region and endpoint
    /// overrides (`AWS_ENDPOINT_URL_BEDROCK`). Nothing is asked yet.
    ///
    /// # Errors
    /// [`BuildError`] when there is no region to call.
    pub fn new(sdk: &SdkConfig) -> Result<Self, BuildError> {
        let region = sdk.region().ok_or(BuildError::NoRegion)?.to_string();
        let base = probe::control_url(sdk, &region)?;
        let config = aws_sdk_bedrockruntime::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(TraceHeader)
            .build();
        Ok(Self { client: Client::from_conf(config), base: base.trim_end_matches('/').to_owned(), region })
    }

    /// All models of the region and its system-defined profiles; with `own` the account's profiles, too.
    pub(crate) async fn list(&self, own: bool) -> Result<Listing, ModelError> {
        let models: ModelSummaries = self.get("/foundation-models").await?;
        let mut profiles = self.profiles("SYSTEM_DEFINED").await?;
        if own {
            profiles.extend(self.profiles("APPLICATION").await?);
        }
        Ok(Listing { models: models.listed(), profiles })
    }

    /// The profile with this id or ARN. Absence is [`NotFound`](outcrop_ports::ModelFailure::NotFound) or
    /// [`Invalid`](outcrop_ports::ModelFailure::Invalid).
    pub(crate) async fn profile(&self, id: &str) -> Result<Option<ListedProfile>, ModelError> {
        let summary: ProfileSummary = self.get(&format!("/inference-profiles/{}", encoded(id))).await?;
        Ok(summary.listed())
    }

    async fn profiles(&self, kind: &str) -> Result<Vec<ListedProfile>, ModelError> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut path = format!("/inference-profiles?maxResults={PAGE}&type={kind}");
            if let Some(token) = &token {
                path.push_str("&nextToken=");
                path.push_str(&encoded(token));
            }
            let page: ProfileSummaries = self.get(&path).await?;
            all.extend(page.summaries.into_iter().filter_map(ProfileSummary::listed));
            match page.next_token.filter(|it| !it.is_empty()) {
                Some(next) => token = Some(next),
                None => return Ok(all),
            }
        }
        tracing::warn!(
            profiles.kind = kind,
            profiles.read = all.len(),
            "more inference profiles than are read"
        );
        Ok(all)
    }

    /// Reads the answer to a path.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ModelError> {
        read(self.ask("GET", path, None).await?.as_ref())
    }

    /// Sends a body, and reads the answer.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: Vec<u8>) -> Result<T, ModelError> {
        read(self.ask("POST", path, Some(body)).await?.as_ref())
    }

    /// Any answer to a path of one thing: its id or ARN stands between two words.
    pub(crate) async fn of<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<T, ModelError> {
        self.get(&format!("/{kind}/{}", encoded(id))).await
    }

    /// Has something done with one thing.
    pub(crate) async fn act(&self, kind: &str, id: &str, action: &str) -> Result<(), ModelError> {
        self.ask("POST", &format!("/{kind}/{}/{action}", encoded(id)), None).await.map(drop)
    }

    async fn ask(&self, method: &'static str, path: &str, body: Option<Vec<u8>>) -> Result<Blob, ModelError> {
        let uri = format!("{}{path}", self.base);
        let call = self.client.invoke_model().model_id("-").customize();
        let call = call
            .map_request(move |request| redirected(request, (method, &uri), body.as_deref()))
            .interceptor(BoundedAnswer);
        let answer = async {
            let answer = timeout(CALL_TIMEOUT, call.send()).await;
            let answer =
                answer.map_err(|_| errors::timed_out(CALL_TIMEOUT, "no answer of its control plane"))?;
            Ok(answer.map_err(errors::from_call)?.body)
        };
        traced(operation(method, path), &self.region, answer).await
    }
}

/// What a path stands for, in Bedrock's words.
fn operation(method: &str, path: &str) -> Operation {
    const SERVICE: &str = "Bedrock";
    let of = |method, span| Operation { service: SERVICE, method, span };
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    match (method, path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice()) {
        (_, ["foundation-models"]) => of("ListFoundationModels", "Bedrock.ListFoundationModels"),
        (_, ["inference-profiles"]) => of("ListInferenceProfiles", "Bedrock.ListInferenceProfiles"),
        (_, ["inference-profiles", _]) => of("GetInferenceProfile", "Bedrock.GetInferenceProfile"),
        ("POST", ["model-invocation-job"]) => {
            of("CreateModelInvocationJob", "Bedrock.CreateModelInvocationJob")
        }
        (_, ["model-invocation-jobs"]) => of("ListModelInvocationJobs", "Bedrock.ListModelInvocationJobs"),
        (_, ["model-invocation-job", _, "stop"]) => {
            of("StopModelInvocationJob", "Bedrock.StopModelInvocationJob")
        }
        (_, ["model-invocation-job", _]) => of("GetModelInvocationJob", "Bedrock.GetModelInvocationJob"),
        _ => of("Other", "Bedrock.Other"),
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the client, whose configuration holds credentials.
        f.debug_struct("ControlPlane").field("base", &self.base).finish_non_exhaustive()
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(body).map_err(|error| ModelError {
        source: Some(error.into()),
        ..errors::malformed("what Bedrock's control plane said could not be read")
    })
}

/// The request for another address, before it is signed.
fn redirected(
    mut request: HttpRequest,
    (method, uri): (&str, &str),
    body: Option<&[u8]>,
) -> Result<HttpRequest, HttpError> {
    request.set_method(method)?;
    request.set_uri(uri)?;
    for name in ["content-type", "content-length", "accept"] {
        request.headers_mut().remove(name);
    }
    request.headers_mut().insert("accept", "application/json");
    *request.body_mut() = SdkBody::empty();
    if let Some(body) = body {
        request.headers_mut().insert("content-type", "application/json");
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body.to_vec());
    }
    Ok(request)
}

/// Percent-encodes everything that is not unreserved (RFC 3986), the slashes of an ARN among it.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Stops reading an answer that is too long.
#[derive(Debug)]
struct BoundedAnswer;

impl Intercept for BoundedAnswer {
    fn name(&self) -> &'static str {
        "BoundedAnswer"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let body = response.take_body();
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, MAX_ANSWER_BYTES));
        Ok(())
    }
}
