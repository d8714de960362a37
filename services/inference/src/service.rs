//! The service: its ports, its settings, its background work.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use outcrop_config::{Config, LimitsConfig, ResponseCacheConfig, RoutingConfig};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{
    Cache, Changes, Clock, IdGen, JobDesk, Ledger, Limiter, MediaFetcher, ModelCatalog, Places, PolicyStore,
    ResponseStore, RouteStore, TargetHealth,
};
use outcrop_types::{AuditSealer, PromptCacheRule, Region};
use tokio_util::sync::CancellationToken;

use crate::SpoolError;
use crate::admission::{AdmissionControl, AdmissionPorts};
use crate::batch::Batching;
use crate::media::{Media, MediaOptions};
use crate::metering::{Metering, Telling, TellingOptions};
use crate::policies::Policies;
use crate::response_cache::ResponseCache;
use crate::responses::Responses;
use crate::routing::{RouteDesk, RoutePorts, Router, RouterPorts, Routes};
use crate::spool::Spool;
use crate::spool::ship::Shipper;
use crate::tags::TagNames;

/// Longest wait for the ledger when everything else has ended; what does not arrive waits on the disk.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// What the service needs from the world.
#[derive(Clone)]
pub struct InferencePorts {
    /// The models themselves, wherever they are called.
    pub places: Arc<dyn Places>,
    /// What replicas tell each other of targets that fail.
    pub target_health: Arc<dyn TargetHealth>,
    /// Answers that are given again.
    pub cache: Arc<dyn Cache>,
    /// Which there are.
    pub catalog: Arc<dyn ModelCatalog>,
    /// Fetches media that clients name by URL.
    pub media: Arc<dyn MediaFetcher>,
    /// Counts calls over all replicas.
    pub limiter: Arc<dyn Limiter>,
    /// Counts calls in this process, where settings say so while the other cannot be reached.
    pub local_limiter: Arc<dyn Limiter>,
    /// How much may be used.
    pub policies: Arc<dyn PolicyStore>,
    /// Where calls go, unless a file says it.
    pub routes: Arc<dyn RouteStore>,
    /// How processes tell each other of changed policies and routes.
    pub changes: Arc<dyn Changes>,
    /// Where usage ends up.
    pub ledger: Arc<dyn Ledger>,
    /// Where answers are kept that clients come back to.
    pub responses: Arc<dyn ResponseStore>,
    /// Who does what can wait.
    pub desk: Arc<dyn JobDesk>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGen>,
}

impl fmt::Debug for InferencePorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InferencePorts").field("regions", &self.places.regions()).finish_non_exhaustive()
    }
}

/// How the service behaves.
#[derive(Debug, Clone)]
pub struct InferenceOptions {
    /// How much may be used.
    pub limits: LimitsConfig,
    /// How much is fetched for one request.
    pub media: MediaOptions,
    /// Where cache points are put in requests that have none, if no route says; `None` puts none.
    pub prompt_caching: Option<PromptCacheRule>,
    /// How calls find their way.
    pub routing: RoutingConfig,
    /// Seals what the audit log is told of changed routes; without it they cannot be changed here.
    pub audit_sealer: Option<AuditSealer>,
    /// Folder of the usage spool; several processes may share it.
    pub spool_dir: PathBuf,
    /// Most bytes of the spool of this process.
    pub max_spool_bytes: u64,
    /// How often the spool is shipped to the ledger.
    pub flush: Duration,
    /// Names of the tags that usage records keep.
    pub tags: Vec<String>,
    /// How long answers are kept that clients may come back to, days; 0 keeps none.
    pub response_retention_days: u32,
    /// Deepest nesting of a JSON body that comes in through [`crate::LocalInference`].
    pub max_json_depth: usize,
    /// How answers are kept and given again.
    pub response_cache: ResponseCacheConfig,
    /// Longest time for a call that several clients wait for.
    pub longest_call: Duration,
    /// How long open calls may go on once the service is told to stop.
    pub drain: Duration,
    /// How calls are told of.
    pub telling: TellingOptions,
}

impl From<&Config> for InferenceOptions {
    fn from(config: &Config) -> Self {
        let spool_dir = config.usage.spool_dir.clone().unwrap_or_else(|| config.data_dir.0.join("spool"));
        Self {
            limits: config.limits,
            media: MediaOptions::from(&config.media),
            prompt_caching: config.models.prompt_caching.then(PromptCacheRule::default),
            routing: config.routing.clone(),
            // Made from a secret, which is for the main to know.
            audit_sealer: None,
            spool_dir,
            max_spool_bytes: config.usage.max_spool_bytes,
            flush: Duration::from_millis(config.usage.flush_ms),
            tags: config.usage.tag_names().map(str::to_owned).collect(),
            response_retention_days: config.responses.retention_days,
            max_json_depth: config.server.max_json_depth,
            response_cache: config.response_cache.clone(),
            longest_call: Duration::from_millis(config.server.request_timeout_ms),
            drain: Duration::from_millis(config.server.drain_ms),
            telling: TellingOptions::from(config),
        }
    }
}

/// Calls models on behalf of principals. Cheap to clone; all clones are one service.
#[derive(Clone)]
pub struct InferenceService {
    inner: Arc<Inner>,
    /// Set where it is about a call that batch inference makes.
    batching: Option<Arc<Batching>>,
}

