//! Attributes as OTLP has them
//! (<https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto>).

use opentelemetry::{Array, KeyValue, Value};

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

pub(super) fn write_all(out: &mut Vec<u8>, tag: u8, all: &[KeyValue]) {
    for it in all {
        write(out, tag, it.key.as_str(), &it.value);
    }
}

pub(super) fn write(out: &mut Vec<u8>, tag: u8, key: &str, it: &Value) {
    let value_length = value_len(it);
    let length = text_len(key) + field_len(value_length);
    // Most are so short that each length within has one byte, too.
    if let (Ok(short @ 0..=0x7f), false) = (u8::try_from(length), key.is_empty()) {
        out.extend_from_slice(&[tag, short, KEY, key.len() as u8]);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(&[VALUE, value_length as u8]);
    } else {
        head(out, tag, length);
        text(out, KEY, key);
        head(out, VALUE, value_length);
    }
    value(out, it);
}

/// How many bytes all of them take, tags of theirs included.
pub(super) fn all_len(all: &[KeyValue]) -> usize {
    all.iter().map(|it| field_len(text_len(it.key.as_str()) + field_len(value_len(&it.value)))).sum()
}

fn value_len(it: &Value) -> usize {
    match it {
        Value::String(it) => field_len(it.as_str().len()),
        Value::Bool(_) => BOOL_LEN,
        Value::I64(it) => int_len(*it),
        Value::F64(_) => DOUBLE_LEN,
        Value::Array(all) => field_len(array_len(all)),
        _ => 0,
    }
}

fn array_len(all: &Array) -> usize {
    match all {
        Array::String(all) => all.iter().map(|it| field_len(field_len(it.as_str().len()))).sum(),
        Array::Bool(all) => all.len() * field_len(BOOL_LEN),
        Array::I64(all) => all.iter().map(|it| field_len(int_len(*it))).sum(),
        Array::F64(all) => all.len() * field_len(DOUBLE_LEN),
        // Nobody here makes any other.
        _ => 0,
    }
}

const BOOL_LEN: usize = 2;
const DOUBLE_LEN: usize = 9;

/// Negative ones take all ten bytes.
const fn int_len(it: i64) -> usize {
    1 + varint_len(it.cast_unsigned())
}

fn value(out: &mut Vec<u8>, it: &Value) {
    match it {
        Value::String(it) => bytes(out, STRING, it.as_str().as_bytes()),
        Value::Bool(it) => bool(out, *it),
        Value::I64(it) => int(out, *it),
        Value::F64(it) => double(out, *it),
        Value::Array(all) => {
            head(out, ARRAY, array_len(all));
            array(out, all);
        }
        _ => {}
    }
}

fn array(out: &mut Vec<u8>, all: &Array) {
    match all {
        Array::String(all) => {
            for it in all {
                head(out, ELEMENT, field_len(it.as_str().len()));
                bytes(out, STRING, it.as_str().as_bytes());
            }
        }
        Array::Bool(all) => {
            for it in all {
                head(out, ELEMENT, BOOL_LEN);
                bool(out, *it);
            }
        }
        Array::I64(all) => {
            for it in all {
                head(out, ELEMENT, int_len(*it));
                int(out, *it);
            }
        }
        Array::F64(all) => {
            for it in all {
                head(out, ELEMENT, DOUBLE_LEN);
                double(out, *it);
            }
        }
        _ => {}
    }
}

fn bool(out: &mut Vec<u8>, it: bool) {
    out.extend_from_slice(&[BOOL, u8::from(it)]);
}

fn int(out: &mut Vec<u8>, it: i64) {
    out.push(INT);
    varint(out, it.cast_unsigned());
}

fn double(out: &mut Vec<u8>, it: f64) {
    out.push(DOUBLE);
    out.extend_from_slice(&it.to_le_bytes());
}
