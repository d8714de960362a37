//! Work that is too long for a thread that has other calls to serve.

use outcrop_http::ApiError;
use outcrop_types::ErrorCode;

/// Does it on a thread for such work.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let mut failed = ApiError::new(ErrorCode::Internal, "the request could not be worked on");
        failed.source = Some(Box::new(error));
        failed
    })
}
