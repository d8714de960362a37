//! Requests that are worked on to their end, whether or not anybody waits for the answer.
//!
//! A change is written first and announced then. A client that leaves in between, or a deadline, drops the handler
//! where it stands: the change would be made, gateways would go on believing what they remember, and of a refused act
//! nothing would be noted. Nobody shall be able to choose that by hanging up.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use outcrop_http::ApiError;
use outcrop_types::ErrorCode;

/// A middleware around whatever changes something: a task of its own does the work, which nobody drops. It goes on with
/// what it has when the client has left, and bodies and stores have time-outs of their own.
pub(super) async fn work(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    actix_web::rt::spawn(next.call(request)).await.unwrap_or_else(|error| {
        // It panicked, which ends the task and not the worker.
        let mut answer = ApiError::new(ErrorCode::Internal, "something went wrong on our side");
        answer.source = Some(Box::new(error));
        Err(answer.into())
    })
}