pub(crate) struct Inner {
    pub(crate) places: Arc<dyn Places>,
    pub(crate) router: Router,
    pub(crate) routes: Arc<Routes>,
    pub(crate) route_desk: RouteDesk,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) catalog: Arc<dyn ModelCatalog>,
    pub(crate) media: Media,
    pub(crate) prompt_caching: Option<PromptCacheRule>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) responses: Responses,
    pub(crate) desk: Arc<dyn JobDesk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
    pub(crate) admission: AdmissionControl,
    pub(crate) policies: Arc<Policies>,
    pub(crate) metering: Metering,
    pub(crate) response_cache: ResponseCache,
    /// How attempts are made where routes do not say.
    pub(crate) routing: RoutingConfig,
    pub(crate) max_json_depth: usize,
    open_calls: InFlight,
    pub(crate) flush: Duration,
    drain: Duration,
}

impl InferenceService {
    /// Puts the service together and opens its spool. Blocks for a moment: meant for the start of a process.
    ///
    /// # Errors
    /// [`SpoolError`] when the spool's folder cannot be used.
    pub fn new(ports: InferencePorts, options: InferenceOptions) -> Result<Self, SpoolError> {
        let InferencePorts {
            places,
            target_health,
            cache,
            catalog,
            media: fetcher,
            limiter,
            local_limiter,
            policies,
            routes,
            changes,
            ledger,
            responses,
            desk,
            clock,
            ids,
        } = ports;
        let InferenceOptions {
            limits,
            media,
            prompt_caching,
            routing,
            audit_sealer,
            spool_dir,
            max_spool_bytes,
            flush,
            tags,
            response_retention_days,
            max_json_depth,
            response_cache,
            longest_call,
            drain,
            telling,
        } = options;
        let instance = ids.uuid().simple().to_string();
        let spool = Arc::new(Spool::open(spool_dir, &instance, max_spool_bytes)?);
        let open_calls = InFlight::default();
        let policies = Arc::new(Policies::new(policies, Arc::clone(&changes)));
        let metering = Metering::new(
            Arc::clone(&spool),
            Arc::clone(&catalog),
            TagNames::new(tags),
            Telling::new(telling),
            Arc::clone(&clock),
            Arc::clone(&ids),
            open_calls.clone(),
        );
        let ports = AdmissionPorts {
            limiter,
            local: local_limiter,
            ledger: Arc::clone(&ledger),
            catalog: Arc::clone(&catalog),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            telling: Arc::clone(&metering.telling),
        };
        let to_route = RouterPorts {
            catalog: Arc::clone(&catalog),
            places: Arc::clone(&places),
            health: target_health,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let router = Router::new(to_route, &routing);
        let ports_of_routes =
            RoutePorts { store: routes, changes, catalog: Arc::clone(&catalog), places: Arc::clone(&places) };
        let routes =
            Arc::new(Routes::new(ports_of_routes, routing.routes.clone(), Arc::clone(router.routes())));
        let inner = Arc::new(Inner {
            router,
            routing,
            route_desk: RouteDesk::new(Arc::clone(&routes), Arc::clone(&clock), audit_sealer),
            routes,
            desk,
            cache,
            response_cache: ResponseCache::new(response_cache, longest_call),
            admission: AdmissionControl::new(ports, Arc::clone(&policies), spool, limits),
            policies,
            metering,
            places,
            catalog,
            media: Media::new(fetcher, media),
            prompt_caching,
            ledger,
            responses: Responses::new(responses, Arc::clone(&clock), response_retention_days),
            clock,
            ids,
            max_json_depth,
            open_calls,
            flush,
            drain,
        });
        Ok(Self { inner, batching: None })
    }

    /// Waits a moment for the routes that are in the store, so that no call is made without them. Run it before serving.
    pub async fn read_routes(&self) {
        self.inner.routes.first().await;
    }

    /// Removes what has expired, and ships usage to the ledger until told to stop, then until the calls still open have ended, and once more.
    /// What the ledger does not take by then is shipped after the next start. Run it once.
    pub async fn run(&self, stop: CancellationToken) {
        let mut shipper = Shipper::new(
            Arc::clone(&self.inner.metering.spool),
            Arc::clone(&self.inner.ledger),
            self.inner.flush,
        );
        let over = CancellationToken::new();
        let drained = async {
            stop.cancelled().await;
            // Calls that outlast the drain time are cut off, and metered, by the server.
            let _ = tokio::time::timeout(self.inner.drain, self.inner.open_calls.idle()).await;
            over.cancel();
        };
        tokio::join!(
            drained,
            shipper.run(&over),
            self.inner.admission.run(&over),
            self.inner.policies.run(&over),
            self.inner.router.run(&over),
            self.inner.routes.run(&over),
            self.inner.responses.sweep(&stop)
        );
        if tokio::time::timeout(LAST_FLUSH, shipper.round()).await.is_err() {
            tracing::warn!("usage records are left in the spool for the next start");
        }
        self.inner.metering.spool.report_lost();
    }

    /// The same service, for a call that batch inference makes.
    pub(crate) fn with_batching(&self, batching: Batching) -> Self {
        Self { inner: Arc::clone(&self.inner), batching: Some(Arc::new(batching)) }
    }

    /// What is done with a call that batch inference makes; `None` for others.
    pub(crate) fn batching(&self) -> Option<&Batching> {
        self.batching.as_deref()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

/// The region that calls go to first.
fn home(places: &dyn Places) -> Option<&str> {
    places.regions().first().map(Region::as_str)
}

impl InferenceService {
    /// The region that calls go to first.
    pub(crate) fn home(&self) -> &str {
        home(&*self.inner.places).unwrap_or_default()
    }
}

impl fmt::Debug for InferenceService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InferenceService")
            .field("regions", &self.inner.places.regions())
            .finish_non_exhaustive()
    }
}
