//! What headers say of a trace, read with care: they come from anybody.

use std::sync::Arc;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_aws::trace::xray_propagator::span_context_from_str;

use super::hex::{self, Text};

/// Nobody has said whether the trace is kept: X-Ray's `Sampled=?`, as its propagator keeps it.
pub const UNDECIDED: TraceFlags = TraceFlags::new(0x02);

/// Longest `traceparent` of a future version that is looked at, and longest header of X-Ray's.
const MOST: usize = 1_024;
/// Most of `tracestate` that is passed on: W3C asks for as much at least.
const MOST_STATE: usize = 512;
/// Entries that are longer go first (<https://www.w3.org/TR/trace-context/#tracestate-limits>).
const LONG_ENTRY: usize = 128;

/// Whether nobody has decided on it.
pub(super) fn is_undecided(span: &SpanContext) -> bool {
    span.trace_flags() & UNDECIDED == UNDECIDED
}

/// W3C's `traceparent`. Of future versions what version 0 has in it is read, as W3C asks for.
pub(super) fn from_w3c(parent: &str) -> Option<SpanContext> {
    let parent = parent.trim();
    if parent.len() > MOST {
        return None;
    }
    let mut parts = parent.split('-');
    let version = hex::read::<2>(parts.next()?)?;
    let (trace, span, flags) =
        (hex::read::<32>(parts.next()?)?, hex::read::<16>(parts.next()?)?, hex::read::<2>(parts.next()?)?);
    if version == 0xff || version == 0 && parts.next().is_some() {
        return None;
    }
    let flags = TraceFlags::new(u8::try_from(flags).ok()?) & TraceFlags::SAMPLED;
    let span = SpanId::from(u64::try_from(span).ok()?);
    let span = SpanContext::new(TraceId::from(trace), span, flags, true, TraceState::NONE);
    span.is_valid().then_some(span)
}

/// X-Ray's header. Without a `Parent` the trace alone is known: load balancers write it so.
pub(super) fn from_xray(header: &str) -> Option<SpanContext> {
    if header.len() > MOST {
        return None;
    }
    // `Self`, `Lineage` and whatever else there may be are others' affairs; the propagator would make vendors of them.
    let find = |name: &str| {
        header.split(';').filter_map(|part| part.split_once('=')).find_map(|(key, value)| {
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
        })
    };
    let root = find("Root")?;
    let mut parts = root.split('-');
    let (version, time, random) = (parts.next()?, parts.next()?, parts.next()?);
    if version != "1" || parts.next().is_some() {
        return None;
    }
    hex::read::<8>(time).and(hex::read::<24>(random))?;
    let mut clean = format!("Root={root}");
    if let Some(parent) = find("Parent").filter(|it| hex::read::<16>(it).is_some()) {
        clean = format!("{clean};Parent={parent}");
    }
    if let Some(sampled) = find("Sampled") {
        clean = format!("{clean};Sampled={sampled}");
    }
    span_context_from_str(&clean)
}

/// W3C's `traceparent`.
pub(super) fn to_w3c(span: &SpanContext) -> Option<String> {
    if !span.is_valid() {
        return None;
    }
    let mut line = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hex::write(&mut line[3..35], &span.trace_id().to_bytes());
    hex::write(&mut line[36..52], &span.span_id().to_bytes());
    line[54] = b'0' + u8::from(span.is_sampled());
    Some(Text(line).as_str().to_owned())
}

/// X-Ray's header. What `tracestate` says is not X-Ray's.
pub(super) fn to_xray(span: &SpanContext) -> Option<String> {
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
    if id == SpanId::INVALID {
        let sampled = match flags {
            _ if is_undecided(span) => "",
            flags if flags.is_sampled() => ";Sampled=1",
            _ => ";Sampled=0",
        };
        return (trace != TraceId::INVALID).then(|| format!("Root={}{sampled}", xray_trace_id(trace)));
    }
    if !span.is_valid() {
        return None;
    }
    // As the propagator has it, in one piece: it goes out with every call of a model.
    let mut line = *b"Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0";
    line[5..40].copy_from_slice(&xray_trace_id(trace).0);
    hex::write(&mut line[48..64], &id.to_bytes());
    line[73] = match flags {
        _ if is_undecided(span) => b'?',
        flags if flags.is_sampled() => b'1',
        _ => b'0',
    };
    Some(Text(line).as_str().to_owned())
}

/// As X-Ray writes a trace's id: `1-<time>-<random>`.
pub(super) fn xray_trace_id(trace: TraceId) -> Text<35> {
    let mut text = *b"1-00000000-000000000000000000000000";
    let id = trace.to_bytes();
    hex::write(&mut text[2..10], &id[..4]);
    hex::write(&mut text[11..], &id[4..]);
    Text(text)
}

/// The vendors' entries of `tracestate`; none where they make no sense, and no more than what is passed on.
pub(super) fn state_of(text: &str) -> Option<Arc<str>> {
    let text = text.trim();
    if text.len() > 8 * MOST || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') {
        return None;
    }
    let mut entries: Vec<_> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    if entries.iter().any(|entry| entry.starts_with('=')) {
        return None;
    }
    let length =
        |entries: &[&str]| entries.iter().map(|entry| entry.len() + 1).sum::<usize>().saturating_sub(1);
    if length(&entries) > MOST_STATE {
        entries.retain(|entry| entry.len() <= LONG_ENTRY);
    }
    while length(&entries) > MOST_STATE {
        entries.pop();
    }
    let state: TraceState = entries.join(",").parse().ok()?;
    Some(state.header()).filter(|text| !text.is_empty()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use opentelemetry_aws::trace::xray_propagator::span_context_to_string;

    use super::super::ids;
    use super::*;

    #[test]
    fn ids_of_ours_are_what_xrays_propagator_writes_and_reads() {
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(0x5759_e988);
        let span = SpanContext::new(
            ids::new_trace(at),
            ids::new_span(),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        );
        let header = span_context_to_string(&span).unwrap();
        assert!(header.starts_with("Root=1-5759e988-"), "{header}");
        assert_eq!(span_context_from_str(&header), Some(span));
    }

    #[test]
    fn what_goes_to_xray_is_what_its_propagator_writes() {
        let (trace, id) = (TraceId::from(0x0102_u128 << 96 | 7), SpanId::from(0x00ab_u64));
        for (trace, id) in
            [(trace, id), (TraceId::from(u128::MAX), SpanId::from(u64::MAX)), (TraceId::INVALID, id)]
        {
            for flags in [TraceFlags::NOT_SAMPLED, TraceFlags::SAMPLED, UNDECIDED] {
                let span = SpanContext::new(trace, id, flags, true, TraceState::NONE);
                assert_eq!(to_xray(&span), span_context_to_string(&span), "{span:?}");
            }
        }
    }
}
