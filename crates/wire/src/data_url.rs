//! Pictures in `data:` URLs (RFC 2397), decoded once, straight from the request's body.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use outcrop_chat::{Image, ImageFormat, Source};

use crate::base64::image_format;

/// Takes base64 with and without padding, as browsers do.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes a picture; `Err` continues a sentence that begins with the field's name.
pub(crate) fn image(url: &str) -> Result<Image, &'static str> {
    let Some((head, data)) = strip_scheme(url).and_then(|rest| rest.split_once(',')) else {
        return Err("must be a data URL such as `data:image/png;base64,…`; other URLs are not fetched");
    };
    let mut head = head.split(';');
    let media_type = head.next().unwrap_or("").trim();
    if !head.any(|part| part.trim().eq_ignore_ascii_case("base64")) {
        return Err("must be a data URL in base64: `data:image/png;base64,…`");
    }
    let bytes = decode(data).ok_or("is a data URL whose base64 cannot be decoded")?;
    if bytes.is_empty() {
        return Err("is a data URL without data");
    }
    // Bedrock refuses a picture whose declared format is not its real one; the bytes know best.
    let format = image_format(&bytes)
        .or_else(|| ImageFormat::from_media_type(media_type))
        .ok_or("must be a PNG, JPEG, GIF or WebP picture")?;
    Ok(Image { format, source: Source::Bytes(Bytes::from(bytes)) })
}

fn strip_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once(':')?;
    scheme.trim_start().eq_ignore_ascii_case("data").then_some(rest)
}

fn decode(data: &str) -> Option<Vec<u8>> {
    BASE64.decode(data).ok().or_else(|| {
        // Some clients wrap base64 in lines.
        let wrapped = data.bytes().any(|byte| byte.is_ascii_whitespace());
        let joined: Vec<u8> =
            wrapped.then(|| data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect())?;
        BASE64.decode(joined).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_decoded_with_their_real_format() {
        let cases = [
            ("data:image/png;base64,iVBORw0KGgo=", ImageFormat::Png),
            ("data:image/png;base64,iVBORw0KGgo", ImageFormat::Png),
            ("DATA:image/jpeg;charset=x;BASE64,iVBORw0KGgo=", ImageFormat::Png),
            ("data:image/jpg;base64,/9j/4A==", ImageFormat::Jpeg),
            ("data:;base64,R0lGODlh", ImageFormat::Gif),
            ("data:image/webp;base64,UklGRgAAAABXRUJQ", ImageFormat::Webp),
            ("data:image/webp;base64,AAAA", ImageFormat::Webp),
            ("data:image/png;base64,iVBO\nRw0K\r\nGgo=", ImageFormat::Png),
        ];
        for (url, format) in cases {
            assert_eq!(image(url).unwrap().format, format, "{url}");
        }
        let png = Source::Bytes(Bytes::from_static(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(image(cases[0].0).unwrap().source, png);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for url in [
            "https://example.com/a.png",
            "data:image/png;base64",
            "data:image/png,abc",
            "data:image/png;base64,",
            "data:image/png;base64,%%%",
            "data:image/tiff;base64,AAAA",
            "iVBORw0KGgo=",
            "",
        ] {
            assert!(image(url).is_err(), "{url}");
        }
    }
}
