//! What is held, and what is left of it.

use uuid::Uuid;

use super::*;

const KEY: McpSessionKey = McpSessionKey([1; 32]);

#[test]
fn nothing_is_left_of_what_is_over() {
    let live = Live::default();
    let presence = live.session(KEY, "somebody");
    let (id, stream) = (MessageId::Number(1), McpStreamId(Uuid::nil()));
    let held = (
        presence.begin(&id, 0).unwrap(),
        presence.ask(id.clone()),
        presence.keep(stream),
        presence.listen(1, None).unwrap(),
        presence.follow(stream).unwrap(),
    );
    assert_eq!(live.streams(), [(KEY, stream)]);
    assert_eq!(presence.begin(&id, 0).unwrap_err(), NotBegun::SameId);
    assert!(presence.listen(1, None).is_none());
    drop(held);
    assert!(live.streams().is_empty());
    assert!(lock(&presence.here).followers.is_empty());
    assert!(presence.listen(1, None).is_some() && presence.begin(&id, 0).is_ok());
    drop(presence);
    assert!(live.present(&KEY).is_none() && lock(&live.sessions).is_empty());
}

#[test]
fn one_reads_the_letters_for_as_long_as_something_runs() {
    let live = Live::default();
    let presence = live.session(KEY, "somebody");
    let running = presence.begin(&MessageId::Number(1), 0).unwrap();
    let (mut reading, after) = presence.begin_reading().unwrap();
    assert!(after == 0 && presence.begin_reading().is_none());
    presence.has_read(3);
    assert!(!reading.may_leave());
    drop(running);
    assert!(reading.may_leave());
    let (next, after) = presence.begin_reading().unwrap();
    drop(reading);
    assert!(after == 3 && presence.begin_reading().is_none(), "the one who left is not the one who reads");
    // One that breaks off leaves the letters to another.
    drop(next);
    assert!(presence.begin_reading().is_some());
}

#[test]
fn who_leaves_a_stream_leaves_it_to_who_has_it_now() {
    let live = Live::default();
    let presence = live.session(KEY, "somebody");
    let stream = McpStreamId(Uuid::nil());
    let former = presence.keep(stream);
    presence.take_over(stream);
    let now = presence.keep(stream);
    assert!(former.followed.is_cancelled() && !now.followed.is_cancelled());
    drop(former);
    assert_eq!(live.streams(), [(KEY, stream)]);
    presence.take_over(stream);
    assert!(now.followed.is_cancelled(), "and it can be taken from there");
    drop(now);
    assert!(!presence.keeps(stream));
}

#[test]
fn a_stream_is_taken_up_by_one_at_a_time() {
    let live = Live::default();
    let presence = live.session(KEY, "somebody");
    let stream = |at: usize| McpStreamId(Uuid::from_u128(at as u128));
    let all: Vec<_> = (0..MAX_FOLLOWERS).map(|at| presence.follow(stream(at)).unwrap()).collect();
    assert!(presence.follow(stream(MAX_FOLLOWERS)).is_none());
    let again = presence.follow(stream(0)).unwrap();
    assert!(all[0].taken.is_cancelled() && !all[1].taken.is_cancelled());
    drop(all);
    assert!(!again.taken.is_cancelled());
    assert_eq!(lock(&presence.here).followers.len(), 1);
}

#[test]
fn a_letter_calls_off_what_began_before_it() {
    let live = Live::default();
    let presence = live.session(KEY, "somebody");
    let id = MessageId::Number(1);
    let running = presence.begin(&id, 7).unwrap();
    assert_eq!(presence.begin_reading().unwrap().1, 7, "what was there before is not read");
    presence.cancel_by(&id, 7);
    assert!(!running.cancelled.is_cancelled());
    presence.cancel_by(&id, 8);
    assert!(running.cancelled.is_cancelled());
}

#[test]
fn who_comes_back_for_news_has_the_place_of_the_connection_before() {
    let live = Live::default();
    let presence = live.session(KEY, "somebody");
    let stream = McpStreamId(Uuid::nil());
    let place = presence.listen(1, None).unwrap();
    let kept = presence.keep_at(stream, Some(&place));
    assert!(presence.listen(1, None).is_none());
    let again = presence.listen(1, Some(stream)).unwrap();
    assert!(kept.followed.is_cancelled());
    drop((place, kept));
    assert!(presence.listen(1, None).is_none(), "the place is taken all the same");
    drop(again);
    assert!(presence.listen(1, None).is_some());
}
