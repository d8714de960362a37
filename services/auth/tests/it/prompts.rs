//! `/admin/v1/prompts`: what is written stays, what is served changes, and who decides about it.

use chrono::TimeDelta;
use outcrop_ports::{Changed, Clock as _};
use outcrop_types::{Actor, AuditDraft, AuditEvent, MAX_PROMPT_VERSIONS, MAX_PROMPTS, Prompt};
use serde_json::{Value, json};

use crate::office::{Office, text};

fn said(text: &str) -> Value {
    json!([{"role": "user", "text": text}])
}

fn path(prompt: &Value) -> String {
    format!("/prompts/{}", text(&prompt["id"]))
}

#[actix_web::test]
async fn a_prompt_is_made_read_and_removed() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let asked = json!({
        "team": red, "name": "review", "title": " Review ", "description": "Two\nlines",
        "arguments": [
            {"name": "language", "description": "Which", "required": true, "values": ["Rust", "Go"]},
            {"name": "tone", "default": "kind"},
        ],
        "messages": [
            {"role": "user", "text": "Review {{language}} in a {{ tone }} way: {{{{"},
            {"role": "assistant", "text": "Gladly."},
        ],
    });
    let made = office.make("/prompts", asked.clone()).await;
    assert_eq!((&made["team"], &made["name"], &made["current"]), (&json!(red), &json!("review"), &json!(1)));
    assert_eq!(
        (&made["latest"], &made["archived"], &made["revision"]),
        (&json!(1), &json!(false), &json!(0))
    );
    let version = &made["version"];
    assert_eq!((&version["version"], &version["title"]), (&json!(1), &json!("Review")));
    assert_eq!(version["messages"], asked["messages"]);
    let language = json!({
        "name": "language", "description": "Which", "required": true, "values": ["Rust", "Go"],
    });
    let tone = json!({"name": "tone", "required": false, "default": "kind"});
    assert_eq!(version["arguments"], json!([language, tone]));
    assert!(text(&version["created_by"]).starts_with("user_"));
    assert_eq!(office.get(&office.root, &path(&made)).await, (200, made.clone()));
    let first = format!("{}/versions/1", path(&made));
    assert_eq!(office.get(&office.root, &first).await, (200, version.clone()));

    assert_eq!(office.delete(&office.root, &path(&made)).await, (204, Value::Null));
    for gone in [path(&made), first, format!("{}/versions", path(&made))] {
        assert_eq!(office.get(&office.root, &gone).await.0, 404);
    }
    assert_eq!(office.delete(&office.root, &path(&made)).await.0, 404);
    office.make("/prompts", asked).await;
}

