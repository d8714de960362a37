//! What a client of the new era can rely on where it is asked something: the request's result asks, the request comes again with
//! the answers, and nothing is kept meanwhile.

use serde_json::{Value, json};

use crate::modern_world::{Modern, error, offering, read};

const FORMS: &str = "test_input_required_result_elicitation";
const TWO: &str = "test_input_required_result_multi_round";

/// Calls a tool for a client that can do everything; answers the result.
async fn call(modern: &Modern, tool: &str, beside: Value) -> Value {
    let (status, answer) = read(modern.call(tool, all(beside)).send().await.unwrap()).await;
    assert_eq!(status.as_u16(), 200, "{answer}");
    answer["result"].clone()
}

async fn refused(modern: &Modern, tool: &str, beside: Value) -> (u16, Value) {
    error(modern.call(tool, all(beside))).await
}

/// What a client that can do everything says beside.
fn all(beside: Value) -> Value {
    let mut params = offering(json!({ "elicitation": {}, "sampling": {}, "roots": {} }));
    if let (Some(params), Value::Object(beside)) = (params.as_object_mut(), beside) {
        params.extend(beside);
    }
    params
}

fn accepted(content: Value) -> Value {
    let mut answer = json!({ "action": "accept" });
    answer["content"] = content;
    answer
}

#[actix_web::test]
async fn a_question_is_a_result_and_the_answer_comes_with_the_request() {
    let modern = Modern::start();
    let first = call(&modern, FORMS, json!({})).await;
    assert_eq!(first["resultType"], "input_required");
    assert_eq!(first["inputRequests"]["user_name"]["method"], "elicitation/create");
    assert!(first.get("ttlMs").is_none(), "{first}");
    let answers = json!({ "user_name": accepted(json!({ "name": "Ada" })), "more": 1 });
    let again = json!({ "inputResponses": answers, "requestState": first["requestState"] });
    let last = call(&modern, FORMS, again).await;
    assert_eq!(
        (&last["resultType"], &last["content"][0]["text"]),
        (&json!("complete"), &json!("Hello, Ada!"))
    );
}

#[actix_web::test]
async fn answers_of_earlier_rounds_ride_in_the_state() {
    // Each round is another replica's: they share a secret and nothing else.
    let [one, two, three] = [(); 3].map(|()| Modern::start());
    let first = call(&one, TWO, json!({})).await;
    let name = json!({ "step1": accepted(json!({ "name": "Ada" })) });
    let again = json!({ "inputResponses": name, "requestState": first["requestState"] });
    let second = call(&two, TWO, again).await;
    assert!(second["inputRequests"].get("step1").is_none(), "{second}");
    assert_ne!(second["requestState"], first["requestState"]);
    let color = json!({ "step2": accepted(json!({ "color": "blue" })) });
    let again = json!({ "inputResponses": color, "requestState": second["requestState"] });
    let last = call(&three, TWO, again).await;
    assert_eq!(last["content"][0]["text"], r#""Ada" likes "blue""#);
}

#[actix_web::test]
async fn what_was_not_answered_is_asked_again_and_nothing_else() {
    let modern = Modern::start();
    let tool = "test_input_required_result_multiple_inputs";
    let first = call(&modern, tool, json!({})).await;
    assert_eq!(first["inputRequests"].as_object().unwrap().len(), 3);
    let some = json!({ "client_roots": { "roots": [] }, "wrong_key": accepted(json!({})) });
    let again = json!({ "inputResponses": some, "requestState": first["requestState"] });
    let second = call(&modern, tool, again).await;
    let asked: Vec<_> = second["inputRequests"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(asked, ["user_name", "greeting"]);
}

#[actix_web::test]
async fn a_state_is_refused_where_it_does_not_belong() {
    let (one, other) = (Modern::start(), Modern::with("other", |_| {}));
    let state = call(&one, FORMS, json!({})).await["requestState"].as_str().unwrap().to_owned();
    let tampered = format!("{}{}", &state[..state.len() - 1], if state.ends_with('A') { 'B' } else { 'A' });
    let longer = format!("{state}-TAMPERED");
    for (server, tool, beside) in [
        (&one, FORMS, json!({ "requestState": tampered })),
        (&one, FORMS, json!({ "requestState": longer })),
        (&one, FORMS, json!({ "requestState": "" })),
        (&one, FORMS, json!({ "requestState": 7 })),
        (&other, FORMS, json!({ "requestState": state })),
        (&one, TWO, json!({ "requestState": state })),
        (&one, FORMS, json!({ "requestState": state, "arguments": { "other": 1 } })),
    ] {
        let (status, error) = refused(server, tool, beside.clone()).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32602)), "{beside}");
        assert_eq!(error["data"]["param"], "params.requestState", "{beside}");
    }
    let mine = call(&one, FORMS, json!({ "requestState": state })).await;
    assert_eq!(mine["resultType"], "input_required");
}

