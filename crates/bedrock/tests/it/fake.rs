//! A far end in memory: keeps the request that the SDK would have sent and answers what it was told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use aws_types::SdkConfig;
use outcrop_bedrock::{BedrockModel, BedrockOptions, Catalog, CatalogOptions};
use outcrop_chat::{Block, Message as Turn, Request, Role};
use outcrop_ports::{ModelCall, ModelCatalog};

/// What was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) uri: String,
    pub(crate) content_length: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What comes back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
    /// No connection at all.
    pub(crate) unreachable: bool,
}

#[derive(Debug, Clone)]
struct Fake {
    reply: Reply,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        let content_length = request.headers().get("content-length").map(str::to_owned);
        let headers =
            request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.sent.lock().unwrap().push(Sent { uri: request.uri().to_owned(), content_length, headers, body });
        if self.reply.unreachable {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into())));
        }
        let body = SdkBody::from(self.reply.body.clone());
        let mut response = HttpResponse::new(self.reply.status.try_into().unwrap(), body);
        for (name, value) in &self.reply.headers {
            response.headers_mut().insert(*name, *value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// A configuration whose far end answers `reply`, and what was sent to it.
pub(crate) fn sdk(reply: Reply) -> (SdkConfig, Arc<Mutex<Vec<Sent>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let connector = SharedHttpConnector::new(Fake { reply, sent: Arc::clone(&sent) });
    let sdk = outcrop_aws::local_config("http://bedrock.test", "us-east-1")
        .into_builder()
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    (sdk, sent)
}

/// A model whose far end answers `reply`, and what was sent to it.
pub(crate) fn model(reply: Reply) -> (BedrockModel, Arc<Mutex<Vec<Sent>>>) {
    let (sdk, sent) = sdk(reply);
    (BedrockModel::new(&sdk, BedrockOptions::default()).unwrap(), sent)
}

/// The whole answer `body`.
pub(crate) fn ok(body: &str) -> Reply {
    Reply { status: 200, headers: vec![("x-amzn-requestid", "r-1")], body: body.into(), ..Reply::default() }
}

/// A stream of frames: event type and payload, or `!` and an exception type.
pub(crate) fn frames(frames: &[(&'static str, &'static str)]) -> Reply {
    let mut body = Vec::new();
    for (name, payload) in frames {
        let (kind, header, name) = match name.strip_prefix('!') {
            Some(exception) => ("exception", ":exception-type", exception),
            None => ("event", ":event-type", *name),
        };
        let text = |value: &'static str| HeaderValue::String(value.into());
        let message = Message::new(payload.as_bytes())
            .add_header(Header::new(":message-type", text(kind)))
            .add_header(Header::new(header, text(name)))
            .add_header(Header::new(":content-type", text("application/json")));
        write_message_to(&message, &mut body).unwrap();
    }
    let headers = vec![("content-type", "application/vnd.amazon.eventstream"), ("x-amzn-requestid", "r-1")];
    Reply { status: 200, headers, body, ..Reply::default() }
}

pub(crate) fn catalog() -> Catalog {
    let options = CatalogOptions {
        overrides: None,
        default_model: "nova-lite",
        region: "us-east-1",
        cross_region: None,
        allow_arns: true,
        ..CatalogOptions::default()
    };
    Catalog::load(&options).unwrap()
}

pub(crate) fn call(model: &str, request: Request) -> ModelCall {
    let model = catalog().resolve(Some(model)).unwrap();
    ModelCall { model, request: request.into(), deadline: Duration::from_secs(10) }
}

/// A request of one user turn.
pub(crate) fn say(text: &str) -> Request {
    let turn = Turn { role: Role::User, content: vec![Block::Text(text.to_owned())] };
    Request { messages: vec![turn], ..Request::default() }
}
