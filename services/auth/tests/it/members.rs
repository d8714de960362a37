//! `/admin/v1/teams/{team}/members`.

use outcrop_types::{Change, Subject};
use serde_json::{Value, json};

use crate::office::{Office, text};

#[actix_web::test]
async fn a_member_is_set_changed_and_removed() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &blue, "developer").await;
    let member = format!("/teams/{red}/members/{}", dan.id);
    let heard = [Change::Subject(Subject::User(dan.id.parse().unwrap()))];
    office.world.announced.take();

    let (status, set) = office.put(&office.root, &member, json!({"role": "viewer"})).await;
    assert_eq!((status, &set["role"], &set["name"]), (201, &json!("viewer"), &json!("dan")), "{set}");
    assert_eq!(office.world.announced.take(), heard);
    assert_eq!(office.put(&ann.key, &member, json!({"role": "viewer"})).await, (200, set.clone()));
    assert_eq!(office.world.announced.take(), [], "repeating changes nothing");
    assert_eq!(office.get(&ann.key, &member).await, (200, set.clone()));
    let (status, raised) = office.put(&ann.key, &member, json!({"role": "team_admin"})).await;
    assert_eq!((status, &raised["created_at"]), (200, &set["created_at"]), "{raised}");
    assert_eq!(office.world.announced.take(), heard);
    assert_eq!(office.delete(&ann.key, &member).await.0, 204);
    assert_eq!(office.world.announced.take(), heard);
    assert_eq!(office.get(&ann.key, &member).await.0, 404);
    assert_eq!(office.delete(&ann.key, &member).await.0, 404);
    assert!(office.is_good(&dan.key).await, "in the other team it is what it was");
}

#[actix_web::test]
async fn a_member_is_added_by_id_or_by_name() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let dan = office.person("dan", &blue, "developer").await;
    let members = format!("/teams/{red}/members");
    let add = |user: &str| office.post(&office.root, &members, json!({"user": user, "role": "viewer"}));
    let (status, by_name) = add("dan").await;
    assert_eq!((status, &by_name["user"]), (201, &json!(dan.id)));
    assert_eq!(add(&dan.id).await, (200, by_name));
    for nobody in ["nobody", "", "\u{0}", "user_00000000000000000000000000000007"] {
        let (status, answer) = add(nobody).await;
        assert_eq!((status, &answer["param"]), (404, &json!("user")), "{nobody:?}: {answer}");
    }
    let (_, list) = office.get(&office.root, &members).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn what_a_member_is_counts_at_once_for_its_keys() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let member = format!("/teams/{red}/members/{}", ann.id);
    assert_eq!(office.get(&ann.key, "/keys").await.0, 200);
    assert_eq!(office.put(&office.root, &member, json!({"role": "viewer"})).await.0, 200);
    assert_eq!(office.get(&ann.key, "/keys").await.0, 403, "a key is no more than its owner is now");
    assert_eq!(office.delete(&office.root, &member).await.0, 204);
    assert!(!office.is_good(&ann.key).await);
}

#[actix_web::test]
async fn the_last_admin_stays_one() {
    let office = Office::open().await;
    let (team, admin) = (office.world.first.team.id, office.world.first.admin.id);
    let member = format!("/teams/{team}/members/{admin}");
    let (status, answer) = office.put(&office.root, &member, json!({"role": "developer"})).await;
    assert_eq!(status, 409, "{answer}");
    assert!(text(&answer["detail"]).contains("admin"), "says why: {answer}");
    assert_eq!(office.delete(&office.root, &member).await.0, 409);

    let second = office.person("second", &team.to_string(), "platform_admin").await;
    assert_eq!(office.delete(&second.key, &member).await.0, 204, "two of them can part");
}

#[actix_web::test]
async fn to_a_team_admin_whoever_is_not_of_the_team_is_not_there() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &blue, "developer").await;
    let admin = &office.world.first.admin;
    let nobody = format!("user_{:032}", 7);
    let members = format!("/teams/{red}/members");
    let told = |(status, answer): &(u16, Value)| {
        (*status, answer["detail"].clone(), answer["param"].clone(), answer["code"].clone())
    };
    office.world.announced.take();

    let first = office.put(&ann.key, &format!("{members}/{nobody}"), json!({"role": "viewer"})).await;
    assert_eq!((first.0, &first.1["param"]), (404, &json!("user")), "{}", first.1);
    assert_eq!(text(&first.1["detail"]), "there is no such user in this team");
    for id in [&dan.id, &admin.id.to_string()] {
        let answer = office.put(&ann.key, &format!("{members}/{id}"), json!({"role": "viewer"})).await;
        assert_eq!(told(&answer), told(&first), "{id}");
    }
    for user in ["dan", &dan.id, &admin.name, &admin.id.to_string(), "nobody", &nobody, "", "\u{0}"] {
        let answer = office.post(&ann.key, &members, json!({"user": user, "role": "viewer"})).await;
        assert_eq!(told(&answer), told(&first), "{user:?}");
        let beyond = office.post(&ann.key, &members, json!({"user": user, "role": "platform_admin"})).await;
        assert_eq!((beyond.0, &beyond.1["param"]), (403, &json!("role")), "{user:?}: {}", beyond.1);
    }
    let (_, list) = office.get(&ann.key, &members).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "nobody came");
    assert_eq!(office.world.announced.take(), []);

    // Its own it ranks, by id and by name.
    office.make("/users", json!({"name": "eve", "team": red})).await;
    let (status, eve) = office.post(&ann.key, &members, json!({"user": "eve", "role": "viewer"})).await;
    assert_eq!((status, &eve["role"]), (200, &json!("viewer")), "{eve}");
}
