//! A call as a record of batch inference, of type `Converse`, and what becomes of it.

use aws_sdk_bedrockruntime::config::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use outcrop_chat::Response;
use outcrop_ports::{ModelCall, ModelError};

use crate::as_written::Reader;
use crate::client::BedrockModel;
use crate::request::{self, ConverseRequest};
use crate::{errors, response};

/// `modelInput`: the body of a Converse call.
pub(crate) fn record(call: &ModelCall) -> Result<Bytes, ModelError> {
    request::translate(call.model.clone(), &call.request, false).map(|it| it.body)
}

/// `modelOutput` is the answer of Converse, and read as one: by the SDK, which believes to have called.
pub(crate) async fn recorded(
    model: &BedrockModel,
    call: &ModelCall,
    output: Bytes,
) -> Result<Response, ModelError> {
    let ConverseRequest { model_id, ours, .. } =
        request::translate(call.model.clone(), &call.request, false)?;
    let reader = Reader::default();
    let call = model.client.converse().model_id(model_id).customize();
    let call = call.config_override(Builder::default().http_client(Replay(output)));
    let answer = call.interceptor(reader.clone()).send().await.map_err(errors::from_call)?;
    response::translate(answer, reader.take(), ours)
}

/// Answers every request with the same body; nothing is sent.
#[derive(Debug, Clone)]
struct Replay(Bytes);

impl HttpConnector for Replay {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let ok = StatusCode::try_from(200).map_err(|error| {
            aws_smithy_runtime_api::client::result::ConnectorError::other(error.into(), None)
        });
        HttpConnectorFuture::ready(ok.map(|ok| HttpResponse::new(ok, SdkBody::from(self.0.clone()))))
    }
}

impl HttpClient for Replay {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
