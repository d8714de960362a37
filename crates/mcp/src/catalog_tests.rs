//! What holds of the list of all providers' things, whoever the providers are.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use outcrop_http::{RequestContext, Spent};
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{Limits, Principal, RequestId, Role, Subject, TeamId, UserId};
use outcrop_wire::Dialect;
use uuid::Uuid;

use super::*;

/// Has tools of these names, and so many resources, two to a page.
struct Shelf {
    tools: &'static [&'static str],
    resources: usize,
    tag: Option<&'static str>,
}

#[async_trait]
impl Provider for Shelf {
    async fn tools(&self, caller: &Caller) -> Result<Vec<Tool>, Halt> {
        // What a viewer may not call is not on its list.
        let names = self.tools.iter().filter(|it| caller.principal.role != Role::Viewer || **it != "write");
        Ok(names.map(|name| tool(name, self.resources)).collect())
    }

    async fn call_tool(&self, _: &Exchange, name: &str, _: Params) -> Result<ToolResult, Halt> {
        Ok(ToolResult::text(format!("{name} of the shelf with {}", self.resources)))
    }

    async fn resources(&self, _: &Caller, cursor: Option<&str>) -> Result<Page<Resource>, Halt> {
        let from: usize = cursor.map_or(0, |it| it.parse().unwrap());
        let until = (from + 2).min(self.resources);
        let items = (from..until)
            .map(|at| Resource { uri: format!("{}:{at}", self.resources), ..Resource::default() });
        Ok(Page { items: items.collect(), next: (until < self.resources).then(|| until.to_string()) })
    }

    async fn watch(&self, _: &Caller, _: &Watched) -> Result<Option<String>, Halt> {
        Ok(self.tag.map(str::to_owned))
    }
}

fn tool(name: &str, shelf: usize) -> Tool {
    Tool {
        name: name.into(),
        title: Some(shelf.to_string()),
        description: None,
        input_schema: json!({ "type": "object" }),
        output_schema: None,
        annotations: None,
    }
}

fn caller(role: Role) -> Caller {
    Caller {
        principal: Principal {
            subject: Subject::User(UserId::new(Uuid::from_u128(1))),
            team: TeamId::new(Uuid::from_u128(2)),
            role,
            key: None,
            limits: Limits::default(),
            scope: None,
        },
        context: RequestContext {
            request_id: RequestId::from_uuid(Uuid::from_u128(3)),
            dialect: Dialect::Mcp,
            client_ip: None,
            arrived: Instant::now(),
            deadline: Duration::from_secs(5),
            way: None,
            spent: Spent::default(),
            trace: TraceContext::none(),
        },
    }
}

fn catalog() -> Catalog {
    Catalog::default()
        .with(Arc::new(Shelf { tools: &["write", "read"], resources: 3, tag: None }))
        .with(Arc::new(Shelf { tools: &["read", "more"], resources: 1, tag: Some("a") }))
        .with(Arc::new(Shelf { tools: &[], resources: 0, tag: Some("b") }))
}

#[tokio::test]
async fn the_first_provider_of_a_name_has_it_and_the_order_stays() {
    let tools = catalog().tools(&caller(Role::Developer)).await.unwrap();
    let listed: Vec<_> = tools.iter().map(|it| (it.name.as_str(), it.title.as_deref().unwrap())).collect();
    assert_eq!(listed, [("write", "3"), ("read", "3"), ("more", "1")]);
}

#[tokio::test]
async fn what_is_not_listed_cannot_be_called() {
    let catalog = catalog();
    assert!(catalog.tool(&caller(Role::Developer), "write").await.is_ok());
    for name in ["write", "nothing"] {
        let Err(Halt::Refused(error)) = catalog.tool(&caller(Role::Viewer), name).await else {
            panic!("{name}")
        };
        assert_eq!(error.code, code::INVALID_PARAMS);
        // Whether it is there for others is not told.
        assert!(error.message.contains("no such tool"), "{}", error.message);
    }
}

#[tokio::test]
async fn pages_lead_through_all_providers() {
    let (catalog, caller) = (catalog(), caller(Role::Developer));
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = catalog.resources(&caller, cursor.as_deref()).await.unwrap();
        seen.extend(page.items.into_iter().map(|it| it.uri));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["3:0", "3:1", "3:2", "1:0"]);
    assert_eq!(pages, 2);
}

#[tokio::test]
async fn a_list_changes_when_anybodys_does_and_a_resource_is_the_first_ones() {
    let (catalog, caller) = (catalog(), caller(Role::Developer));
    let watch = async |watched| catalog.watch(&caller, &watched).await.unwrap();
    assert_eq!(watch(Watched::Prompts).await.as_deref(), Some("a\nb\n"));
    assert_eq!(watch(Watched::Resource("x".into())).await.as_deref(), Some("a"));
    assert_eq!(Catalog::default().watch(&caller, &Watched::Tools).await.unwrap(), None);
}

#[test]
fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
    assert_eq!(read_cursor(&write_cursor(1, "a:b"), 2), Ok((1, Some("a:b".into()))));
    for wrong in ["", "1:a", "!", &write_cursor(2, "a")] {
        assert_eq!(read_cursor(wrong, 2).unwrap_err().code, code::INVALID_PARAMS, "{wrong}");
    }
}
