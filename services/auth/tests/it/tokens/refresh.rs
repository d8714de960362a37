//! `grant_type=refresh_token`: each is good once.

use chrono::TimeDelta;
use outcrop_auth::Acting;
use outcrop_types::{Change, Role};
use serde_json::json;

use super::gate::{Gate, PASSWORD, why};

#[actix_web::test]
async fn a_login_is_prolonged_by_ever_new_tokens() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let mut given = gate.log_in("ada").await;
    for _ in 0..3 {
        gate.world.clock.advance(TimeDelta::minutes(10));
        let next = gate.replica.refresh(&given["refresh_token"]).await.expect(200);
        assert_ne!(next["refresh_token"], given["refresh_token"]);
        assert!(gate.replica.authenticate(&next["access_token"]).await.is_ok());
        given = next;
    }
}

#[actix_web::test]
async fn a_reused_token_ends_its_login_and_no_other() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let (first, other) = (gate.log_in("ada").await, gate.log_in("ada").await);
    let second = gate.replica.refresh(&first["refresh_token"]).await.expect(200);
    gate.world.announced.take();
    let reused = gate.replica.refresh(&first["refresh_token"]).await;
    assert_eq!(reused.refused(400), "invalid_grant");
    assert_eq!(reused.body["error_description"], "the refresh token is not valid");
    assert_eq!(gate.replica.refresh(&second["refresh_token"]).await.refused(400), "invalid_grant");
    let refused = why(gate.replica.authenticate(&second["access_token"]).await);
    assert_eq!(refused, "the token's login has ended");
    assert!(matches!(gate.world.announced.take()[..], [Change::Session(_), ..]), "gateways hear of it");
    assert_eq!(gate.audited().await.iter().filter(|it| *it == "session.refresh_reused").count(), 1);
    gate.replica.refresh(&other["refresh_token"]).await.expect(200);
}

#[actix_web::test]
async fn the_audit_log_says_whose_token_was_reused_and_from_where() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let first = gate.log_in("ada").await;
    gate.replica.refresh(&first["refresh_token"]).await.expect(200);
    gate.replica.refresh(&first["refresh_token"]).await.refused(400);
    let rows = gate.world.ports.audit.read_audit_chain(0, 1_000).await.unwrap();
    let event = rows.last().unwrap().read(gate.world.auth.audit_sealer()).unwrap();
    assert_eq!(event.action, "session.refresh_reused");
    assert_eq!((event.actor.name(), event.team), (user.id.to_string(), Some(gate.world.first.team.id)));
    assert_eq!(event.client_ip, Some([127, 0, 0, 1].into()));
    assert!(event.request_id.is_some() && event.before.is_none() && event.after.is_none());
}

#[actix_web::test]
async fn of_ten_at_once_one_is_answered_and_the_login_ends() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let other = gate.another();
    let first = gate.log_in("ada").await;
    let token = &first["refresh_token"];
    let tries =
        (0..10).map(|at| if at % 2 == 0 { gate.replica.refresh(token) } else { other.refresh(token) });
    let answers = futures::future::join_all(tries).await;
    let (good, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((good.len(), refused.len()), (1, 9));
    assert!(refused.iter().all(|answer| answer.refused(400) == "invalid_grant"));
    assert_eq!(gate.replica.refresh(&good[0].body["refresh_token"]).await.refused(400), "invalid_grant");
    assert!(gate.replica.authenticate(&good[0].body["access_token"]).await.is_err());
    assert_eq!(gate.audited().await.iter().filter(|it| *it == "session.refresh_reused").count(), 1);
}

#[actix_web::test]
async fn a_token_that_comes_again_and_again_ends_its_login_once() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let (first, out) = (gate.log_in("ada").await, gate.log_in("ada").await);
    gate.replica.refresh(&first["refresh_token"]).await.expect(200);
    gate.replica.refresh(&out["refresh_token"]).await.expect(200);
    gate.replica.post("/auth/logout", &json!({ "refresh_token": out["refresh_token"] })).await.expect(204);
    gate.world.announced.take();
    for _ in 0..5 {
        for token in [&first["refresh_token"], &out["refresh_token"]] {
            assert_eq!(gate.replica.refresh(token).await.refused(400), "invalid_grant");
        }
    }
    let told = gate.world.announced.take();
    assert!(matches!(told[..], [Change::Session(_)]), "{told:?}");
    assert_eq!(gate.audited().await.iter().filter(|it| *it == "session.refresh_reused").count(), 1);
}

