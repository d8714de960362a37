//! What a call holds of its limits, until it is known what it used.

use std::sync::Arc;

use outcrop_ports::{Hold, Settlement};
use outcrop_types::{Cost, Money, TokenUsage};

use super::meters::{Ended, used};
use super::reserve::Local;
use super::settle::{Ending, Settler, Unsettled};

/// What a call used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    /// Tokens and pieces.
    pub(crate) tokens: TokenUsage,
    /// What it costs; `None` where that is not known.
    pub(crate) cost: Option<Cost>,
}

impl Used {
    /// It was made, and took nothing. That is known: a cost that is not known counts as what was reserved.
    pub(crate) fn nothing() -> Self {
        let cost = Cost { usd: Money::ZERO, saved_nano_usd: 0, price: String::new() };
        Self { tokens: TokenUsage::default(), cost: Some(cost) }
    }
}

/// A call's share of its limits. Dropped without a word, it used nothing: the call was never made.
pub(crate) struct OpenHold {
    /// Taken when it is settled.
    hold: Option<Hold>,
    /// What it holds in this process alone: it was let in while the limiter was away.
    local: Option<LocalHold>,
    /// How many tokens of quota one token of output takes.
    burndown: u32,
    /// Nothing was reserved for it: it was made already.
    unreserved: bool,
    settler: Arc<Settler>,
}

/// What a call holds in this process alone.
pub(super) struct LocalHold {
    hold: Hold,
    /// Which meters of the call these are.
    places: Vec<usize>,
    unsettled: Unsettled,
}

impl LocalHold {
    pub(super) fn new(of: &Hold, Local { meters, places, unsettled }: Local) -> Self {
        Self { hold: Hold { call: of.call, at_ms: of.at_ms, meters }, places, unsettled }
    }
}

impl std::fmt::Debug for OpenHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OpenHold").field(&self.hold).finish()
    }
}

impl OpenHold {
    pub(super) const fn new(
        hold: Hold,
        local: Option<LocalHold>,
        burndown: u32,
        settler: Arc<Settler>,
    ) -> Self {
        Self { hold: Some(hold), local, burndown, unreserved: false, settler }
    }

    /// Of a call that was made before its limits were asked.
    pub(super) const fn unreserved(hold: Hold, burndown: u32, settler: Arc<Settler>) -> Self {
        Self { hold: Some(hold), local: None, burndown, unreserved: true, settler }
    }

    /// What is held, to be written down with the call; its id is the call's.
    pub(crate) const fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Puts what the call used in the place of what it held; not on the caller's time.
    pub(crate) fn settle(mut self, used: &Used) {
        self.end(Ended::Used(used));
    }

    fn end(&mut self, ended: Ended<'_>) {
        let Some(hold) = self.hold.take() else { return };
        if hold.meters.is_empty() {
            return;
        }
        let amounts = used(&hold.meters, ended, self.burndown);
        let ending = match self.local.take() {
            None => {
                let unreserved = self.unreserved;
                Ending::Shared(Settlement { hold, used: amounts, unreserved })
            }
            Some(LocalHold { hold: local, places, unsettled }) => {
                let used = places.iter().map(|place| amounts[*place]).collect();
                Ending::Local {
                    settlement: Settlement { hold, used: amounts, unreserved: true },
                    hold: local,
                    used,
                    unsettled,
                }
            }
        };
        self.settler.settle(ending);
    }
}

impl Drop for OpenHold {
    fn drop(&mut self) {
        self.end(Ended::NeverMade);
    }
}
