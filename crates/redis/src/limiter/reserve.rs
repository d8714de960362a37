//! The question of a reservation, and its answer.

use std::time::Duration;

use outcrop_ports::window::{self, Place, Slot, View};
use outcrop_ports::{Admission, Ask, Meter};
use redis::ScriptInvocation;
use uuid::Uuid;

use super::keys::millis;
use super::scripts::Scripts;

/// What the script does besides looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Takes, under leases.
    Hold,
    /// Takes for good.
    Count,
    /// Takes nothing.
    Read,
}

/// What the script answers: what it decided, the epoch, two numbers for each slot, the meters without a past, and the
/// calls settled for each of them.
pub(super) type Answer = (u8, String, Vec<u64>, Vec<usize>, Vec<Vec<Vec<u8>>>);

const FULL: u8 = 0;
const TAKEN: u8 = 1;
const RESTORING: u8 = 2;
const UNSEEDED: u8 = 3;

/// Builds the question.
pub(super) fn question<'a>(
    scripts: &'a Scripts,
    mode: Mode,
    ask: &Ask<'_>,
    lease: Duration,
) -> ScriptInvocation<'a> {
    let mut script = scripts.ask(&scripts.reserve);
    let mode = match mode {
        Mode::Hold => "hold",
        Mode::Count => "count",
        Mode::Read => "read",
    };
    script.arg(mode).arg(millis(ask.now)).arg(millis(ask.now + lease.min(ask.longest))).arg(ask.calls.len());
    for call in ask.calls {
        script.arg(call.as_bytes());
    }
    script.arg(ask.meters.len());
    for (at, meter) in (1..).zip(ask.meters) {
        let place = Place::of(meter.window, ask.now);
        scripts.keys.part(meter, &place, ask.longest).say(at, meter.amount, &mut script);
        script
            .arg(meter.limit.min(window::most(meter.window)))
            .arg(place.weight)
            .arg(window::begins_ms(meter.window, ask.now));
        script.arg(place.slots().count());
        for slot in place.slots() {
            script.arg(slot);
        }
    }
    script
}

/// Whether nothing was decided, because counts are being restored.
pub(super) const fn is_restoring(answer: &Answer) -> bool {
    answer.0 == RESTORING
}

/// Explains the answer; `None` if it makes no sense.
pub(super) fn explain(answer: Answer, ask: &Ask<'_>) -> Option<Admission> {
    let decided = answer.0;
    let admission = window::decide(ask, &views(answer, ask.meters, ask.now)?);
    // Both sides decide by the same arithmetic; if ever they did not, neither answer could be trusted.
    let same = match admission {
        Admission::Refused { .. } => decided == FULL,
        Admission::Admitted { .. } => decided == TAKEN,
        Admission::Unseeded { .. } => decided == UNSEEDED,
    };
    same.then_some(admission)
}

/// What the answer says of each meter.
pub(super) fn views(answer: Answer, meters: &[Meter], now: Duration) -> Option<Vec<View>> {
    let (_, _, counts, unseeded, settled) = answer;
    if unseeded.len() != settled.len() {
        return None;
    }
    let mut counts = counts.chunks_exact(2).map(|pair| Slot { settled: pair[0], held: pair[1] });
    let mut views: Vec<_> = meters
        .iter()
        .map(|meter| {
            let slots = Place::of(meter.window, now).slots().count();
            let view = View { slots: counts.by_ref().take(slots).collect(), unseeded: None };
            (view.slots.len() == slots).then_some(view)
        })
        .collect::<Option<_>>()?;
    if counts.next().is_some() {
        return None;
    }
    for (meter, calls) in unseeded.into_iter().zip(settled) {
        let calls: Option<Vec<_>> = calls.iter().map(|call| Uuid::from_slice(call).ok()).collect();
        views.get_mut(meter)?.unseeded = Some(calls?);
    }
    Some(views)
}
