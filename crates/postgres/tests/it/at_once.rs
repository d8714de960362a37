//! Several processes at work on one database.

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use outcrop_ports::contract::samples::{
    at, draft, key, key_id, membership, refresh_token, sealer, session, session_id, team, team_id, user,
    user_id,
};
use outcrop_ports::{AuditLog, Changed, KeyStore, PortError, Rotation, SessionStore, TeamStore, UserStore};
use outcrop_postgres::PostgresStore;
use outcrop_types::{ApiKey, AuditHash, KeyId, Role, Session, Subject, User};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::database::{store, with_databases};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn the_audit_log_stays_one_chain() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        store(&database).migrate().await.unwrap();
        let wrote = processes(&database, 5, |store, process| async move {
            let writing = (0..10).map(|number| {
                let store = store.clone();
                async move {
                    if number % 2 == 0 {
                        store.record_audit(&draft("request.refuse")).await.unwrap();
                        return 1;
                    }
                    // Each name is wanted by every process, and given to one.
                    let wanted = team(process * 100 + number);
                    let wanted = outcrop_types::Team { name: format!("team {number}"), ..wanted };
                    let changed = store.insert_team(&wanted, &draft("team.create")).await.unwrap();
                    u64::from(changed == Changed::Done)
                }
            });
            join_all(writing).await.into_iter().sum::<u64>()
        })
        .await;
        let total = wrote.into_iter().sum::<u64>();
        assert_eq!(total, 5 * 5 + 5);
        assert_chain(&store(&database), total).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn one_platform_admin_stays() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let first = store(&database);
        first.migrate().await.unwrap();
        for number in 0..6 {
            done(first.insert_team(&team(number), &draft("team.create")).await);
            done(first.insert_user(&user(number), None, None, &draft("user.create")).await);
            let admin = membership(number, number, Role::PlatformAdmin);
            done(first.set_membership(&admin, &draft("member.set")).await);
        }
        // Six admins, each of whom loses the role in another way.
        let changes = processes(&database, 6, |store, number| async move {
            let audit = draft("admin.remove");
            let (team, user) = (team(number), user(number));
            match number {
                0 => store.remove_membership(team.id, user.id, &audit).await,
                1 => store.set_membership(&membership(number, number, Role::Viewer), &audit).await,
                2 => store.delete_user(&user, at(100), &audit).await,
                3 => store.delete_team(&team, at(100), &audit).await,
                4 => {
                    let disabled = User { disabled_at: Some(at(100)), ..user };
                    store.update_user(&disabled, at(100), &audit).await
                }
                _ => {
                    let disabled = outcrop_types::Team { disabled_at: Some(at(100)), ..team };
                    store.update_team(&disabled, &audit).await
                }
            }
            .unwrap()
        })
        .await;
        assert_eq!(changes.iter().filter(|it| **it == Changed::LastAdmin).count(), 1, "{changes:?}");
        assert_eq!(changes.iter().filter(|it| **it == Changed::Done).count(), 5, "{changes:?}");
        let (admin, _) = first.first_admin().await.unwrap().unwrap();
        let left = changes.iter().position(|it| *it == Changed::LastAdmin).unwrap();
        assert_eq!(admin.id, user_id(left.try_into().unwrap()));
        assert_chain(&first, 3 * 6 + 5).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn a_refresh_token_is_used_once() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let first = store(&database);
        first.migrate().await.unwrap();
        let token = refresh_token(100, session_id(1));
        first.insert_session(&session(1, team_id(1)), Some(&token)).await.unwrap();
        let rotations = processes(&database, 6, |store, number| async move {
            let (used, next) = (refresh_token(100, session_id(1)), refresh_token(number, session_id(1)));
            store.rotate_refresh(&used, &next, at(200), &draft("refresh.reuse")).await.unwrap()
        })
        .await;
        let done = rotations.iter().filter(|it| matches!(it, Rotation::Done(_))).count();
        let reused = rotations.iter().filter(|it| {
            matches!(it, Rotation::Reused(Session { revoked_at: Some(at_200), .. }) if *at_200 == at(200))
        });
        let refused = rotations.iter().filter(|it| **it == Rotation::Refused).count();
        assert_eq!((done, reused.count(), refused), (1, 1, 4), "{rotations:?}");
        let ended = first.lookup_session(session_id(1)).await.unwrap().unwrap();
        assert_eq!(ended.revoked_at, Some(at(200)));
        assert_chain(&first, 1).await;
    })
    .await;
}

