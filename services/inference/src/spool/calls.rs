//! Calls under way, and where their marks stand.
//!
//! A mark must not go before its call has ended, and the end of a call must not go before its marks: whoever came after
//! would take the call for one that was lost.

use std::collections::HashMap;

use outcrop_types::UsageId;

/// The calls that have begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Calls(HashMap<UsageId, Marked>);

#[derive(Debug)]
struct Marked {
    /// The mark, to be written again.
    frame: Vec<u8>,
    /// The segments in which it stands.
    segments: Vec<u64>,
}

impl Calls {
    /// The mark of a call stands in these segments.
    pub(super) fn begun(&mut self, call: UsageId, frame: Vec<u8>, segments: Vec<u64>) {
        self.0.insert(call, Marked { frame, segments });
    }

    /// The call goes on elsewhere: its mark is another one now, and stands in this segment, too. What is left of the older
    /// one must not outlive the end of the call either.
    pub(super) fn moved(&mut self, call: UsageId, frame: Vec<u8>, segment: u64) {
        if let Some(marked) = self.0.get_mut(&call) {
            marked.frame = frame;
            if !marked.segments.contains(&segment) {
                marked.segments.push(segment);
            }
        }
    }

    /// Whether no call is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The call has ended. The segments in which its mark stands.
    pub(super) fn ended(&mut self, call: UsageId) -> Vec<u64> {
        self.0.remove(&call).map(|it| it.segments).unwrap_or_default()
    }

    /// The marks that stand in this segment and in no other.
    pub(super) fn only_in(&self, segment: u64) -> Vec<(UsageId, Vec<u8>)> {
        let alone = self.0.iter().filter(|(_, it)| it.segments == [segment]);
        alone.map(|(call, it)| (*call, it.frame.clone())).collect()
    }

    /// The marks that stand nowhere, since the disk refused them when their segment went.
    pub(super) fn in_none(&self) -> Vec<(UsageId, Vec<u8>)> {
        let homeless = self.0.iter().filter(|(_, it)| it.segments.is_empty());
        homeless.map(|(call, it)| (*call, it.frame.clone())).collect()
    }

    /// The mark stands in this segment, too.
    pub(super) fn also_in(&mut self, call: UsageId, segment: u64) {
        if let Some(marked) = self.0.get_mut(&call) {
            marked.segments.push(segment);
        }
    }

    /// The segment is gone.
    pub(super) fn gone(&mut self, segment: u64) {
        for marked in self.0.values_mut() {
            marked.segments.retain(|it| *it != segment);
        }
    }
}
