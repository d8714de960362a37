//! How many tokens a text is at most, more or less: every tokenizer cuts it in other places.
//!
//! One pass, by what stands together: words, numbers, signs, space. Words as they are written weigh three bytes for a
//! token, as the newest tokenizers cut them, and never less than one token each. What only looks like words, as base64
//! does, is known by letters that seldom stand side by side; tokenizers know no longer pieces of it.

use std::ops::{Add, AddAssign};

/// Parts of a token that weights are counted in.
const TOKEN: u64 = 12;
/// Each letter of a word; the space before it is of one token with it.
const LETTER: u64 = 4;
const DIGIT: u64 = 9;
/// A sign by itself, and each more that stands beside it.
const SIGN: u64 = 12;
const MORE_SIGNS: u64 = 7;
/// A sign right before a word is often of one token with it.
const SIGN_BEFORE_WORD: u64 = 9;
/// Each byte of space after the first; the first is a token if it is more than the space before a word.
const MORE_SPACE: u64 = 4;
/// Letters of two bytes: accents, Greek, Cyrillic.
const OF_TWO_BYTES: u64 = 12;
/// And those of rarer alphabets, which make a token of each byte; there are such among those of three bytes, too.
const OF_TWO_RARE_BYTES: u64 = 24;
const OF_THREE_RARE_BYTES: u64 = 36;
/// The same of three bytes: few signs have a token of their own in scripts that are seldom read.
const OF_THREE_BYTES: u64 = 24;
/// Punctuation and arrows, of which many have one.
const OF_PUNCTUATION: u64 = 18;
/// And of four: a token for most bytes.
const OF_FOUR_BYTES: u64 = 36;

/// By the first letter, which letters follow it: the pairs that are at least three of ten thousand in English prose and
/// in code, counted over licences, this project's texts and Python's library.
const PAIRS: [&[u8]; 26] = [
    b"bcdfgiklmnprstuvwxy",
    b"aeijklorsuy",
    b"acehikloprstu",
    b"adeilorsuy",
    b"abcdefgilmnopqrstvwxy",
    b"aefilnortuy",
    b"aehilnoprsu",
    b"aeimoprt",
    b"abcdefglmnoprstvxz",
    b"aeos",
    b"aeis",
    b"adefgilostuy",
    b"abdeilmopsu",
    b"acdefgiklnopstuvwy",
    b"abcdefgiklmnoprstuvw",
    b"aehiloprstuy",
    b"bu",
    b"acdefgiklmnoprstuvy",
    b"acehiklmoprstuwy",
    b"acdefhiloprstuwy",
    b"abcdegilmnprst",
    b"aei",
    b"aehinors",
    b"acept",
    b"noprst",
    b"e",
];

/// The same as bits.
const FOLLOWERS: [u32; 26] = {
    let mut bits = [0; 26];
    let mut first = 0;
    while first < bits.len() {
        let mut at = 0;
        while at < PAIRS[first].len() {
            bits[first] |= 1 << (PAIRS[first][at] - b'a');
            at += 1;
        }
        first += 1;
    }
    bits
};

/// What text weighs. Weights of pieces can be added; a word that is cut in two weighs a little more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u64);

impl Weight {
    /// What so many tokens weigh.
    #[must_use]
    pub const fn of_tokens(tokens: u64) -> Self {
        Self(tokens.saturating_mul(TOKEN))
    }

    /// What so many bytes weigh that hold a thought nobody can read.
    #[must_use]
    pub const fn of_sealed(bytes: usize) -> Self {
        Self((bytes as u64).saturating_mul(LETTER))
    }

    /// What a text weighs.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut scale = TextScale::default();
        scale.add(text);
        scale.weight()
    }

    /// What a string of JSON weighs, by what stands between its quotation marks.
    #[must_use]
    pub fn of_json_string(inside: &[u8]) -> Self {
        let mut scale = TextScale::default();
        scale.add_json_string(inside);
        scale.weight()
    }

    /// About how many tokens that is at most.
    #[must_use]
    pub const fn tokens(self) -> u64 {
        self.0.div_ceil(TOKEN)
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), Self::add)
    }
}