#[actix_web::test]
async fn a_state_goes_with_the_same_parameters_in_whatever_order() {
    let modern = Modern::start();
    let prompt = |arguments: Value, state: Option<&Value>| {
        let mut params = all(json!({ "name": "test_input_required_result_prompt", "arguments": arguments }));
        if let Some(state) = state {
            params["requestState"] = state.clone();
        }
        modern.request("prompts/get", params)
    };
    let (_, first) = read(prompt(json!({ "a": "1", "b": "2" }), None).send().await.unwrap()).await;
    let state = &first["result"]["requestState"];
    let (_, again) = read(prompt(json!({ "b": "2", "a": "1" }), Some(state)).send().await.unwrap()).await;
    assert_eq!(again["result"]["resultType"], "input_required");
    assert_eq!(error(prompt(json!({ "a": "2", "b": "1" }), Some(state))).await.1["code"], -32602);
}

#[actix_web::test]
async fn a_state_is_of_use_for_some_minutes() {
    let modern = Modern::start();
    let state = call(&modern, FORMS, json!({})).await["requestState"].clone();
    modern.clock.pass_s(9 * 60);
    assert_eq!(call(&modern, FORMS, json!({ "requestState": state })).await["resultType"], "input_required");
    modern.clock.pass_s(2 * 60);
    let (_, error) = refused(&modern, FORMS, json!({ "requestState": state })).await;
    assert!(error["message"].as_str().unwrap().contains("too old"), "{error}");
}

#[actix_web::test]
async fn an_answer_that_is_none_is_refused() {
    let modern = Modern::start();
    for answers in
        [json!(null), json!([]), json!({ "user_name": 12345 }), json!({ "user_name": { "action": "no" } })]
    {
        let (status, error) = refused(&modern, FORMS, json!({ "inputResponses": answers })).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32602)), "{answers}");
    }
    // A form comes back as it was asked for.
    for (answer, word) in [
        (json!(["accept", { "name": "Ada" }]), "an object"),
        (json!({ "action": "accept" }), "`content.name` is missing"),
        (accepted(json!({ "name": { "a": 1 } })), "`content.name` must be a text"),
        (accepted(json!(["Ada"])), "content"),
    ] {
        let answers = json!({ "inputResponses": { "user_name": answer } });
        let (status, error) = refused(&modern, FORMS, answers.clone()).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32602)), "{answers}");
        assert_eq!(error["data"]["param"], "params.inputResponses.user_name");
        assert!(error["message"].as_str().unwrap().contains(word), "{error}");
    }
    let declined = json!({ "inputResponses": { "user_name": { "action": "decline" } } });
    assert_eq!(call(&modern, FORMS, declined).await["resultType"], "complete");
}

#[actix_web::test]
async fn a_client_is_asked_only_what_it_offers() {
    let modern = Modern::start();
    let (status, refused) = error(modern.call("test_missing_capability", json!({}))).await;
    assert_eq!((status, &refused["code"]), (400, &json!(-32021)));
    assert_eq!(refused["data"]["requiredCapabilities"], json!({ "sampling": {} }));
    let samples = modern.call("test_input_required_result_capabilities", offering(json!({ "sampling": {} })));
    let (_, answer) = read(samples.send().await.unwrap()).await;
    let asked = answer["result"]["inputRequests"].as_object().unwrap();
    assert_eq!(asked.keys().collect::<Vec<_>>(), ["greeting"]);
    // A client that shows pages and no forms is asked for no form.
    let (_, refused) = error(modern.call(FORMS, offering(json!({ "elicitation": { "url": {} } })))).await;
    assert_eq!(refused["code"], -32021);
}

#[actix_web::test]
async fn only_some_methods_are_answered_in_rounds() {
    let modern = Modern::start();
    let list =
        modern.result("tools/list", json!({ "requestState": "of another", "inputResponses": null })).await;
    assert_eq!(list["resultType"], "complete");
    assert!(list["tools"].is_array());
}