#[actix_web::test]
async fn the_scope_of_a_login_only_ever_narrows() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let form = [
        ("grant_type", "password"),
        ("username", "ada"),
        ("password", PASSWORD),
        ("scope", "models:read usage:read"),
    ];
    let mut refresh = gate.replica.grant(&form).await.expect(200)["refresh_token"].clone();
    for (asked, given) in [
        (Some("models:read"), "models:read"),
        (None, "models:read usage:read"),
        (Some("usage:read"), "usage:read"),
    ] {
        let token = refresh.as_str().unwrap().to_owned();
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &token)];
        form.extend(asked.map(|scope| ("scope", scope)));
        let next = gate.replica.grant(&form).await.expect(200);
        assert_eq!(next["scope"], given);
        let found = gate.replica.authenticate(&next["access_token"]).await.unwrap();
        let left = found.principal.scope().permissions.clone().unwrap();
        assert_eq!(left.iter().map(|it| it.name()).collect::<Vec<_>>().join(" "), given);
        refresh = next["refresh_token"].clone();
    }
    let token = refresh.as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", "inference:invoke")];
    assert_eq!(gate.replica.grant(&form).await.refused(400), "invalid_scope");
    gate.replica.refresh(&refresh).await.expect(200);
}

#[actix_web::test]
async fn a_token_that_is_not_used_expires_and_a_login_has_a_hard_end() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let idle = gate.log_in("ada").await;
    let mut busy = gate.log_in("ada").await;
    for _ in 0..2 {
        gate.world.clock.advance(TimeDelta::days(14) - TimeDelta::seconds(1));
        busy = gate.replica.refresh(&busy["refresh_token"]).await.expect(200);
    }
    assert_eq!(gate.replica.refresh(&idle["refresh_token"]).await.refused(400), "invalid_grant");
    // Thirty days, however often it is refreshed; the last access token ends with it.
    gate.world.clock.advance(TimeDelta::days(2) - TimeDelta::minutes(5));
    busy = gate.replica.refresh(&busy["refresh_token"]).await.expect(200);
    assert_eq!(busy["expires_in"], 5 * 60 + 2);
    gate.world.clock.advance(TimeDelta::minutes(6));
    assert_eq!(gate.replica.refresh(&busy["refresh_token"]).await.refused(400), "invalid_grant");
    assert!(gate.replica.authenticate(&busy["access_token"]).await.is_err());
}

#[actix_web::test]
async fn who_may_not_act_any_more_gets_no_further_token() {
    let gate = Gate::open().await;
    let user = gate.person("ada", Role::Developer).await;
    let team = gate.world.first.team.id;
    let given = gate.log_in("ada").await;
    gate.world.auth.set_member(&Acting::system(), team, user.id, Role::Viewer).await.unwrap();
    let next = gate.replica.refresh(&given["refresh_token"]).await.expect(200);
    assert_eq!(next["role"], "viewer", "the role is the one of now");
    gate.world.auth.remove_member(&Acting::system(), team, user.id).await.unwrap();
    assert_eq!(gate.replica.refresh(&next["refresh_token"]).await.refused(400), "invalid_grant");
}

#[actix_web::test]
async fn what_is_no_refresh_token_is_refused_in_the_same_words() {
    let gate = Gate::open().await;
    gate.person("ada", Role::Developer).await;
    let given = gate.log_in("ada").await;
    let good = given["refresh_token"].as_str().unwrap();
    let strangers = Gate::open().await;
    strangers.person("ada", Role::Developer).await;
    let theirs = strangers.log_in("ada").await["refresh_token"].as_str().unwrap().to_owned();
    let key = gate.world.first.key.expose().to_owned();
    for token in
        ["ocr_", "x", &good[..good.len() - 1], &theirs, &key, given["access_token"].as_str().unwrap()]
    {
        let refused = gate.replica.refresh(&json!(token)).await;
        assert_eq!(refused.refused(400), "invalid_grant", "{token}");
        assert_eq!(refused.body["error_description"], "the refresh token is not valid");
    }
    gate.replica.refresh(&given["refresh_token"]).await.expect(200);
}