/// What stands together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Start,
    Word,
    Number,
    Sign,
    Space,
    Other,
}

/// Weighs text that comes in pieces as if it came at once.
#[derive(Debug, Clone, Default)]
pub struct TextScale {
    /// What is behind.
    total: u64,
    kind: Kind,
    length: u64,
    /// Tokens that a word has at least, less one.
    breaks: u64,
    /// Whether there is more in this space than one blank.
    wide: bool,
    before: u8,
}

impl TextScale {
    /// Adds a piece of text.
    pub fn add(&mut self, text: &[u8]) {
        for byte in text {
            self.byte(*byte);
        }
    }

    /// Adds what stands between the quotation marks of a string of JSON.
    pub fn add_json_string(&mut self, inside: &[u8]) {
        let mut rest = inside;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            self.add(&rest[..at]);
            rest = &rest[at + 1..];
            let (&escaped, behind) = rest.split_first().unwrap_or((&b'\\', rest));
            rest = behind;
            match escaped {
                b'n' | b'r' | b't' => self.byte(b'\n'),
                b'u' => {
                    let (digits, behind) = rest.split_at(rest.len().min(4));
                    rest = behind;
                    let code = std::str::from_utf8(digits).ok();
                    let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xFFFF);
                    // Half of a pair weighs as much as half of what it stands for, and a half more.
                    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    self.add(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => self.byte(other),
            }
        }
        self.add(rest);
    }

    /// What all of it weighs.
    #[must_use]
    pub fn weight(&self) -> Weight {
        Weight(self.total + self.run(Kind::Start))
    }

    fn byte(&mut self, byte: u8) {
        let kind = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Kind::Word,
            b'0'..=b'9' => Kind::Number,
            b' ' | b'\t'..=b'\r' => Kind::Space,
            0x80.. => Kind::Other,
            _ => Kind::Sign,
        };
        // An underscore begins a word.
        if kind != self.kind || byte == b'_' {
            self.total += self.run(kind);
            (self.kind, self.length, self.breaks, self.wide) = (kind, 0, 0, false);
        } else if kind == Kind::Word && breaks(self.before, byte) {
            self.breaks += 1;
        }
        self.length += 1;
        match kind {
            Kind::Other => self.total += other(byte),
            Kind::Space => self.wide |= byte != b' ',
            _ => {}
        }
        self.before = byte;
    }

    /// What the run weighs that ends where `next` begins.
    fn run(&self, next: Kind) -> u64 {
        match self.kind {
            Kind::Start | Kind::Other => 0,
            Kind::Word => (LETTER * self.length).max(TOKEN * (self.breaks + 1)),
            Kind::Number => (DIGIT * self.length).max(TOKEN),
            Kind::Sign if self.length == 1 && next == Kind::Word => match self.before {
                b'_' => LETTER,
                _ => SIGN_BEFORE_WORD,
            },
            Kind::Sign => SIGN + MORE_SIGNS * (self.length - 1),
            Kind::Space if self.length == 1 && !self.wide && next != Kind::Space => 0,
            Kind::Space => TOKEN + MORE_SPACE * (self.length - 1),
        }
    }
}

/// Whether a token ends between two letters for certain.
const fn breaks(before: u8, letter: u8) -> bool {
    let seldom = FOLLOWERS[(before.to_ascii_lowercase() - b'a') as usize]
        & (1 << (letter.to_ascii_lowercase() - b'a'))
        == 0;
    seldom || (before.is_ascii_lowercase() && letter.is_ascii_uppercase())
}

/// What a sign that is not ASCII weighs, by its first byte.
const fn other(byte: u8) -> u64 {
    match byte {
        0x80..=0xBF => 0,
        0xE2 => OF_PUNCTUATION,
        0xE1 => OF_THREE_RARE_BYTES,
        0xC4..=0xCD | 0xD4..=0xDF => OF_TWO_RARE_BYTES,
        0xC0..=0xDF => OF_TWO_BYTES,
        0xE0..=0xEF => OF_THREE_BYTES,
        _ => OF_FOUR_BYTES,
    }
}
