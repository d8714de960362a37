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
