//! Text that Postgres cannot hold: the character NUL.

use outcrop_ports::contract::samples::{draft, team, user};
use outcrop_ports::{
    AuditFilter, AuditLog, Changed, KeyFilter, KeyStore, ServiceAccountFilter, ServiceAccountStore,
    SigningKeyStore, TeamFilter, TeamStore, UserFilter, UserStore,
};

use crate::database::with_databases;

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn nothing_is_called_by_what_cannot_be_kept() {
    with_databases(|databases| async move {
        let store = databases.store().await;
        assert_eq!(store.insert_team(&team(1), &draft("team.create")).await.unwrap(), Changed::Done);
        let user = user(1);
        let inserted = store.insert_user(&user, None, None, &draft("user.create")).await.unwrap();
        assert_eq!(inserted, Changed::Done);

        let name = format!("{}\0", user.name);
        assert_eq!(store.lookup_user_by_name(&name).await.unwrap(), None);
        assert_eq!(store.lookup_team_by_name("team 1\0").await.unwrap(), None);
        assert!(store.lookup_password(&name).await.unwrap().is_none());
        let revoked = store.revoke_signing_key("kid\0", user.created_at, &draft("signing_key.revoke")).await;
        assert_eq!(revoked.unwrap(), Changed::Stale);

        let prefix = || Some("\0".to_owned());
        let users = UserFilter { name_prefix: prefix(), ..UserFilter::default() };
        assert!(store.list_users(&users, None, 10).await.unwrap().items.is_empty());
        let teams = TeamFilter { name_prefix: prefix(), ..TeamFilter::default() };
        assert!(store.list_teams(&teams, None, 10).await.unwrap().items.is_empty());
        let keys = KeyFilter { name_prefix: prefix(), ..KeyFilter::default() };
        assert!(store.list_keys(&keys, None, 10).await.unwrap().items.is_empty());
        let accounts = ServiceAccountFilter { name_prefix: prefix(), ..ServiceAccountFilter::default() };
        assert!(store.list_service_accounts(&accounts, None, 10).await.unwrap().items.is_empty());
        for filter in [
            AuditFilter { actor: prefix(), ..AuditFilter::default() },
            AuditFilter { action: prefix(), ..AuditFilter::default() },
            AuditFilter { target: prefix(), ..AuditFilter::default() },
        ] {
            assert!(store.list_audit(&filter, None, 10).await.unwrap().items.is_empty());
        }
    })
    .await;
}
