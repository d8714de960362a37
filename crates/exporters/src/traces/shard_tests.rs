//! What a shard says that it holds is what it holds.

use super::*;

#[test]
fn a_shards_books_hold() {
    let mut shard = Shard::one_of(16, 10);
    let fields = [0; 100];
    for number in 0..5_000_u128 {
        let trace = TraceId::from(number + 1);
        let content = if number.is_multiple_of(5) { &fields[..] } else { &[] };
        let span = SpanBytes {
            content,
            contents: u32::from(!content.is_empty()),
            fields: &fields,
            dropped: 0,
            flags: 0,
        };
        shard.begin(trace);
        shard.begin(trace);
        shard.end(trace, span, false);
        if number.is_multiple_of(3) {
            shard.end(trace, span, false);
        }
        let kept: usize = shard.traces.values().map(|it| it.spans.len()).sum();
        assert_eq!(shard.spans, kept);
        let bytes = shard.traces.values().flat_map(|it| &it.spans).map(|it| it.bytes.len()).sum::<usize>();
        assert_eq!((shard.bytes, shard.traces.values().map(|it| it.bytes).sum::<usize>()), (bytes, bytes));
        assert!(kept <= PER_TRACE && shard.traces.len() <= TRACES && shard.ages.len() <= 2 * TRACES);
    }
}

#[test]
fn what_is_kept_is_what_came() {
    let span = SpanBytes { content: b"content", contents: 2, fields: b"fields", dropped: 3, flags: 4 };
    let kept = KeptSpan::of(span);
    assert_eq!(format!("{:?}", kept.bytes()), format!("{span:?}"));
}
