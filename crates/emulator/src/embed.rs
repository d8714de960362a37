//! Embeddings without a model: a hashed bag of words.
//!
//! Each word adds to a few places of the vector that its hash picks, so that the cosine of two texts grows with the
//! words they share. Words are compared without case; order and grammar count for nothing.

use crate::hash;

/// Places a word adds to: several, so that two words rarely fall together.
const PLACES: u64 = 4;

/// The vector of a text, of unit length unless `normalize` is off.
pub(crate) fn text(text: &str, dimensions: usize, normalize: bool) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions];
    let mut any = false;
    for word in text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()) {
        add(&mut vector, hash::of(word.to_lowercase().as_bytes()));
        any = true;
    }
    if !any {
        add(&mut vector, hash::of(text.as_bytes()));
    }
    if normalize {
        unit(&mut vector);
    }
    vector
}

/// The vector of something that has no words, such as an image: the same bytes, the same vector.
pub(crate) fn opaque(bytes: &[u8], dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0; dimensions];
    let seed = hash::of(bytes);
    for word in 0..16 {
        add(&mut vector, hash::mix(seed.wrapping_add(word)));
    }
    unit(&mut vector);
    vector
}

/// The sum of two vectors, as of an image and its caption.
pub(crate) fn both(mut left: Vec<f32>, right: &[f32]) -> Vec<f32> {
    for (left, right) in left.iter_mut().zip(right) {
        *left += right;
    }
    unit(&mut left);
    left
}

fn add(vector: &mut [f32], word: u64) {
    let mut state = word;
    for _ in 0..PLACES {
        state = hash::mix(state);
        let place = (state % vector.len() as u64) as usize;
        vector[place] += if state >> 63 == 0 { 1.0 } else { -1.0 };
    }
}

fn unit(vector: &mut [f32]) {
    let length = vector.iter().map(|it| it * it).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|it| *it /= length);
    } else if let Some(first) = vector.first_mut() {
        // Words that cancel each other out must not leave a vector without direction.
        *first = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(left: &str, right: &str) -> f32 {
        let (left, right) = (text(left, 1024, true), text(right, 1024, true));
        left.iter().zip(&right).map(|(left, right)| left * right).sum()
    }

    #[test]
    fn cosine_follows_word_overlap() {
        let base = "the cat sat on the mat";
        assert!((cosine(base, "The cat sat on the mat!") - 1.0).abs() < 1e-5);
        let near = cosine(base, "a cat sat on a mat");
        let far = cosine(base, "stock prices fell sharply yesterday");
        assert!(near > 0.4 && far < 0.2, "{near} {far}");
    }

    #[test]
    fn vectors_have_their_dimension_and_unit_length() {
        for dimensions in [256, 1024, 1536] {
            for it in [
                text("some words", dimensions, true),
                text("  ", dimensions, true),
                opaque(b"\x89PNG", dimensions),
            ] {
                assert_eq!(it.len(), dimensions);
                assert!((it.iter().map(|it| it * it).sum::<f32>() - 1.0).abs() < 1e-4);
            }
        }
        assert!(text("a b c", 256, false).iter().map(|it| it * it).sum::<f32>() > 2.0);
    }
}