#[actix_web::test]
async fn versions_stay_and_the_one_served_is_chosen() {
    let office = Office::open().await;
    let made = office.make("/prompts", json!({"name": "p", "messages": said("one")})).await;
    let (versions, current) = (format!("{}/versions", path(&made)), format!("{}/current", path(&made)));
    office.world.clock.advance(TimeDelta::seconds(9));
    let second = office.make(&versions, json!({"title": "Second", "messages": said("two")})).await;
    assert_eq!(
        (&second["current"], &second["latest"], &second["revision"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!(
        (&second["version"]["title"], &second["updated_at"]),
        (&json!("Second"), &json!("2027-01-15T08:00:09Z"))
    );
    let unserved = office.make(&versions, json!({"messages": said("three"), "serve": false})).await;
    assert_eq!((&unserved["current"], &unserved["latest"]), (&json!(2), &json!(3)));
    assert_eq!(unserved["version"], second["version"], "what is shown is what is served");

    let serve = async |version: Value| office.put(&office.root, &current, json!({"version": version})).await;
    let (status, back) = serve(json!(1)).await;
    assert_eq!((status, &back["current"], &back["version"]["messages"]), (200, &json!(1), &said("one")));
    assert_eq!(serve(json!(1)).await, (200, back.clone()), "what is so already is no change");
    let (status, archived) = serve(Value::Null).await;
    assert_eq!((status, &archived["archived"], &archived["current"]), (200, &json!(true), &Value::Null));
    assert_eq!(archived["version"]["version"], 3, "of an archived one the newest is shown");
    let (status, again) = serve(json!(3)).await;
    assert_eq!((status, &again["archived"], &again["revision"]), (200, &json!(false), &json!(5)));
    for missing in [0, 4] {
        let (status, error) = serve(json!(missing)).await;
        assert_eq!((status, &error["param"]), (404, &json!("version")), "{error}");
    }

    let (_, list) = office.get(&office.root, &format!("{versions}?limit=2")).await;
    let numbers: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| it["version"].clone()).collect();
    assert_eq!((numbers, &list["next"]), (vec![json!(3), json!(2)], &json!("2")));
    let (_, rest) = office.get(&office.root, &format!("{versions}?limit=2&after=2")).await;
    assert_eq!((&rest["data"][0]["version"], &rest["has_more"]), (&json!(1), &json!(false)));
    assert_eq!(rest["data"][0].get("messages"), None, "lists have outlines");
    let (_, first) = office.get(&office.root, &format!("{versions}/1")).await;
    assert_eq!(first["messages"], said("one"));
    assert_eq!(office.get(&office.root, &format!("{versions}/x")).await.0, 404);
}

#[actix_web::test]
async fn a_version_tells_what_was_served_before_it_was() {
    let office = Office::open().await;
    let made = office.make("/prompts", json!({"name": "p", "messages": said("one")})).await;
    let (versions, current) = (format!("{}/versions", path(&made)), format!("{}/current", path(&made)));
    for (text, serve) in [("two", false), ("three", false), ("four", true)] {
        office.make(&versions, json!({"messages": said(text), "serve": serve})).await;
    }
    for version in [json!(null), json!(3), json!(1)] {
        assert_eq!(office.put(&office.root, &current, json!({"version": version})).await.0, 200);
    }
    let (_, list) = office.get(&office.root, &versions).await;
    let after: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| &it["served_after"]).collect();
    assert_eq!(
        after,
        [&json!(1), &json!(4), &json!(null), &json!(0)],
        "from the newest; the second is a draft"
    );
}

#[actix_web::test]
async fn lists_leave_out_what_is_long() {
    let office = Office::open().await;
    let argument = json!({"name": "a", "description": "Which", "values": ["x"]});
    let body = json!({"name": "p", "title": "T", "arguments": [argument], "messages": said("{{a}}")});
    let made = office.make("/prompts", body).await;
    for list in ["/prompts".to_owned(), format!("{}/versions", path(&made))] {
        let (_, list) = office.get(&office.root, &list).await;
        let first = &list["data"][0];
        let version = if first["name"] == "p" { &first["version"] } else { first };
        let outlined = json!([{"name": "a", "description": "Which", "required": false}]);
        assert_eq!((&version["title"], &version["arguments"]), (&json!("T"), &outlined));
        assert_eq!(version.get("messages"), None);
    }
}

#[actix_web::test]
async fn a_change_of_another_reading_is_refused() {
    let office = Office::open().await;
    let made = office.make("/prompts", json!({"name": "p", "messages": said("one")})).await;
    let versions = format!("{}/versions", path(&made));
    let body = json!({"messages": said("two"), "revision": 0});
    office.make(&versions, body.clone()).await;
    let (status, error) = office.post(&office.root, &versions, body).await;
    assert_eq!((status, &error["param"]), (409, &json!("revision")));
    let current = format!("{}/current", path(&made));
    let (status, error) = office.put(&office.root, &current, json!({"version": 1, "revision": 0})).await;
    assert_eq!((status, &error["param"]), (409, &json!("revision")));
    let (status, _) = office.put(&office.root, &current, json!({"version": 1, "revision": 1})).await;
    assert_eq!(status, 200);
}

#[actix_web::test]
async fn a_name_is_one_prompts_in_its_team() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let named = |team: &str| json!({"team": team, "name": "p", "messages": said("x")});
    office.make("/prompts", named(&red)).await;
    office.make("/prompts", named(&blue)).await;
    let (status, error) = office.post(&office.root, "/prompts", named(&red)).await;
    assert_eq!((status, &error["param"]), (409, &json!("name")));
}

