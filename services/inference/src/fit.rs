//! What a certain model cannot honour and does well without.

use outcrop_chat::Request;
use outcrop_ports::ModelInfo;

/// Takes from a request what its model would refuse and the answer is right without; names it.
///
/// Models without sampling parameters choose their own; nothing else is taken: what changes the meaning is
/// refused by the adapter, with the field's name.
pub(crate) fn fit(request: &mut Request, model: &ModelInfo, dropped: &mut Vec<&'static str>) {
    if model.sampling {
        return;
    }
    if request.inference.temperature.take().is_some() {
        dropped.push("temperature");
    }
    if request.inference.top_p.take().is_some() {
        dropped.push("top_p");
    }
}
