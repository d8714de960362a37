//! What every [`AuditLog`](crate::AuditLog) keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use outcrop_types::{Actor, AuditDraft, AuditEvent, AuditHash, AuditOutcome, AuditRow, Subject, TeamId};

use super::changed::{done, taken};
use super::pages::pages;
use super::samples::{
    at, draft, key_id, refresh_token, sealer, service_account_id, session, session_id, signing_key, team,
    team_id, user, user_id,
};
use super::trail::{chain, trail};
use super::{Stores, at_once};
use crate::AuditFilter;

/// Runs the suite. `make` gives an empty store each time.
pub async fn audit_log<S, F, Fut>(make: F)
where
    S: Stores,
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<S>>,
{
    an_empty_log_has_no_head(&*make().await).await;
    an_event_is_read_as_it_was_recorded(&*make().await).await;
    no_text_of_a_client_is_lost(&*make().await).await;
    the_chain_is_read_bit_by_bit(&*make().await).await;
    many_writers_make_one_chain(make().await).await;
    rows_are_listed_newest_first(&*make().await).await;
    each_filter_narrows(&*make().await).await;
    a_time_is_from_and_until(&*make().await).await;
    filters_narrow_each_other(&*make().await).await;
}

async fn an_empty_log_has_no_head(store: &impl Stores) {
    assert_eq!(store.audit_head().await.unwrap(), None);
    assert!(store.read_audit_chain(0, 10).await.unwrap().is_empty());
    let page = store.list_audit(&AuditFilter::default(), None, 10).await.unwrap();
    assert!(page.items.is_empty() && !page.has_more);
}

