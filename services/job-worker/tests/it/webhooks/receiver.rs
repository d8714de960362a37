//! Somebody's server that is told, as the specification of Standard Webhooks has it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) id: String,
    pub(super) timestamp: String,
    signatures: String,
    /// Whether it says anything of our traces.
    pub(super) is_traced: bool,
    body: Vec<u8>,
}

impl Got {
    /// The event, which this secret must have signed.
    pub(super) fn verified(&self, secret: &str) -> Value {
        assert!(self.is_signed_by(secret), "{self:?}");
        let event: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!((&event["object"], &event["id"]), (&"event".into(), &self.id.as_str().into()));
        event
    }

    pub(super) fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.", self.id, self.timestamp).as_bytes());
        mac.update(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.signatures.split(' ').any(|signature| signature == expected)
    }
}

/// A status, and headers.
type Answer = (u16, Vec<(&'static str, String)>);

#[derive(Default)]
struct Desk {
    got: Mutex<Vec<Got>>,
    answers: Mutex<VecDeque<Answer>>,
    delay: Duration,
}

pub(super) struct Receiver {
    desk: Arc<Desk>,
    address: SocketAddr,
}

impl Receiver {
    /// One that answers with 200 what is not answered otherwise.
    pub(super) fn start() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// One that takes so long to answer.
    pub(super) fn slow(delay: Duration) -> Self {
        let desk = Arc::new(Desk { delay, ..Desk::default() });
        let data = web::Data::from(Arc::clone(&desk));
        // Not one of ours: those have headers and words of their own for what went wrong.
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).service(web::resource("/hook").post(receive))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        actix_web::rt::spawn(server.run());
        Self { desk, address }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?token=hunter2", self.address)
    }

    pub(super) fn answer(&self, status: u16, headers: &[(&'static str, &str)]) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.desk.answers.lock().unwrap().push_back((status, headers));
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.desk.got.lock().unwrap().clone()
    }

    /// What it got, once there is so much.
    pub(super) async fn heard(&self, count: usize) -> Vec<Got> {
        for _ in 0..500 {
            let got = self.got();
            if got.len() >= count {
                assert_eq!(got.len(), count, "{got:?}");
                return got;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.got());
    }
}

async fn receive(request: HttpRequest, desk: web::Data<Desk>, body: web::Bytes) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    desk.got.lock().unwrap().push(Got {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        is_traced: request.headers().keys().any(|name| name.as_str().contains("trace")),
        body: body.to_vec(),
    });
    tokio::time::sleep(desk.delay).await;
    let (status, headers) = desk.answers.lock().unwrap().pop_front().unwrap_or((200, Vec::new()));
    let mut answer = HttpResponse::build(StatusCode::from_u16(status).unwrap());
    for header in headers {
        answer.insert_header(header);
    }
    answer.finish()
}
