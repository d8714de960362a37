//! The process-wide TLS provider.

/// Makes aws-lc-rs the provider of every rustls user in the process; calling it again does nothing.
///
/// Mains and tests call it before the first TLS connection. Some libraries ask rustls for "the" provider and
/// would otherwise panic or pick another one, depending on which features happen to be compiled in.
pub fn install_crypto() {
    // An error says that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    #[test]
    fn installs_once_and_again() {
        super::install_crypto();
        super::install_crypto();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