/// Whatever writes rows of several tables, all at once and over the same rows, again and again: nothing waits in
/// a circle, which Postgres would end with an error for one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn nobody_waits_in_a_circle() {
    const KEYS: u32 = 40;
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let first = store(&database);
        first.migrate().await.unwrap();
        done(first.insert_team(&team(1), &draft("team.create")).await);
        done(first.insert_user(&user(1), None, None, &draft("user.create")).await);
        for number in 0..KEYS {
            let key = ApiKey { subject: Subject::User(user_id(1)), ..key(number, team_id(1)) };
            done(first.insert_key(&key, &draft("key.create")).await);
            let login = Session { subject: Subject::User(user_id(1)), ..session(number, team_id(1)) };
            let token = refresh_token(1_000 + number, login.id);
            first.insert_session(&login, Some(&token)).await.unwrap();
        }
        processes(&database, 8, |store, process| async move {
            for round in 0..5 {
                let now = at(100 + round);
                one_of_many(&store, process, now).await;
            }
        })
        .await;
    })
    .await;

    async fn one_of_many(store: &PostgresStore, process: u32, now: chrono::DateTime<chrono::Utc>) {
        let mut used: Vec<(KeyId, _)> = (0..KEYS).map(|number| (key_id(number), now)).collect();
        match process {
            0 => store.touch_keys(&used).await.unwrap(),
            1 => {
                used.reverse();
                store.touch_keys(&used).await.unwrap();
            }
            2 => drop(
                store.set_password(user_id(1), &"phc".into(), now, &draft("password.set")).await.unwrap(),
            ),
            3 => drop(store.prune_sessions(now).await.unwrap()),
            4 => {
                let found = store.lookup_user(user_id(1)).await.unwrap().unwrap();
                let disabled = User { disabled_at: Some(now), ..found };
                done(store.update_user(&disabled, now, &draft("user.disable")).await);
            }
            5 => drop(store.revoke_session(session_id(1), now).await.unwrap()),
            6 => {
                let member = membership(1, 1, Role::Developer);
                done(store.set_membership(&member, &draft("member.set")).await);
            }
            _ => {
                for number in 0..KEYS {
                    let used = refresh_token(1_000 + number, session_id(number));
                    let next = refresh_token(2_000 + number, session_id(number));
                    store.rotate_refresh(&used, &next, now, &draft("refresh.reuse")).await.unwrap();
                }
            }
        }
    }
}

/// A change that is under way ends the logins that it saw. One that is kept meanwhile would stay.
#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn a_login_is_kept_before_or_after_a_change_of_its_user() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        done(store.insert_user(&user(1), None, None, &draft("user.create")).await);
        done(store.set_password(user_id(1), &"phc".into(), at(10), &draft("password.set")).await);
        let login = |number| Session { subject: Subject::User(user_id(1)), ..session(number, team_id(1)) };
        let (password, person) = ("UPDATE passwords SET hash = 'x'", "UPDATE users SET disabled_at = now()");
        let rest = "UPDATE sessions SET revoked_at = now()";
        for (number, first) in [(1, password), (2, person)] {
            let kept = login(number);
            meanwhile(&database, first, rest, store.insert_session(&kept, None)).await.unwrap();
            assert_eq!(store.lookup_session(kept.id).await.unwrap(), Some(kept));
        }
    })
    .await;
}

