//! The [`Outbound`] port for addresses that clients name.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use outcrop_ports::{Outbound, OutboundAnswer, OutboundMethod, OutboundRequest, PortError};
use outcrop_types::Network;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, Url};

use super::address::may_be_asked;
use super::resolver::{Lookup, SystemLookup};
use super::{causes, leads_nowhere, literal_address};
use crate::outbound::headers;

/// Longest URL, bytes.
const MAX_URL: usize = 2_048;
/// Longest description of a cause that is passed on, characters.
const MAX_CAUSE: usize = 200;

const ATTEMPTED: &str = "ask an address that a client named";

/// What the operator lets be told.
#[derive(Debug, Clone, Default)]
pub struct OutboundRules {
    /// `http://` too.
    pub allow_http: bool,
    /// Networks that are asked although they are not public. The metadata services of clouds never are.
    pub allow_networks: Vec<Network>,
}

/// Sends requests to where clients say, unless that is not public: certificates are checked against the system's,
/// redirects are not followed, no proxy is asked, nothing is tried again. An answer longer than may be read is cut.
pub struct GuardedOutbound {
    allow_http: bool,
    networks: Arc<[Network]>,
    lookup: Arc<dyn Lookup>,
    // Made by the first request, as in `HttpOutbound`.
    client: OnceLock<Client>,
}

/// Why a request was not sent, or brought no answer: in words for whoever named the address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Untold(String);

impl GuardedOutbound {
    /// Asks what these rules allow.
    #[must_use]
    pub fn new(rules: OutboundRules) -> Self {
        Self::with_lookup(rules, Arc::new(SystemLookup))
    }

    pub(super) fn with_lookup(rules: OutboundRules, lookup: Arc<dyn Lookup>) -> Self {
        let OutboundRules { allow_http, allow_networks } = rules;
        Self { allow_http, networks: allow_networks.into(), lookup, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = super::client(Arc::clone(&self.lookup), Arc::clone(&self.networks))?;
        Ok(self.client.get_or_init(|| client))
    }

    /// The URL, if it may be asked as far as it tells. What its host's name leads to is seen later.
    fn checked(&self, text: &str) -> Result<Url, String> {
        if text.len() > MAX_URL {
            return Err(format!("is longer than {MAX_URL} bytes"));
        }
        let mut url = Url::parse(text).map_err(|_| "is not a URL".to_owned())?;
        let wrong = match url.scheme() {
            "https" => None,
            "http" if self.allow_http => None,
            _ => Some("must be an https:// URL"),
        };
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let wrong = wrong.or(has_credentials.then_some("holds a user name or a password"));
        let refused = literal_address(&url).is_some_and(|it| !may_be_asked(it, &self.networks));
        if let Some(wrong) = wrong.or(refused.then_some(NOWHERE)) {
            return Err(wrong.to_owned());
        }
        url.set_fragment(None);
        Ok(url)
    }
}

/// The same for a name that leads nowhere and one that leads where we do not go: which names there are in the network here
/// is nobody's business.
const NOWHERE: &str = "leads to no address that may be asked";

#[async_trait]
impl Outbound for GuardedOutbound {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundAnswer, PortError> {
        let refused = |wrong: String| PortError::broken(ATTEMPTED, Untold(format!("the address {wrong}")));
        let url = self.checked(&request.url).map_err(refused)?;
        let client = self.client().map_err(|error| PortError::broken(ATTEMPTED, error))?;
        let sent = match request.method {
            OutboundMethod::Get => client.get(url),
            OutboundMethod::Post => client.post(url),
        };
        let sent = sent.headers(headers(&request.headers, ATTEMPTED)?).body(request.body);
        let answer = sent.timeout(request.timeout).send().await.map_err(|error| {
            if leads_nowhere(&error) { refused(NOWHERE.to_owned()) } else { away(&error) }
        })?;
        let (status, retry_after) = (answer.status().as_u16(), retry_after(&answer));
        Ok(OutboundAnswer { status, body: read(answer, request.max_answer).await, retry_after })
    }

    fn refuses(&self, url: &str) -> Option<String> {
        self.checked(url).err()
    }
}

impl fmt::Debug for GuardedOutbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardedOutbound(…)")
    }
}

/// How long an answer asks to be left alone, in seconds (RFC 9110, section 10.2.3); a date is passed over.
pub(crate) fn retry_after(answer: &Response) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// As much of the body as may be read. The status has said already what there is to know: what follows may be too long,
/// or break off.
async fn read(mut answer: Response, max: usize) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        let room = max - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        if body.len() == max {
            break;
        }
    }
    body.freeze()
}

/// No answer came, and why. Only public servers are asked: what stood in the way there is for whoever named them to know.
fn away(error: &reqwest::Error) -> PortError {
    let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let cause: String = cause.chars().filter(|it| !it.is_control()).take(MAX_CAUSE).collect();
    let what = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        format!("no connection: {cause}")
    } else {
        format!("no answer: {cause}")
    };
    PortError::unavailable(ATTEMPTED, Untold(what))
}
