//! What can be wrong with a client before it is used.

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address does not read.
    #[error("`{url}` is not the http(s) URL of a service")]
    Url {
        /// As configured.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("could not set up the HTTP client")]
    Client {
        /// As reported.
        #[source]
        source: reqwest::Error,
    },
}
