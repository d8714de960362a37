//! The door of a service that runs apart: only requests that another of our services has signed come in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use outcrop_ports::Clock;
use outcrop_token::{HEADER, InternalVerifier};
use outcrop_types::{ErrorCode, Principal, Way};

use crate::{ApiError, Layer, RequestContext, is_health_path};

/// How long the calling service still waits, milliseconds. Believed only from our own services.
pub const DEADLINE_HEADER: &str = "x-outcrop-deadline-ms";

/// The address of whoever asks the calling service. Believed only from our own services.
pub const CLIENT_IP_HEADER: &str = "x-outcrop-client-ip";

/// How a call is to be done that could wait: the name of a way. Believed only from our own services; the answer to it says
/// in [`USED_HEADER`] what it used.
pub const WAY_HEADER: &str = "x-outcrop-way";

/// What a call used, as JSON, for the service that asked with [`WAY_HEADER`].
pub const USED_HEADER: &str = "x-outcrop-used";

/// The answer of the Responses API that a job makes: its id travels between the services that make it. Believed only from
/// our own services.
pub const RESPONSE_ID_HEADER: &str = "x-outcrop-response-id";

/// Stands on a 401 that is about the calling service and not about whoever it asks for, with the value
/// `identity`: a gateway with the wrong secret must not tell its callers that their keys are bad.
pub const REFUSED_HEADER: &str = "x-outcrop-refused";

/// Stands in the extensions of a request that one of our own services has signed.
#[derive(Clone, Copy)]
pub struct FromService;

impl fmt::Debug for FromService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromService")
    }
}

/// A layer that lets in what carries a good internal identity, and puts the principal it names into the
/// request. Anything else is a 401, but for the health paths.
#[must_use]
pub fn internal_identity(verifier: Arc<InternalVerifier>, clock: Arc<dyn Clock>) -> Layer {
    Layer::new(move |request, next| {
        if is_health_path(request.path()) {
            return next.call(request);
        }
        match identify(&request, &verifier, clock.as_ref()) {
            Ok(principal) => {
                believe(&request);
                crate::know(&principal);
                let mut extensions = request.extensions_mut();
                extensions.insert(principal);
                extensions.insert(FromService);
                drop(extensions);
                next.call(request)
            }
            Err(error) => Layer::refuse(request, error.with_header(REFUSED_HEADER, "identity")),
        }
    })
}

fn identify(
    request: &ServiceRequest,
    verifier: &InternalVerifier,
    clock: &dyn Clock,
) -> Result<Principal, ApiError> {
    let token = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).ok_or_else(|| {
        ApiError::new(ErrorCode::Unauthenticated, "this service is reached through the gateway only")
    })?;
    verifier.verify(token, clock.now()).map_err(ApiError::from_error)
}

/// Takes over what a service of ours says of the request that it passes on: how long its caller waits, where that one
/// is, and how it is to be done. The peer is the service itself, and no client.
fn believe(request: &ServiceRequest) {
    let given = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let deadline = given(DEADLINE_HEADER).and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let way = given(WAY_HEADER).and_then(Way::parse);
    let client_ip = given(CLIENT_IP_HEADER).and_then(|text| text.parse().ok());
    if let Some(context) = request.extensions_mut().get_mut::<RequestContext>() {
        // Deadlines travel: whoever calls does not wait longer than it says.
        context.deadline = deadline.map_or(context.deadline, |given| context.deadline.min(given));
        context.client_ip = client_ip;
        context.way = way;
    }
}
