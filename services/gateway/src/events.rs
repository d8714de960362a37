//! Streams of events, of which one may have to end before it is over.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};

/// How long the rest of an event is waited for. What is left of it after that nobody takes for an event: clients throw away
/// what no empty line ends (<https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>).
const PATIENCE: Duration = Duration::from_secs(1);

/// What ends an event.
const END: [u8; 2] = *b"\n\n";

/// How an event begins that tells of a failure, in the dialects that stream events: clients' texts are JSON within an event, and
/// have no lines of their own.
const FAILURES: [&[u8]; 3] = [b"event: error\n", b"event: response.failed\n", b"data: {\"error\":"];

/// Whether the last event of a piece tells of a failure. Of one that is longer than the piece nothing is known.
pub(crate) fn is_failure(piece: &[u8]) -> bool {
    let Some(piece) = piece.strip_suffix(&END) else { return false };
    let begin = piece.windows(END.len()).rposition(|it| it == END).map_or(0, |at| at + END.len());
    FAILURES.iter().any(|failure| piece[begin..].starts_with(failure))
}

/// These pieces, until `end` is there and the event is whole that has been begun.
pub(crate) fn until<E>(
    pieces: impl Stream<Item = Result<Bytes, E>> + 'static,
    end: impl Future<Output = ()> + 'static,
) -> impl Stream<Item = Result<Bytes, E>> + 'static {
    let (mut pieces, mut end) = (Box::pin(pieces), Box::pin(end));
    // What was sent last; nothing is begun at first.
    let mut last = END;
    let mut patience = None;
    stream::poll_fn(move |context| {
        if patience.is_none() && end.as_mut().poll(context).is_ready() {
            patience = Some(Box::pin(tokio::time::sleep(PATIENCE / 20)));
        }
        if let Some(over) = &mut patience
            && (last == END || over.as_mut().poll(context).is_ready())
        {
            return Poll::Ready(None);
        }
        let piece = pieces.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &piece {
            for byte in bytes.iter().skip(bytes.len().saturating_sub(END.len())) {
                last = [last[1], *byte];
            }
        }
        piece
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::StreamExt;
    use futures::channel::{mpsc, oneshot};

    use super::*;

    fn piece(text: &'static str) -> Result<Bytes, Infallible> {
        Ok(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn only_a_last_event_that_tells_of_a_failure_is_one() {
        for (piece, expected) in [
            ("data: {\"id\":1}\n\ndata: {\"error\":{\"code\":1}}\n\n", true),
            ("event: error\ndata: {}\n\n", true),
            ("event: delta\ndata: {}\n\nevent: response.failed\ndata: {}\n\n", true),
            ("data: {\"id\":\"data: {\\\"error\\\":\"}\n\n", false),
            ("event: error\ndata: {}\n\ndata: [DONE]\n\n", false),
            ("event: error\ndata: half", false),
            ("", false),
        ] {
            assert_eq!(is_failure(piece.as_bytes()), expected, "{piece}");
        }
    }

    #[tokio::test]
    async fn an_event_that_was_begun_is_told_to_its_end() {
        let (mut tell, told) = mpsc::channel(8);
        let (end, ended) = oneshot::channel::<()>();
        let mut stream = Box::pin(until(told, async move {
            let _ = ended.await;
        }));
        for text in ["data: 1\n\n", "da", "ta: 2\n"] {
            tell.try_send(piece(text)).unwrap();
            assert_eq!(stream.next().await, Some(piece(text)));
        }
        end.send(()).unwrap();
        assert_eq!(futures::poll!(stream.next()), Poll::Pending);
        tell.try_send(piece("\n")).unwrap();
        tell.try_send(piece("data: 3\n\n")).unwrap();
        assert_eq!(stream.next().await, Some(piece("\n")));
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn an_event_without_an_end_is_not_waited_for_for_ever() {
        let begun = stream::iter([piece("data: 1\n")]).chain(stream::pending());
        let mut stream = Box::pin(until(begun, std::future::ready(())));
        // Nothing was begun yet.
        assert_eq!(stream.next().await, None);
        let begun = stream::iter([piece("data: 1\n")]).chain(stream::pending());
        let mut stream = Box::pin(until(begun, tokio::time::sleep(PATIENCE / 20)));
        assert_eq!(stream.next().await, Some(piece("data: 1\n")));
        assert_eq!(stream.next().await, None);
    }
}