#[actix_web::test]
async fn lists_are_narrowed() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let mut made = Vec::new();
    for (team, name) in [(Some(&red), "a"), (Some(&red), "b"), (None, "a")] {
        made.push(office.make("/prompts", json!({"team": team, "name": name, "messages": said("x")})).await);
    }
    let archived = format!("{}/current", path(&made[1]));
    assert_eq!(office.put(&office.root, &archived, json!({"version": null})).await.0, 200);
    for (query, found) in [
        ("", vec![2, 1, 0]),
        ("?name=a", vec![2, 0]),
        (&format!("?team={red}"), vec![1, 0]),
        (&format!("?team={red}&archived=false"), vec![0]),
        ("?archived=true", vec![1]),
    ] {
        let (_, list) = office.get(&office.root, &format!("/prompts{query}")).await;
        let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
        let expected: Vec<_> = found.into_iter().map(|at: usize| made[at]["id"].clone()).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[actix_web::test]
async fn a_team_admin_decides_about_its_teams_prompts_alone() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let body = json!({"name": "p", "messages": said("x")});
    let (status, ours) = office.post(&ann.key, "/prompts", body.clone()).await;
    assert_eq!((status, &ours["team"]), (201, &json!(red)), "{ours}");
    let theirs = office.make("/prompts", json!({"team": blue, "name": "p", "messages": said("x")})).await;
    let (status, error) =
        office.post(&ann.key, "/prompts", json!({"team": blue, "name": "q", "messages": said("x")})).await;
    assert_eq!((status, &error["param"]), (404, &json!("team")));
    let (_, list) = office.get(&ann.key, "/prompts").await;
    assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][0]["id"]), (1, &ours["id"]));
    for (prompt, read, wrote, removed) in [(&theirs, 404, 404, 404), (&ours, 200, 201, 204)] {
        let (path, versions) = (path(prompt), format!("{}/versions", path(prompt)));
        for read_at in [path.clone(), versions.clone(), format!("{versions}/1")] {
            assert_eq!(office.get(&ann.key, &read_at).await.0, read, "{read_at}");
        }
        let added = office.post(&ann.key, &versions, json!({"messages": said("y")})).await;
        assert_eq!(added.0, wrote, "{added:?}");
        assert_eq!(office.put(&ann.key, &format!("{path}/current"), json!({"version": 1})).await.0, read);
        assert_eq!(office.delete(&ann.key, &path).await.0, removed);
    }

    let dan = office.person("dan", &red, "developer").await;
    let narrow = office.narrowed(&ann.key, json!({"scope": {"permissions": ["keys:manage"]}})).await;
    for key in [&dan.key, &narrow] {
        assert_eq!(office.get(key, "/prompts").await.0, 403);
        assert_eq!(office.post(key, "/prompts", body.clone()).await.0, 403);
    }
    assert_eq!(office.get("nobody", "/prompts").await.0, 401);
}

#[actix_web::test]
async fn changes_are_audited_and_texts_are_not_told() {
    let office = Office::open().await;
    let made = office.make("/prompts", json!({"name": "p", "messages": said("hush")})).await;
    office.make(&format!("{}/versions", path(&made)), json!({"messages": said("hush!")})).await;
    let current = format!("{}/current", path(&made));
    for version in [json!(1), Value::Null] {
        assert_eq!(office.put(&office.root, &current, json!({"version": version})).await.0, 200);
    }
    assert_eq!(office.delete(&office.root, &path(&made)).await.0, 204);
    let (_, audit) = office.get(&office.root, "/audit?limit=5").await;
    let rows = audit["data"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| text(&row["action"])).collect();
    let expected =
        ["prompt.delete", "prompt.archive", "prompt.serve_version", "prompt.add_version", "prompt.create"];
    assert_eq!(told, expected);
    assert!(rows.iter().all(|row| row["target"] == made["id"] && row["team"] == made["team"]));
    assert_eq!((&rows[2]["before"]["current"], &rows[2]["after"]["current"]), (&json!(2), &json!(1)));
    let digests: Vec<_> = [3, 4].map(|at: usize| text(&rows[at]["after"]["sha256"])).to_vec();
    assert!(digests.iter().all(|it| it.len() == 64) && digests[0] != digests[1], "{digests:?}");
    assert!(!audit.to_string().contains("hush"), "texts are in no log");
}

