//! The first start.

use outcrop_auth::Acting;
use outcrop_ports::AuditFilter;

use crate::world::World;

#[actix_web::test]
async fn the_first_admin_is_made_once() {
    let world = World::new().await;
    assert!(world.auth.bootstrap_if_empty(&Acting::command_line()).await.unwrap().is_none());
    let filter = AuditFilter { action: Some("platform.bootstrap".into()), ..AuditFilter::default() };
    let rows = world.auth.list_audit(&Acting::command_line(), filter, None, 10).await.unwrap().items;
    assert_eq!(rows.len(), 1, "what was not done is not told");
    assert_eq!(rows[0].actor, "system");
    assert!(!rows[0].record.contains(world.first.key.expose()));
}
