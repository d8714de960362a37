//! What is answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};

use super::Encoding;
use crate::escape::{put_integer, put_string};

/// About how many bytes a float takes as text.
const FLOAT_BYTES: usize = 13;
/// Bytes that are turned into base64 at once: a multiple of three, so that the pieces join, and of a float's four.
const PIECE: usize = 3_072;

/// The body of an answer: a vector for each input, in order.
///
/// Written straight into one buffer: thousands of vectors of thousands of floats leave no room for a tree of values.
#[must_use]
pub fn response(model: &str, vectors: &[Vec<f32>], encoding: Encoding, tokens: u64) -> Bytes {
    let floats: usize = vectors.iter().map(Vec::len).sum();
    let each = if encoding == Encoding::Base64 { 6 } else { FLOAT_BYTES };
    let mut out = BytesMut::with_capacity(floats * each + vectors.len() * 64 + 256);
    out.put_slice(b"{\"object\":\"list\",\"data\":[");
    for (at, vector) in vectors.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        out.put_slice(b"{\"object\":\"embedding\",\"index\":");
        put_integer(&mut out, at);
        out.put_slice(b",\"embedding\":");
        match encoding {
            Encoding::Float => put_floats(&mut out, vector),
            Encoding::Base64 => put_base64(&mut out, vector),
        }
        out.put_u8(b'}');
    }
    out.put_slice(b"],\"model\":");
    put_string(&mut out, model);
    out.put_slice(b",\"usage\":{\"prompt_tokens\":");
    put_integer(&mut out, tokens);
    out.put_slice(b",\"total_tokens\":");
    put_integer(&mut out, tokens);
    out.put_slice(b"}}");
    out.freeze()
}

fn put_floats(out: &mut BytesMut, vector: &[f32]) {
    // Floats have no way to fail, and a BytesMut grows as it is written to.
    let _infallible = serde_json::to_writer(out.writer(), vector);
}

fn put_base64(out: &mut BytesMut, vector: &[f32]) {
    out.put_u8(b'"');
    let mut piece = [0; PIECE];
    for floats in vector.chunks(PIECE / 4) {
        for (bytes, float) in piece.chunks_exact_mut(4).zip(floats) {
            bytes.copy_from_slice(&float.to_le_bytes());
        }
        let bytes = &piece[..floats.len() * 4];
        let start = out.len();
        out.resize(start + bytes.len().div_ceil(3) * 4, 0);
        // The room is exactly what the base64 of so many bytes takes.
        let _infallible = STANDARD.encode_slice(bytes, &mut out[start..]);
    }
    out.put_u8(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_holds_the_same_floats_whatever_their_number() {
        for length in [0, 1, 2, 3, 256, 767, 768, 769, 1536, 3072] {
            let vector: Vec<f32> = (0..length).map(|at| (at as f32).sin() * 1e-3).collect();
            let mut out = BytesMut::new();
            put_base64(&mut out, &vector);
            let text: String = serde_json::from_slice(&out).unwrap();
            let bytes = STANDARD.decode(text).unwrap();
            let floats: Vec<f32> =
                bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
            assert_eq!(floats, vector, "{length}");
            let mut out = BytesMut::new();
            put_floats(&mut out, &vector);
            assert_eq!(serde_json::from_slice::<Vec<f32>>(&out).unwrap(), vector, "{length}");
        }
    }
}
