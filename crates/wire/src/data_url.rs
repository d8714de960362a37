//! `data:` URLs (RFC 2397): what they say of their bytes, and where in the text those stand.

/// A data URL in base64, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DataUrl<'a> {
    /// The media type without its parameters; empty where none is given.
    pub(crate) media_type: &'a str,
    /// The bytes, in base64.
    pub(crate) data: &'a str,
}

/// Reads a URL; `None` if it is of another scheme.
///
/// # Errors
/// A reason that continues a sentence which begins with the field's name.
pub(crate) fn parse(url: &str) -> Option<Result<DataUrl<'_>, &'static str>> {
    let (scheme, rest) = url.split_once(':')?;
    if !scheme.trim_start().eq_ignore_ascii_case("data") {
        return None;
    }
    Some(read(rest))
}

fn read(rest: &str) -> Result<DataUrl<'_>, &'static str> {
    let Some((head, data)) = rest.split_once(',') else {
        return Err("is a data URL without data");
    };
    let mut head = head.split(';');
    let media_type = head.next().unwrap_or("").trim();
    if !head.any(|part| part.trim().eq_ignore_ascii_case("base64")) {
        return Err("must be a data URL in base64: `data:image/png;base64,…`");
    }
    if data.is_empty() {
        return Err("is a data URL without data");
    }
    Ok(DataUrl { media_type, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_say_what_they_hold() {
        let cases = [
            ("data:image/png;base64,AAAA", "image/png"),
            ("DATA:image/jpeg;charset=x;BASE64,AAAA", "image/jpeg"),
            (" data: application/pdf ;name=a.pdf;base64,AAAA", "application/pdf"),
            ("data:;base64,AAAA", ""),
        ];
        for (url, media_type) in cases {
            assert_eq!(parse(url), Some(Ok(DataUrl { media_type, data: "AAAA" })), "{url}");
        }
    }

    #[test]
    fn other_urls_are_left_to_others_and_bad_ones_are_refused() {
        for url in ["https://example.com/a.png", "iVBORw0KGgo=", ""] {
            assert_eq!(parse(url), None, "{url}");
        }
        for url in ["data:image/png;base64", "data:image/png,abc", "data:image/png;base64,"] {
            assert!(matches!(parse(url), Some(Err(_))), "{url}");
        }
    }
}
