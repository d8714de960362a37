//! Media in base64, taken from a body without being decoded.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use outcrop_chat::{ImageFormat, Source};

/// Takes what clients send: padded or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The medium that `text` holds, and its first bytes, by which its real format is known.
///
/// Where `text` is a part of `body` and is written as Bedrock wants it, it stays where it is: nothing is copied.
/// Otherwise it is decoded: missing padding, line breaks.
///
/// # Errors
/// A reason that continues a sentence which begins with the field's name.
pub fn source(body: &Bytes, text: &str) -> Result<(Source, Vec<u8>), &'static str> {
    const HEAD: usize = 32;
    if text.is_empty() {
        return Err("is empty");
    }
    if is_plain(text.as_bytes()) {
        let head = LENIENT.decode(&text[..text.len().min(HEAD)]).unwrap_or_default();
        return Ok((Source::Base64(slice(body, text)), head));
    }
    let bytes = decode(text).ok_or("is not base64")?;
    if bytes.is_empty() {
        return Err("is empty");
    }
    let head = bytes[..bytes.len().min(HEAD)].to_vec();
    Ok((Source::Bytes(Bytes::from(bytes)), head))
}

/// Whether Bedrock takes it as it stands.
fn is_plain(text: &[u8]) -> bool {
    let end = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    // Piece by piece without a way out in between: so the compiler looks at many bytes at once, five times as fast.
    let all = |piece: &[u8]| piece.iter().fold(true, |all, byte| all & is_letter(*byte));
    text.len().is_multiple_of(4) && text[..text.len() - end].chunks(256).all(all)
}

/// Whether a byte stands in base64 as Bedrock takes it. Sums in place of a table, which would be looked up byte by byte.
const fn is_letter(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // The slash stands before the digits.
    letter | (byte.wrapping_sub(b'/') < 11) | (byte == b'+')
}

/// The part of the body that `text` is; a copy, if it is none.
fn slice(body: &Bytes, text: &str) -> Bytes {
    let (from, start) = (body.as_ptr() as usize, text.as_ptr() as usize);
    if start >= from && start + text.len() <= from + body.len() {
        return body.slice_ref(text.as_bytes());
    }
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = LENIENT.decode(text) {
        return Some(bytes);
    }
    let joined: String = text.split_ascii_whitespace().collect();
    LENIENT.decode(joined).ok()
}

/// A picture's format by its first bytes: Bedrock refuses one whose declared format is not its real one.
#[must_use]
pub fn image_format(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [b'G', b'I', b'F', b'8', ..] => Some(ImageFormat::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::Webp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bedrock_takes_stays_where_it_is() {
        let body = Bytes::from_static(b"{\"data\":\"iVBORw0KGgo=\"}");
        let text = std::str::from_utf8(&body[9..21]).unwrap();
        let (source, head) = source(&body, text).unwrap();
        let Source::Base64(kept) = source else { panic!("{source:?}") };
        assert_eq!((kept.as_ptr(), &kept[..]), (text.as_ptr(), text.as_bytes()));
        assert_eq!(head, b"\x89PNG\r\n\x1a\n");
    }

    #[test]
    fn letters_are_those_of_the_alphabet() {
        let letters: Vec<u8> = (0..=u8::MAX).filter(|byte| is_letter(*byte)).collect();
        assert_eq!(letters, b"+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    }

    #[test]
    fn what_is_written_otherwise_is_decoded() {
        let body = Bytes::new();
        let png = Source::Bytes(Bytes::from_static(b"\x89PNG\r\n\x1a\n"));
        for text in ["iVBORw0KGgo", "iVBO\nRw0K\r\nGgo="] {
            assert_eq!(source(&body, text).unwrap().0, png, "{text:?}");
        }
        let (elsewhere, _) = source(&body, "iVBORw0KGgo=").unwrap();
        assert_eq!(elsewhere, Source::Base64(Bytes::from_static(b"iVBORw0KGgo=")));
        for text in ["", "%%%", "=", "====", "iVBORw=KGgo="] {
            assert!(source(&body, text).is_err(), "{text:?}");
        }
    }
}
