//! How large and how long a request may be.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use outcrop_config::{Config, FilesConfig, ServerConfig};
use outcrop_types::ErrorCode;

/// The bounds of every request of a server; handlers find them in the app's data.
///
/// Paths that take files have their own: [`of`](Self::of) is the one place that knows which these are. As an argument
/// of a handler, it is what holds for its request.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest body, bytes.
    pub max_body_bytes: usize,
    /// Deepest nesting of a JSON body.
    pub max_json_depth: usize,
    /// From arrival to the first byte of the answer.
    pub request_timeout: Duration,
    /// Longest wait for the next piece of a body.
    pub body_stall: Duration,
    /// How a body is refused that does not arrive in time.
    pub late_body: ErrorCode,
    /// What holds instead where files are taken.
    pub files: FileBounds,
}

/// The bounds of a request that brings a file.
#[derive(Debug, Clone, Copy)]
pub struct FileBounds {
    /// Largest body, bytes: the file and what stands around it.
    pub max_body_bytes: usize,
    /// From arrival to the first byte of the answer, which comes when the file is kept.
    pub transfer_timeout: Duration,
    /// Longest wait for the next piece of the body.
    pub idle_timeout: Duration,
}

/// A client that sends nothing for this long in the middle of a body has gone.
const BODY_STALL: Duration = Duration::from_secs(30);

/// What a form may hold besides its file: names, other fields, boundaries. Bytes.
const FORM: u64 = 64 * 1024;

/// The paths that take files, and how they are asked.
const UPLOADS: [(Method, &str); 2] = [(Method::POST, "/v1/files"), (Method::POST, "/api/v1/files")];

impl Bounds {
    /// Those of a server, and of the files it takes.
    #[must_use]
    pub fn new(server: &ServerConfig, files: &FilesConfig) -> Self {
        Self {
            max_body_bytes: server.max_body_bytes,
            max_json_depth: server.max_json_depth,
            request_timeout: Duration::from_millis(server.request_timeout_ms),
            body_stall: BODY_STALL,
            late_body: ErrorCode::InvalidRequest,
            files: FileBounds {
                max_body_bytes: usize::try_from(files.max_bytes.saturating_add(FORM)).unwrap_or(usize::MAX),
                transfer_timeout: Duration::from_millis(files.transfer_timeout_ms),
                idle_timeout: Duration::from_millis(files.idle_timeout_ms),
            },
        }
    }

    /// What holds for one request.
    #[must_use]
    pub fn of(&self, method: &Method, path: &str) -> Self {
        if !takes_file(method, path) {
            return *self;
        }
        Self {
            max_body_bytes: self.files.max_body_bytes,
            request_timeout: self.files.transfer_timeout,
            body_stall: self.files.idle_timeout,
            // What clients send again by themselves.
            late_body: ErrorCode::TooSlow,
            ..*self
        }
    }
}

/// Whether a request brings a file, which is passed on piece by piece and never held whole.
#[must_use]
pub fn takes_file(method: &Method, path: &str) -> bool {
    UPLOADS.iter().any(|upload| (&upload.0, upload.1) == (method, path))
}

impl From<&ServerConfig> for Bounds {
    /// With the default settings for files.
    fn from(config: &ServerConfig) -> Self {
        Self::new(config, &FilesConfig::default())
    }
}

impl From<&Config> for Bounds {
    fn from(config: &Config) -> Self {
        Self::new(&config.server, &config.files)
    }
}

impl Default for Bounds {
    /// Those of the default settings.
    fn default() -> Self {
        Self::from(&ServerConfig::default())
    }
}

impl FromRequest for Bounds {
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let bounds = request.app_data::<Self>().copied().unwrap_or_default();
        std::future::ready(Ok(bounds.of(request.method(), request.path())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_brings_a_file_has_the_bounds_of_files() {
        let bounds = Bounds::default();
        for path in ["/v1/files", "/api/v1/files"] {
            let here = bounds.of(&Method::POST, path);
            assert_eq!(here.max_body_bytes, (2 << 30) + 64 * 1024, "{path}");
            assert_eq!(here.request_timeout, Duration::from_secs(3_600), "{path}");
            assert_eq!((here.body_stall, here.late_body), (Duration::from_secs(30), ErrorCode::TooSlow));
        }
        let others = [
            (Method::GET, "/v1/files"),
            (Method::PUT, "/v1/files"),
            (Method::POST, "/v1/files/"),
            (Method::POST, "/v1/files/file_1/content"),
            (Method::POST, "/v1/filesystem"),
            (Method::POST, "/V1/files"),
            (Method::POST, "//v1/files"),
            (Method::POST, "/v1/batches"),
        ];
        for (method, path) in others {
            let here = bounds.of(&method, path);
            assert_eq!(here.max_body_bytes, bounds.max_body_bytes, "{method} {path}");
            assert_eq!(here.request_timeout, bounds.request_timeout, "{method} {path}");
            assert_eq!(here.late_body, ErrorCode::InvalidRequest, "{method} {path}");
        }
    }
}
