//! `/admin/v1/roles`.

use outcrop_policy::{Reach, reach};
use outcrop_types::{Permission, Role};
use serde_json::json;

use crate::world::{World, answer, client};

#[actix_web::test]
async fn everybody_can_read_what_the_roles_are() {
    let world = World::new().await;
    let server = world.serve(world.caller(Role::Viewer));
    let (status, list) = answer(client().get(format!("{}/admin/v1/roles", server.url))).await;
    assert_eq!((status, list["data"].as_array().unwrap().len()), (200, Role::ALL.len()), "{list}");
    for (role, shown) in Role::ALL.into_iter().zip(list["data"].as_array().unwrap()) {
        assert_eq!(shown["name"], role.name());
        let expected: Vec<_> = Permission::ALL
            .into_iter()
            .filter(|it| reach(role, *it) > Reach::None)
            .map(|it| json!({"name": it.name(), "reach": reach(role, it).name()}))
            .collect();
        assert_eq!(shown["permissions"], json!(expected), "{role}");
    }
}
