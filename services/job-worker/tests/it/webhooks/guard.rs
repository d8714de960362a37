//! Nothing of this network can be reached by a webhook.

use reqwest::Method;
use serde_json::json;

use super::Telling;
use super::receiver::Receiver;

#[actix_web::test]
async fn addresses_of_this_network_are_refused_when_they_are_named() {
    let telling = Telling::with(|config| config.allow_http = true).await;
    let (path, _) = telling.endpoint("https://hooks.example/").await;
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://127.0.0.1:9/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "https://user:password@hooks.example/",
        "file:///etc/passwd",
    ] {
        for (method, path) in [(Method::POST, "/v1/webhooks"), (Method::PATCH, path.as_str())] {
            let (status, refused) = telling.ask(method, path, Some(json!({ "url": url }))).await;
            assert_eq!((status, &refused["param"]), (400, &json!("url")), "{url}: {refused}");
        }
    }
    let strict = Telling::with(|_| ()).await;
    let plain = Some(json!({ "url": "http://hooks.example/" }));
    assert_eq!(strict.ask(Method::POST, "/v1/webhooks", plain).await.0, 400, "https only");
}

#[actix_web::test]
async fn the_metadata_services_are_closed_whatever_is_open() {
    let telling = Telling::with(|config| {
        config.allow_http = true;
        config.allow_networks = Some("0.0.0.0/0,::/0".into());
    })
    .await;
    let metadata = Some(json!({ "url": "http://169.254.169.254/" }));
    assert_eq!(telling.ask(Method::POST, "/v1/webhooks", metadata).await.0, 400);
}

#[actix_web::test]
async fn a_name_that_leads_into_this_network_is_not_asked() {
    let (telling, receiver) = (Telling::with(|config| config.allow_http = true).await, Receiver::start());
    let _worker = telling.run();
    // What a name leads to is only known when it is asked, and may be another thing each time.
    let (path, _) = telling.endpoint(&receiver.url().replace("127.0.0.1", "localhost")).await;
    telling.post(&format!("{path}/test")).await;
    let delivery = telling.tried(&path, 1).await;
    assert_eq!(delivery["last_error"], "the address leads to no address that may be asked");
    assert_eq!((&delivery["last_status"], &delivery["state"]), (&json!(null), &json!("pending")));
    assert!(receiver.got().is_empty());
}

#[actix_web::test]
async fn an_endpoint_does_not_lead_elsewhere() {
    let (telling, receiver, inside) = (Telling::here().await, Receiver::start(), Receiver::start());
    receiver.answer(307, &[("location", &inside.url())]);
    let (path, _) = telling.endpoint(&receiver.url()).await;
    let _worker = telling.run();
    telling.post(&format!("{path}/test")).await;
    let delivery = telling.tried(&path, 1).await;
    assert_eq!(
        (&delivery["last_status"], &delivery["last_error"]),
        (&json!(307), &json!("it redirects, which is not followed"))
    );
    assert!(inside.got().is_empty());
}
