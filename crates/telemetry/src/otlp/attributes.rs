//! Attributes as OTLP has them
//! (<https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto>).

use std::sync::Arc;

use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::protobuf::{
    BYTES, FIXED64, VARINT, bytes, field_len, head, tag, text, text_len, varint, varint_len,
};

/// Of a `KeyValue`.
const KEY: u8 = tag(1, BYTES);
const VALUE: u8 = tag(2, BYTES);
/// Of an `AnyValue`: one of several kinds. Which one it is is said also where it is empty or 0.
const STRING: u8 = tag(1, BYTES);
const BOOL: u8 = tag(2, VARINT);
const INT: u8 = tag(3, VARINT);
const DOUBLE: u8 = tag(4, FIXED64);
const ARRAY: u8 = tag(5, BYTES);
/// Of an `ArrayValue`.
const ELEMENT: u8 = tag(1, BYTES);

/// What can be the value of an attribute. It is written from where it is: nothing needs to be owned for that.
pub trait Written {
    /// How many bytes it takes.
    fn length(&self) -> usize;

    /// Writes so many, which are an `AnyValue`.
    fn write(&self, out: &mut Vec<u8>);
}

/// Writes an attribute as a field with this tag.
pub fn write(out: &mut Vec<u8>, tag: u8, key: &str, value: &(impl Written + ?Sized)) {
    before_value(out, tag, key, value.length());
    value.write(out);
}

/// Writes all of them.
pub fn write_all(out: &mut Vec<u8>, tag: u8, all: &[KeyValue]) {
    for it in all {
        write(out, tag, it.key.as_str(), &it.value);
    }
}

/// How many bytes all of them take, tags of theirs included.
#[must_use]
pub fn all_len(all: &[KeyValue]) -> usize {
    all.iter().map(|it| field_len(text_len(it.key.as_str()) + field_len(it.value.length()))).sum()
}

fn before_value(out: &mut Vec<u8>, tag: u8, key: &str, value_length: usize) {
    // Two tags and two lengths. Most are so short that each length has one byte.
    let short = key.len() + value_length + 4;
    if let (Ok(length @ 0..=0x7f), false) = (u8::try_from(short), key.is_empty()) {
        out.reserve(short + 2);
        out.extend_from_slice(&[tag, length, KEY, key.len() as u8]);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[VALUE, value_length as u8]);
    } else {
        let length = text_len(key) + field_len(value_length);
        out.reserve(field_len(length));
        head(out, tag, length);
        text(out, KEY, key);
        head(out, VALUE, value_length);
    }
}

impl Written for str {
    fn length(&self) -> usize {
        field_len(self.len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        bytes(out, STRING, self.as_bytes());
    }
}

impl Written for bool {
    fn length(&self) -> usize {
        2
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[BOOL, u8::from(*self)]);
    }
}

impl Written for i64 {
    /// Negative ones take all ten bytes, and one for the tag.
    fn length(&self) -> usize {
        1 + varint_len(self.cast_unsigned())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(INT);
        varint(out, self.cast_unsigned());
    }
}

impl Written for f64 {
    fn length(&self) -> usize {
        9
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(DOUBLE);
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl<T: Written> Written for [T] {
    fn length(&self) -> usize {
        field_len(elements_len(self))
    }

    fn write(&self, out: &mut Vec<u8>) {
        head(out, ARRAY, elements_len(self));
        for it in self {
            head(out, ELEMENT, it.length());
            it.write(out);
        }
    }
}

fn elements_len<T: Written>(all: &[T]) -> usize {
    all.iter().map(|it| field_len(it.length())).sum()
}

impl<T: Written + ?Sized> Written for &T {
    fn length(&self) -> usize {
        (**self).length()
    }

    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<T: Written + ?Sized> Written for Arc<T> {
    fn length(&self) -> usize {
        (**self).length()
    }

    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl Written for String {
    fn length(&self) -> usize {
        self.as_str().length()
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl Written for StringValue {
    fn length(&self) -> usize {
        self.as_str().length()
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl Written for Value {
    fn length(&self) -> usize {
        match self {
            Self::String(it) => it.length(),
            Self::Bool(it) => it.length(),
            Self::I64(it) => it.length(),
            Self::F64(it) => it.length(),
            Self::Array(it) => it.length(),
            // Nobody here makes any other.
            _ => 0,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::String(it) => it.write(out),
            Self::Bool(it) => it.write(out),
            Self::I64(it) => it.write(out),
            Self::F64(it) => it.write(out),
            Self::Array(it) => it.write(out),
            _ => {}
        }
    }
}

impl Written for Array {
    fn length(&self) -> usize {
        match self {
            Self::String(all) => all.as_slice().length(),
            Self::Bool(all) => all.as_slice().length(),
            Self::I64(all) => all.as_slice().length(),
            Self::F64(all) => all.as_slice().length(),
            _ => 0,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::String(all) => all.as_slice().write(out),
            Self::Bool(all) => all.as_slice().write(out),
            Self::I64(all) => all.as_slice().write(out),
            Self::F64(all) => all.as_slice().write(out),
            _ => {}
        }
    }
}
