//! How many lines are under way: at most so many in the whole process, and of one model as many as it bears.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use outcrop_types::TeamId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How many lines of a model are under way at first.
const FIRST: f64 = 4.0;
/// Most windows that are remembered while nobody is in them.
const WINDOWS: usize = 256;

/// Of whom a window is: limits are a team's as well as a model's.
type Whose = (TeamId, String, String);

/// The bounds of a process: held from the call of a line until its answer is kept.
#[derive(Debug, Clone)]
pub(crate) struct LineGate {
    all: Arc<Semaphore>,
    most: usize,
    windows: Arc<Mutex<HashMap<Whose, Window>>>,
}

impl LineGate {
    /// At most so many lines, and at least one.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(most)), most, windows: Arc::default() }
    }

    /// Waits its turn: who came first goes first, whichever part it is of. `None` never comes, as the gate is never closed.
    pub(super) async fn pass(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// What a team's lines of this path and model go through, whichever part they are of. What was learnt of the model stays
    /// known from part to part.
    pub(super) fn window(&self, team: TeamId, path: &str, model: &str) -> Window {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= WINDOWS {
            windows.retain(|_, window| Arc::strong_count(&window.0) > 1);
        }
        let whose = (team, path.to_owned(), model.to_owned());
        windows.entry(whose).or_insert_with(|| Window::new(self.most)).clone()
    }
}

/// The lines of one model that are under way. They begin few; their number doubles with each round that went well until the
/// model first says that it is too much, then grows by one with each, and is halved whenever it says so (slow start, additive
/// increase, multiplicative decrease, as TCP has it), never below one.
#[derive(Debug, Clone)]
pub(super) struct Window(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: f64,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    /// How many may be under way; its fraction is the way to the next whole one.
    limit: f64,
    inside: usize,
    /// How often it was halved. Calls that began before the last time say nothing new.
    cuts: u64,
}

/// A place in the window, and when it was taken.
#[derive(Debug)]
pub(super) struct Slot {
    window: Window,
}

impl Window {
    pub(super) fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most.max(1)).unwrap_or(u32::MAX));
        let state = Mutex::new(State { limit: most.min(FIRST), inside: 0, cuts: 0 });
        Self(Arc::new(Shared { most, state, freed: Notify::new() }))
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Slot {
        loop {
            // Listening before looking: a place that is freed in between is not missed.
            let freed = self.0.freed.notified();
            if self.try_enter() {
                // Where there is room for more than one, each lets the next in: of two calls at once one may be missed.
                self.0.freed.notify_one();
                return Slot { window: self.clone() };
            }
            freed.await;
        }
    }

    fn try_enter(&self) -> bool {
        let mut state = self.state();
        let inside = f64::from(u32::try_from(state.inside).unwrap_or(u32::MAX));
        let free = inside + 1.0 <= state.limit.max(1.0);
        state.inside += usize::from(free);
        free
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// A mark of now, to be given back with what became of a call that begins.
    pub(super) fn mark(&self) -> u64 {
        self.window.state().cuts
    }

    /// A call went well.
    pub(super) fn went_well(&self) {
        let mut state = self.window.state();
        let more = if state.cuts == 0 { 1.0 } else { 1.0 / state.limit.max(1.0) };
        state.limit = (state.limit + more).min(self.window.0.most);
        drop(state);
        self.window.0.freed.notify_one();
    }

    /// A call that began at this mark was too much.
    pub(super) fn was_too_much(&self, mark: u64) {
        let mut state = self.window.state();
        if state.cuts == mark {
            state.limit = (state.limit / 2.0).max(1.0);
            state.cuts += 1;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.window.state().inside -= 1;
        self.window.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_halved_once_for_calls_of_one_time_and_never_to_nothing() {
        let window = Window::new(8);
        window.state().limit = 8.0;
        let slots = [window.enter().await, window.enter().await];
        let marks = [slots[0].mark(), slots[1].mark()];
        slots[0].was_too_much(marks[0]);
        slots[1].was_too_much(marks[1]);
        assert!((window.state().limit - 4.0).abs() < 1e-9, "both calls met the same trouble");
        for _ in 0..5 {
            slots[0].was_too_much(slots[0].mark());
        }
        assert!((window.state().limit - 1.0).abs() < 1e-9);
        assert!(!window.try_enter(), "two are inside");
        drop(slots);
        assert!(window.try_enter(), "one line is always let in");
    }

    #[tokio::test]
    async fn what_was_learnt_of_a_model_is_known_to_the_next_part() {
        let gate = LineGate::new(32);
        let (team, other) = (TeamId::new(uuid::Uuid::from_u128(1)), TeamId::new(uuid::Uuid::from_u128(2)));
        let window = gate.window(team, "/v1/messages", "m");
        assert!((window.state().limit - 4.0).abs() < 1e-9, "it begins small");
        let slot = window.enter().await;
        for _ in 0..4 {
            slot.went_well();
        }
        assert!((window.state().limit - 8.0).abs() < 1e-9, "and doubles with each round");
        slot.was_too_much(slot.mark());
        drop((slot, window));
        assert!((gate.window(team, "/v1/messages", "m").state().limit - 4.0).abs() < 1e-9);
        gate.window(team, "/v1/messages", "m").enter().await.went_well();
        assert!(
            (gate.window(team, "/v1/messages", "m").state().limit - 4.25).abs() < 1e-9,
            "then step by step"
        );
        for (team, model) in [(team, "other"), (other, "m")] {
            let slot = gate.window(team, "/v1/messages", model).enter().await;
            assert_eq!(slot.mark(), 0, "others are not held back");
        }
    }

    #[tokio::test]
    async fn it_grows_back_and_no_further() {
        let window = Window::new(4);
        let slot = window.enter().await;
        slot.was_too_much(slot.mark());
        for _ in 0..100 {
            slot.went_well();
        }
        assert!((window.state().limit - 4.0).abs() < 1e-9);
    }
}
