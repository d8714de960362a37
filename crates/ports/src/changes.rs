//! How replicas tell each other that an answer about a credential may have changed.

use async_trait::async_trait;
use futures::stream::BoxStream;
use outcrop_types::Change;

use crate::PortError;

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// From here on every change that any process of the platform announces is heard, until [`Unlinked`](Self::Unlinked).
    Linked,
    /// Something changed.
    Changed(Change),
    /// Changes may have been missed since the last sign of life, which was at most half a second ago, and may
    /// be missed from here on.
    Unlinked,
}

/// Announces changes to everybody who listens, at most once and without memory.
///
/// A bus that reaches only this process never says [`Heard::Linked`], but delivers what this process announces.
#[async_trait]
pub trait Changes: Send + Sync + 'static {
    /// Tells all listeners. Bounded in time; an error means that some may not hear of it.
    async fn announce(&self, change: &Change) -> Result<(), PortError>;

    /// Everything from now on, without end; reconnects by itself. A listener that is too slow hears
    /// [`Heard::Unlinked`] (and `Linked` again) in place of what it missed, or, where it never was linked,
    /// `Changed(Everything)`.
    fn listen(&self) -> BoxStream<'static, Heard>;
}
