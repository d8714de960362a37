//! The page that Prometheus reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outcrop_config::MetricsConfig;
use outcrop_http::{
    ApiError, Health, Layer, MetricsListener, Server, ServerParts, metrics_routes, open_metrics,
};
use outcrop_lifecycle::InFlight;
use outcrop_telemetry::metric::Page;
use outcrop_types::ErrorCode;
use tokio_util::sync::CancellationToken;

use crate::world::{CountingIds, World, client, config};

fn page() -> Option<Page> {
    Some(Arc::new(|| "outcrop_up 1\n".to_owned()))
}

fn listening(listen: &str) -> MetricsConfig {
    MetricsConfig { listen: listen.to_owned(), ..MetricsConfig::default() }
}

#[actix_web::test]
async fn a_service_shows_it_at_its_own_address_to_whoever_asks() {
    let nobody = Layer::new(|request, _| {
        Layer::refuse(request, ApiError::new(ErrorCode::Unauthenticated, "through the gateway only"))
    });
    let parts = ServerParts {
        in_flight: InFlight::default(),
        ids: Arc::new(CountingIds::default()),
        layer: open_metrics(nobody),
        health: Health::new(Vec::new()),
    };
    let server = Server::bind(&config(), parts, metrics_routes(page())).unwrap();
    let url = format!("http://{}", server.addr());
    let stop = CancellationToken::new();
    actix_web::rt::spawn(server.run(stop.clone()));
    let _stop = stop.drop_guard();
    let shown = client().get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(shown.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!((shown.status().as_u16(), shown.text().await.unwrap().as_str()), (200, "outcrop_up 1\n"));
    assert_eq!(client().get(format!("{url}/metrics/more")).send().await.unwrap().status(), 401);
}

#[actix_web::test]
async fn a_page_is_made_once_for_all_who_ask_and_keeps_nobody_waiting() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let page: Page = Arc::new(move || {
        #[expect(clippy::disallowed_methods, reason = "it is made where it may block")]
        std::thread::sleep(Duration::from_millis(300));
        format!("{}", counted.fetch_add(1, Ordering::SeqCst))
    });
    let parts = ServerParts {
        in_flight: InFlight::default(),
        ids: Arc::new(CountingIds::default()),
        layer: Layer::none(),
        health: Health::new(Vec::new()),
    };
    let server = Server::bind(&config(), parts, metrics_routes(Some(page))).unwrap();
    let url = format!("http://{}", server.addr());
    let stop = CancellationToken::new();
    actix_web::rt::spawn(server.run(stop.clone()));
    let _stop = stop.drop_guard();
    let read = async || client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let alive = async || {
        // The one worker is asked while the page is being made.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let answer = client().get(format!("{url}/healthz")).send().await.unwrap();
        (answer.status().as_u16(), made.load(Ordering::SeqCst))
    };
    let (one, other, alive) = futures::join!(read(), read(), alive());
    assert_eq!((one.as_str(), other.as_str(), alive), ("0", "0", (200, 0)));
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn the_public_has_no_such_page() {
    let world = World::public(&config());
    assert_eq!(client().get(world.at("/metrics")).send().await.unwrap().status(), 404);
}

#[actix_web::test]
async fn a_listener_of_its_own_shows_it_and_nothing_else() {
    let listener = MetricsListener::start(&listening("127.0.0.1:0"), page()).unwrap().unwrap();
    let url = format!("http://{}", listener.addr());
    assert_eq!(
        client().get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap(),
        "outcrop_up 1\n"
    );
    for other in ["/", "/healthz", "/v1/models"] {
        assert_eq!(client().get(format!("{url}{other}")).send().await.unwrap().status(), 404, "{other}");
    }
    drop(listener);
    for _ in 0..200 {
        if client().get(format!("{url}/metrics")).send().await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it still listens");
}

#[actix_web::test]
async fn nothing_listens_unless_the_settings_say_so() {
    assert!(MetricsListener::start(&listening(""), page()).unwrap().is_none());
    assert!(MetricsListener::start(&listening("127.0.0.1:0"), None).unwrap().is_none());
}

#[actix_web::test]
async fn an_address_in_use_is_told_by_its_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = MetricsListener::start(&listening(&address), page()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`metrics.listen`: cannot listen on {address}: the address is in use")
    );
    let error = MetricsListener::start(&listening("nowhere"), page()).unwrap_err();
    assert!(error.to_string().starts_with("`metrics.listen`: cannot listen on nowhere: "), "{error}");
}
