//! How programs are told their settings.

/// A setting as a variable.
pub(crate) fn setting(name: &str, value: &str) -> (String, String) {
    (format!("OUTCROP__{name}"), value.to_owned())
}