#[actix_web::test]
async fn what_does_not_do_is_named() {
    let office = Office::open().await;
    let with = |name: &str, value: Value| {
        let mut body = json!({"name": "p", "arguments": [{"name": "a"}], "messages": said("{{a}}")});
        body[name] = value;
        body
    };
    let argument = |argument: Value| with("arguments", json!([argument]));
    let long = "x".repeat(70_000);
    // Each bound is kept, and all together are not.
    let large = |count: usize| {
        (0..count).map(|it| format!("{it:03}{}", "\u{1f3ea}\u{1}".repeat(98))).collect::<Vec<_>>()
    };
    for (body, param, says) in [
        (with("name", json!("Two words")), "name", "1 to 64 characters"),
        (with("name", json!("p@1")), "name", "1 to 64 characters"),
        (with("title", json!("")), "title", "1 to 100 characters"),
        (with("description", json!("\u{1}")), "description", "no control characters"),
        (with("colour", json!("red")), "colour", "colour"),
        (with("messages", json!([])), "messages", "1 to 32 entries"),
        (with("messages", said(" ")), "messages[0].text", "must say something"),
        (
            with("messages", said("{{b}}")),
            "messages[0].text",
            "has the blank `{{b}}`, which is none of `arguments`",
        ),
        (with("messages", said("{{a")), "messages[0].text", "has a blank that is not closed"),
        (with("messages", said("{{a b}}")), "messages[0].text", "which is no name"),
        (with("messages", said("no blank")), "arguments[0].name", "no message has a blank `{{a}}`"),
        (with("messages", said(&long)), "messages", "65536 bytes"),
        (
            with("messages", json!([{"role": "system", "text": "x"}])),
            "messages[0].role",
            "`user` or `assistant`",
        ),
        (with("messages", json!([{"role": "user", "text": "x", "b": 1}])), "messages[0].b", "b"),
        (with("arguments", json!([{"name": "a"}, {"name": "a"}])), "arguments[1].name", "twice"),
        (with("arguments", json!(vec![json!({"name": "a"}); 21])), "arguments", "20 entries"),
        (argument(json!({"name": "a.b"})), "arguments[0].name", "1 to 64 characters"),
        (argument(json!({"name": "a", "description": ""})), "arguments[0].description", "1 to 500"),
        (
            argument(json!({"name": "a", "required": true, "default": "x"})),
            "arguments[0].default",
            "not required",
        ),
        (
            argument(json!({"name": "a", "values": ["x"], "default": "y"})),
            "arguments[0].default",
            "one of `values`",
        ),
        (argument(json!({"name": "a", "default": long})), "arguments[0].default", "4096 bytes"),
        (argument(json!({"name": "a", "values": ["x", "x"]})), "arguments[0].values[1]", "twice"),
        (argument(json!({"name": "a", "values": [""]})), "arguments[0].values[0]", "1 to 200"),
        (argument(json!({"name": "a", "values": vec!["x"; 101]})), "arguments[0].values", "100 entries"),
        (
            with("arguments", json!(["a", "b"].map(|name| json!({"name": name, "values": large(90)})))),
            "arguments",
            "131072 at most",
        ),
        (
            with("messages", said(&format!("{{{{a}}}}{}", "\u{1}".repeat(60_000)))),
            "messages",
            "131072 at most",
        ),
        (argument(json!({"name": "a", "colour": "red"})), "arguments[0].colour", "colour"),
    ] {
        let (status, error) = office.post(&office.root, "/prompts", body.clone()).await;
        assert_eq!((status, &error["param"]), (400, &json!(param)), "{error}");
        assert!(text(&error["detail"]).contains(says), "{error}");
    }
    let made = office.make("/prompts", with("title", json!("T"))).await;
    let (current, versions) = (format!("{}/current", path(&made)), format!("{}/versions", path(&made)));
    let (status, error) = office.put(&office.root, &current, json!({})).await;
    assert_eq!((status, &error["param"]), (400, &json!("version")));
    let (status, error) =
        office.post(&office.root, &versions, json!({"name": "q", "messages": said("x")})).await;
    assert_eq!((status, &error["param"]), (400, &json!("name")), "a prompt keeps its name");
    let (status, error) = office.post(&office.root, &versions, json!({"messages": said("{{b}}")})).await;
    assert_eq!((status, &error["param"]), (400, &json!("messages[0].text")));
}

#[actix_web::test]
async fn there_are_no_more_prompts_and_versions_than_fit() {
    let office = Office::open().await;
    for number in 0..MAX_PROMPTS {
        office.make("/prompts", json!({"name": format!("p{number}"), "messages": said("x")})).await;
    }
    let (status, error) =
        office.post(&office.root, "/prompts", json!({"name": "q", "messages": said("x")})).await;
    assert_eq!(status, 409);
    assert!(text(&error["detail"]).contains("200 prompts"), "{error}");

    let (_, list) = office.get(&office.root, "/prompts?limit=1").await;
    let versions = format!("{}/versions", path(&list["data"][0]));
    // As if all but one had been written.
    let store = &office.world.ports.prompts;
    let prompt = store.lookup_prompt(text(&list["data"][0]["id"]).parse().unwrap()).await.unwrap().unwrap();
    let many = Prompt { latest: MAX_PROMPT_VERSIONS - 1, ..prompt };
    let event = AuditEvent::done(Actor::System, "prompt.test", many.id, office.world.clock.now());
    let event = AuditDraft::new(event, office.world.auth.audit_sealer().clone());
    assert_eq!(store.update_prompt(&many, &event).await.unwrap(), Changed::Done);
    office.make(&versions, json!({"messages": said("x")})).await;
    let (status, error) = office.post(&office.root, &versions, json!({"messages": said("x")})).await;
    assert_eq!(status, 409);
    assert!(text(&error["detail"]).contains("1000 versions"), "{error}");
}
