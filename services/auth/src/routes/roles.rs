//! `/admin/v1/roles`: what each role may do, and how far.

use actix_web::{get, web};
use outcrop_policy::{Reach, reach};
use outcrop_types::{Page, Permission, Role};
use serde::Serialize;

use super::acting::By;
use super::list::List;

#[derive(Debug, Serialize)]
pub(super) struct RoleView {
    name: Role,
    permissions: Vec<PermissionView>,
}

#[derive(Debug, Serialize)]
struct PermissionView {
    name: Permission,
    /// `own_team` or `everywhere`.
    reach: &'static str,
}

/// Lists the roles. They are the same on every platform, and no secret.
#[get("/roles")]
pub(super) async fn list(_by: By) -> web::Json<List<RoleView>> {
    let page = Page { items: Role::ALL.to_vec(), has_more: false };
    List::of(page, |role| *role, view)
}

fn view(role: Role) -> RoleView {
    let granted = Permission::ALL.into_iter().map(|name| (name, reach(role, name)));
    let permissions = granted
        .filter(|(_, reach)| *reach > Reach::None)
        .map(|(name, reach)| PermissionView { name, reach: reach.name() })
        .collect();
    RoleView { name: role, permissions }
}