async fn an_event_is_read_as_it_was_recorded(store: &impl Stores) {
    let plain = AuditEvent::done(Actor::System, "platform.begin", "platform", at(0));
    let full = AuditEvent {
        actor: Actor::Principal {
            subject: Subject::ServiceAccount(service_account_id(1)),
            team: team_id(1),
            key: Some(key_id(1)),
        },
        team: Some(team_id(2)),
        outcome: AuditOutcome::Refused,
        before: Some(r#"{ "name": "a", "b": [1, 2.5, null] }"#.parse().unwrap()),
        after: Some(r#"{ "z": 1, "a": { "nested": true } }"#.parse().unwrap()),
        detail: Some("may not".to_owned()),
        client_ip: Some("2001:db8::1".parse().unwrap()),
        request_id: Some("request-1".to_owned()),
        ..AuditEvent::done(Actor::System, "key.create", key_id(1), at(1))
    };
    record(store, &plain).await;
    record(store, &full).await;
    let rows = chain(store).await;
    let expected = seal(&[plain, full.clone()]);
    assert_eq!(rows, expected, "number, place in the chain and letter of the record");
    assert_eq!(rows[1].read(&sealer()).unwrap(), full);
    let page = store.list_audit(&AuditFilter::default(), None, 10).await.unwrap();
    assert!(page.items.iter().eq(expected.iter().rev()), "a list shows the same");
}

/// What is refused is told of in the words of whoever tried.
async fn no_text_of_a_client_is_lost(store: &impl Stores) {
    // Of many different letters: what repeats itself is short to a database that compresses.
    let long: String = (0..8_192_u32).map(|at| char::from(b' ' + (at * at % 7_919 % 95) as u8)).collect();
    for text in ["'; DROP TABLE audit_log; --", "Ünïcode \u{10ffff} \u{1} \"\\", "", &long] {
        let event = AuditEvent {
            detail: Some(format!("{text}\0")),
            ..AuditEvent::done(Actor::Anonymous, "request.refused", text, at(0))
        };
        record(store, &event).await;
        let row = chain(store).await.pop().unwrap();
        assert_eq!(row.read(&sealer()).unwrap(), event);
        let filter = AuditFilter { target: Some(text.to_owned()), ..AuditFilter::default() };
        assert_eq!(store.list_audit(&filter, None, 10).await.unwrap().items, [row]);
    }
}

async fn the_chain_is_read_bit_by_bit(store: &impl Stores) {
    for _ in 0..5 {
        store.record_audit(&draft("request.refused")).await.unwrap();
    }
    let read = async |after, limit| {
        let rows = store.read_audit_chain(after, limit).await.unwrap();
        rows.into_iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 2).await, [1, 2]);
    assert_eq!(read(2, 2).await, [3, 4]);
    assert_eq!(read(4, 2).await, [5]);
    assert!(read(5, 2).await.is_empty());
    assert!(read(u64::MAX, 2).await.is_empty());
}

/// Whatever changes, and what only is told of: all of it stands in one chain.
async fn many_writers_make_one_chain(store: Arc<impl Stores>) {
    const WRITERS: u32 = 20;
    // To each its own login: one ends, and is told of, once.
    let token = |login: u32, number: u32| refresh_token(100 * number + login, session_id(login));
    for login in 0..WRITERS {
        store.insert_session(&session(login, team_id(1)), Some(&token(login, 0))).await.unwrap();
        store.rotate_refresh(&token(login, 0), &token(login, 1), at(1), &draft("token.reuse")).await.unwrap();
    }
    done(store.insert_team(&team(99), &draft("team.first")).await);
    at_once(WRITERS, |number| {
        let (store, spent, next) = (Arc::clone(&store), token(number, 0), token(number, 2));
        async move {
            store.record_audit(&draft("request.refused")).await.unwrap();
            done(store.insert_team(&team(number), &draft("team.create")).await);
            // What is not done tells of nothing and leaves no gap.
            taken(store.insert_team(&team(99), &draft("team.create")).await);
            done(store.insert_user(&user(number), None, None, &draft("user.create")).await);
            done(store.insert_signing_key(&signing_key(number), &draft("signing_key.create")).await);
            store.rotate_refresh(&spent, &next, at(2), &draft("token.reuse")).await.unwrap();
        }
    })
    .await;
    let actions = trail(&*store).await;
    assert_eq!(actions.len(), 1 + 5 * WRITERS as usize);
    for action in ["request.refused", "team.create", "user.create", "signing_key.create", "token.reuse"] {
        assert_eq!(actions.iter().filter(|it| *it == action).count(), WRITERS as usize, "{action}");
    }
}

async fn rows_are_listed_newest_first(store: &impl Stores) {
    for number in 0..7 {
        // As they were written, whatever their clocks said.
        let event = AuditEvent::done(Actor::System, "key.create", number, at(number % 2));
        record(store, &event).await;
    }
    assert_eq!(list(store, AuditFilter::default(), 3).await, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(list(store, AuditFilter::default(), 7).await.len(), 7, "a page filled to the brim");
    let page = store.list_audit(&AuditFilter::default(), Some(3), 10).await.unwrap();
    assert_eq!(page.items.iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 1]);
}

async fn each_filter_narrows(store: &impl Stores) {
    let person =
        |number| Actor::Principal { subject: Subject::User(user_id(number)), team: team_id(1), key: None };
    let events = [
        event(person(1), "key.create", "a", Some(team_id(1))),
        event(person(2), "key.delete", "b", Some(team_id(2))),
        event(Actor::System, "keys", "a", None),
        event(Actor::CommandLine, "key", "a%", None),
        event(person(1), "KEY.create", "A", Some(team_id(1))),
        AuditEvent { outcome: AuditOutcome::Refused, ..event(Actor::Anonymous, "team.create", "b", None) },
    ];
    for event in &events {
        record(store, event).await;
    }
    let all = AuditFilter::default;
    let team = |team: TeamId| AuditFilter { team: Some(team), ..all() };
    let actor = |actor: &str| AuditFilter { actor: Some(actor.to_owned()), ..all() };
    let action = |action: &str| AuditFilter { action: Some(action.to_owned()), ..all() };
    let target = |target: &str| AuditFilter { target: Some(target.to_owned()), ..all() };
    let outcome = |outcome| AuditFilter { outcome: Some(outcome), ..all() };
    for (filter, expected) in [
        (team(team_id(1)), &[5, 1][..]),
        (team(team_id(9)), &[]),
        (actor(&user_id(1).to_string()), &[5, 1]),
        (actor("system"), &[3]),
        (action("key.create"), &[1]),
        (action("key."), &[2, 1]),
        (action("key"), &[4]),
        (action("."), &[]),
        (action("%."), &[]),
        (target("a"), &[3, 1]),
        (target("a%"), &[4]),
        (outcome(AuditOutcome::Refused), &[6]),
        (outcome(AuditOutcome::Done), &[5, 4, 3, 2, 1]),
    ] {
        assert_eq!(list(store, filter.clone(), 2).await, expected, "{filter:?}");
    }
}

async fn a_time_is_from_and_until(store: &impl Stores) {
    for second in [10, 20, 30, 15] {
        record(store, &AuditEvent::done(Actor::System, "key.create", second, at(second))).await;
    }
    let between = |since: Option<i64>, until: Option<i64>| AuditFilter {
        since: since.map(at),
        until: until.map(at),
        ..AuditFilter::default()
    };
    assert_eq!(list(store, between(Some(20), None), 10).await, [3, 2]);
    assert_eq!(list(store, between(None, Some(20)), 10).await, [4, 1]);
    assert_eq!(list(store, between(Some(15), Some(30)), 1).await, [4, 2]);
    assert!(list(store, between(Some(20), Some(20)), 10).await.is_empty());
}

async fn filters_narrow_each_other(store: &impl Stores) {
    let wanted = event(Actor::System, "key.create", "a", Some(team_id(1)));
    let others = [
        AuditEvent { team: None, ..wanted.clone() },
        AuditEvent { actor: Actor::CommandLine, ..wanted.clone() },
        AuditEvent { action: "team.create".to_owned(), ..wanted.clone() },
        AuditEvent { target: "b".to_owned(), ..wanted.clone() },
        AuditEvent { outcome: AuditOutcome::Refused, ..wanted.clone() },
        AuditEvent { at: at(-1), ..wanted.clone() },
        AuditEvent { at: at(1), ..wanted.clone() },
    ];
    record(store, &wanted).await;
    for other in &others {
        record(store, other).await;
    }
    let filter = AuditFilter {
        team: Some(team_id(1)),
        actor: Some("system".to_owned()),
        action: Some("key.".to_owned()),
        target: Some("a".to_owned()),
        outcome: Some(AuditOutcome::Done),
        since: Some(at(0)),
        until: Some(at(1)),
    };
    assert_eq!(list(store, filter, 10).await, [1]);
}

fn event(actor: Actor, action: &str, target: &str, team: Option<TeamId>) -> AuditEvent {
    AuditEvent { team, ..AuditEvent::done(actor, action, target, at(0)) }
}

async fn record(store: &impl Stores, event: &AuditEvent) {
    store.record_audit(&AuditDraft::new(event.clone(), sealer())).await.unwrap();
}

/// The rows that these events make on an empty log.
fn seal(events: &[AuditEvent]) -> Vec<AuditRow> {
    let mut previous = AuditHash::START;
    let rows = (1..).zip(events).map(|(seq, event)| {
        let row = AuditDraft::new(event.clone(), sealer()).seal(seq, previous);
        previous = row.hash;
        row
    });
    rows.collect()
}

async fn list(store: &impl Stores, filter: AuditFilter, limit: usize) -> Vec<u64> {
    let page = async |before, limit| store.list_audit(&filter, before, limit).await;
    pages(limit, |row: &AuditRow| row.seq, page).await
}
