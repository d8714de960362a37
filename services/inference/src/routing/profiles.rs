//! What is behind the application inference profiles that routes name: only Bedrock knows, and it is asked before anybody
//! calls them, and again from time to time.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use outcrop_ports::ModelCatalog;
use outcrop_types::{Region, RouteTable};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::RoutesInForce;

/// How often it is looked whether other routes are in force.
const LOOK: Duration = Duration::from_secs(1);
/// How often the catalogue is told of all profiles. It asks Bedrock only for those it has not asked for lately.
const AGAIN: Duration = Duration::from_secs(60);
/// Most profiles that are kept known; what the catalogue remembers is bounded, too. Others are asked for when called.
const MOST: usize = 200;
/// Questions under way at once.
const AT_ONCE: usize = 4;

/// Has the catalogue know the profiles of the routes in force, until told to stop.
pub(crate) async fn keep_known(
    in_force: &RoutesInForce,
    catalog: &dyn ModelCatalog,
    stop: &CancellationToken,
) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<(Arc<RouteTable>, Instant)> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let table = Arc::clone(in_force.book().table());
        let is_known =
            |(seen, at): &(Arc<RouteTable>, Instant)| Arc::ptr_eq(seen, &table) && at.elapsed() < AGAIN;
        if last.as_ref().is_some_and(is_known) {
            continue;
        }
        let arns = profiles(&table);
        let asking = stream::iter(&arns).for_each_concurrent(AT_ONCE, |arn| async move {
            catalog.discover(arn).await;
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = asking => {}
        }
        last = Some((table, Instant::now()));
    }
}

/// The region of an application inference profile; `None` for every other name.
pub(crate) fn profile_region(model: &str) -> Option<Region> {
    let arn = model.strip_prefix("arn:").filter(|it| it.contains(":application-inference-profile/"))?;
    arn.split(':').nth(2)?.parse().ok()
}

fn profiles(table: &RouteTable) -> Vec<String> {
    let groups = table.routes.iter().flat_map(|route| &route.groups);
    let models = groups.flat_map(|group| &group.targets).map(|target| &target.model);
    let mut arns: Vec<String> = models.filter(|it| profile_region(it).is_some()).cloned().collect();
    arns.sort_unstable();
    arns.dedup();
    arns.truncate(MOST);
    arns
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use outcrop_ports::{Modality, ModelInfo, ResolvedModel};
    use outcrop_types::{Bounds, Group, Route, RouteTarget};

    use super::super::RouteBook;
    use super::*;

    const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";

    #[derive(Default)]
    struct Asked(Mutex<Vec<String>>);

    #[async_trait]
    impl ModelCatalog for Asked {
        fn resolve_for(&self, _: Option<&str>, _: Modality) -> Option<ResolvedModel> {
            None
        }

        fn list(&self) -> Vec<Arc<ModelInfo>> {
            Vec::new()
        }

        fn resolve_at(&self, _: &str, _: Modality, _: &Region, _: &Bounds) -> Option<ResolvedModel> {
            None
        }

        async fn discover(&self, asked: &str) -> Option<ResolvedModel> {
            self.0.lock().unwrap().push(asked.to_owned());
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn profiles_are_asked_for_when_they_come_into_force_and_again() {
        let (in_force, catalog, stop) =
            (RoutesInForce::default(), Asked::default(), CancellationToken::new());
        let told = || catalog.0.lock().unwrap().len();
        let test = async {
            tokio::time::sleep(LOOK * 2).await;
            assert_eq!(told(), 0);
            let target = |model: &str| RouteTarget { model: model.into(), ..RouteTarget::default() };
            let targets = vec![target("nova-lite"), target(ARN), target(ARN)];
            let groups = vec![Group { targets, ..Group::default() }];
            let routes = vec![Route { alias: "prof".into(), groups, ..Route::default() }];
            in_force.replace(RouteBook::new(RouteTable { routes, ..RouteTable::default() }));
            tokio::time::sleep(LOOK * 2).await;
            assert_eq!(*catalog.0.lock().unwrap(), [ARN]);
            tokio::time::sleep(AGAIN / 2).await;
            assert_eq!(told(), 1);
            tokio::time::sleep(AGAIN).await;
            assert_eq!(told(), 2);
            stop.cancel();
        };
        tokio::join!(keep_known(&in_force, &catalog, &stop), test);
    }
}