/// What is checked here is what `change.rs` says of locks.
#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn changes_lock_nothing_before_the_end_of_the_audit_log() {
    const HEAD: &str = "SELECT id FROM audit_head FOR UPDATE NOWAIT";
    const ALL_ELSE: &str = "LOCK TABLE teams, users, memberships, service_accounts, passwords, invitations, api_keys, \
                            sessions, refresh_tokens, signing_keys, audit_log IN ACCESS EXCLUSIVE MODE NOWAIT";
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        done(store.insert_user(&user(1), None, None, &draft("user.create")).await);
        let used = refresh_token(100, session_id(1));
        store.insert_session(&session(1, team_id(1)), Some(&used)).await.unwrap();
        let rotate = async |next| {
            let next = refresh_token(next, session_id(1));
            store.rotate_refresh(&used, &next, at(200), &draft("refresh.reuse")).await.unwrap()
        };
        assert!(matches!(rotate(101).await, Rotation::Done(_)));

        let reused = meanwhile(&database, HEAD, ALL_ELSE, rotate(102)).await;
        assert!(matches!(reused, Rotation::Reused(_)));
        let now = at(300);
        let (disable, delete) = (draft("user.disable"), draft("user.delete"));
        let disabled = User { disabled_at: Some(now), ..user(1) };
        done(meanwhile(&database, HEAD, ALL_ELSE, store.update_user(&disabled, now, &disable)).await);
        let gone = User { revision: 1, ..user(1) };
        done(meanwhile(&database, HEAD, ALL_ELSE, store.delete_user(&gone, now, &delete)).await);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn keys_are_locked_in_the_order_of_their_ids() {
    const FIRST: &str = "SELECT id FROM api_keys ORDER BY id LIMIT 1 FOR UPDATE NOWAIT";
    const ALL: &str = "SELECT id FROM api_keys FOR UPDATE NOWAIT";
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        done(store.insert_user(&user(1), None, None, &draft("user.create")).await);
        let mut keys: Vec<_> = (0..20).map(|number| key(number, team_id(1))).collect();
        // In the table they lie, and in the list they come, in the opposite order.
        keys.sort_unstable_by(|one, other| other.id.cmp(&one.id));
        for key in &keys {
            let key = ApiKey { subject: Subject::User(user_id(1)), ..key.clone() };
            done(store.insert_key(&key, &draft("key.create")).await);
        }
        let used: Vec<_> = keys.into_iter().map(|key| (key.id, at(100))).collect();
        meanwhile(&database, FIRST, ALL, store.touch_keys(&used)).await.unwrap();
        let audit = draft("user.delete");
        done(meanwhile(&database, FIRST, ALL, store.delete_user(&user(1), at(100), &audit)).await);
    })
    .await;
}

/// Runs `work` while somebody else holds the lock `first`: it waits there, and what `rest` locks is still free.
async fn meanwhile<T>(
    database: &PgConnectOptions,
    first: &'static str,
    rest: &'static str,
    work: impl Future<Output = T>,
) -> T {
    const WAITING: &str = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                                          WHERE datname = current_database() AND wait_event_type = 'Lock')";
    let mut other = database.connect().await.unwrap();
    let mut watching = database.connect().await.unwrap();
    let mut locking = other.begin().await.unwrap();
    sqlx::query(first).execute(&mut *locking).await.unwrap();
    let watch = async {
        while !sqlx::query_scalar::<_, bool>(WAITING).fetch_one(&mut watching).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sqlx::query(rest).execute(&mut *locking).await.expect("the rest is free");
        locking.rollback().await.unwrap();
    };
    let both = futures::future::join(work, watch);
    tokio::time::timeout(Duration::from_secs(5), both).await.expect("it waits for the lock").0
}

/// Runs something in so many stores with connections of their own each, as processes have.
async fn processes<Fut>(
    database: &PgConnectOptions,
    count: u32,
    run: impl Fn(PostgresStore, u32) -> Fut,
) -> Vec<Fut::Output>
where
    Fut: Future<Output: Send + 'static> + Send + 'static,
{
    let running = (0..count).map(|number| tokio::spawn(run(store(database), number)));
    join_all(running.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}

/// The log has so many rows, numbered without a gap, each behind the one before.
async fn assert_chain(store: &PostgresStore, count: u64) {
    let rows = store.read_audit_chain(0, 1_000).await.unwrap();
    let mut last = (0, AuditHash::START);
    for row in rows {
        assert_eq!((row.seq, row.previous), (last.0 + 1, last.1));
        row.read(&sealer()).unwrap();
        last = (row.seq, row.hash);
    }
    assert_eq!(last.0, count);
    assert_eq!(store.audit_head().await.unwrap(), Some(last));
}

#[track_caller]
fn done(changed: Result<Changed, PortError>) {
    assert_eq!(changed.unwrap(), Changed::Done);
}
