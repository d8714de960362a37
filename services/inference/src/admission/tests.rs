use std::sync::Mutex;

use async_trait::async_trait;
use outcrop_types::Limits;

use super::*;
use crate::fixtures::{StoppedClock, principal};

/// Remembers what it was asked; is away on demand.
#[derive(Default)]
struct TestLimiter {
    asked: Mutex<Vec<Window>>,
    away: AtomicBool,
    full: bool,
}

#[async_trait]
impl Limiter for TestLimiter {
    async fn admit_many(&self, windows: &[Window], _: u32, _: Duration) -> Result<Admission, PortError> {
        self.asked.lock().unwrap().extend_from_slice(windows);
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("count a call", "connection refused"));
        }
        let first = &windows[0];
        let state =
            WindowState { name: first.name.clone(), limit: first.limit, remaining: 0, reset_after: MINUTE };
        Ok(if self.full {
            Admission::Refused { full: state, retry_after: Duration::from_secs(7) }
        } else {
            Admission::Admitted { tightest: Some(state) }
        })
    }
}

fn control(limiter: &Arc<TestLimiter>, local: &Arc<TestLimiter>, config: LimitsConfig) -> AdmissionControl {
    AdmissionControl::new(Arc::clone(limiter) as _, Arc::clone(local) as _, config, Arc::new(StoppedClock))
}

fn per_team(limit: u32, on_unavailable: OnUnavailable) -> LimitsConfig {
    LimitsConfig { requests_per_minute_per_team: Some(limit), on_unavailable, ..LimitsConfig::default() }
}

#[tokio::test]
async fn without_limits_nobody_is_asked() {
    let limiter = Arc::new(TestLimiter { away: AtomicBool::new(true), ..TestLimiter::default() });
    let admission = control(&limiter, &limiter, LimitsConfig::default());
    assert_eq!(admission.admit(&principal(), 1).await.unwrap(), None);
    assert!(limiter.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn key_and_team_are_counted_in_one_step_and_the_keys_own_limit_wins() {
    let limiter = Arc::new(TestLimiter::default());
    let config =
        LimitsConfig { requests_per_minute_per_key: Some(100), ..per_team(50, OnUnavailable::Closed) };
    let admission = control(&limiter, &limiter, config);
    let mut caller = principal();
    admission.admit(&caller, 1).await.unwrap();
    caller.limits = Limits { requests_per_minute: Some(7) };
    admission.admit(&caller, 1).await.unwrap();
    let asked: Vec<_> = limiter.asked.lock().unwrap().iter().map(|it| (it.name.clone(), it.limit)).collect();
    let key = format!("key:{}:requests", caller.key.unwrap());
    let team = format!("team:{}:requests", caller.team);
    assert_eq!(asked, [(key.clone(), 100), (team.clone(), 50), (key, 7), (team, 50)]);
}

#[tokio::test]
async fn a_full_window_refuses() {
    let limiter = Arc::new(TestLimiter { full: true, ..TestLimiter::default() });
    let admission = control(&limiter, &limiter, per_team(1, OnUnavailable::Open));
    let refused = admission.admit(&principal(), 1).await.unwrap_err();
    assert!(matches!(refused, NotAdmitted::Full { retry_after, .. } if retry_after.as_secs() == 7));
}

#[tokio::test]
async fn an_absent_limiter_is_dealt_with_as_settings_say() {
    let away = Arc::new(TestLimiter { away: AtomicBool::new(true), ..TestLimiter::default() });
    let local = Arc::new(TestLimiter { full: true, ..TestLimiter::default() });

    let open = control(&away, &local, per_team(1, OnUnavailable::Open));
    assert_eq!(open.admit(&principal(), 1).await.unwrap(), None);
    let closed = control(&away, &local, per_team(1, OnUnavailable::Closed));
    assert!(matches!(closed.admit(&principal(), 1).await, Err(NotAdmitted::Unknown(_))));
    assert!(local.asked.lock().unwrap().is_empty());
    let counted = control(&away, &local, per_team(1, OnUnavailable::Local));
    assert!(matches!(counted.admit(&principal(), 1).await, Err(NotAdmitted::Full { .. })));
    assert_eq!(local.asked.lock().unwrap().len(), 1);

    away.away.store(false, Ordering::SeqCst);
    assert!(counted.admit(&principal(), 1).await.is_ok(), "asked first again as soon as it is back");
    assert_eq!(local.asked.lock().unwrap().len(), 1);
}
