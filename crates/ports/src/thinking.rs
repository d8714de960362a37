//! How a wish to think is put to a certain model.

use outcrop_chat::{Effort, ReasoningMode};

use crate::{ModelInfo, ReasoningStyle};

/// The least Claude may be told to think, tokens (Anthropic API reference, `thinking.budget_tokens`).
pub const LEAST_BUDGET: u32 = 1024;

/// What a model is told of thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// Nothing: it does what is wanted anyway.
    Unsaid,
    /// Not to think.
    Off,
    /// This hard; never [`Effort::None`] or [`Effort::Minimal`].
    Effort(Effort),
    /// At most so many tokens, at least [`LEAST_BUDGET`] for a model that is known.
    Budget(u32),
    /// As it sees fit, this hard where said.
    Adaptive(Option<Effort>),
}

impl Thinking {
    /// Whether the model thinks in answer to this.
    #[must_use]
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Unsaid | Self::Off)
    }
}

impl ModelInfo {
    /// How this model is told to think like that; `None` if it cannot be: it does not think, or it always does and is
    /// not to.
    ///
    /// Efforts are mapped to what the model knows: less than `low` to `low`, more than its ceiling to that, and to
    /// tokens and back by one table. A model that takes efforts and always thinks is told `low` where it is not to.
    #[must_use]
    pub fn thinking(&self, mode: ReasoningMode) -> Option<Thinking> {
        if self.reasoning == ReasoningStyle::Unknown {
            return untouched(mode);
        }
        if matches!(mode, ReasoningMode::Off | ReasoningMode::Effort(Effort::None)) {
            return self.no_thinking();
        }
        let adaptive = |effort: Option<Effort>| Thinking::Adaptive(effort.map(|it| self.clamped(it)));
        Some(match self.reasoning {
            ReasoningStyle::None | ReasoningStyle::Unknown => return None,
            ReasoningStyle::ThinkingBudget => Thinking::Budget(match mode {
                ReasoningMode::Budget(tokens) => tokens.max(LEAST_BUDGET),
                ReasoningMode::Adaptive(None) | ReasoningMode::Off => budget(Effort::Medium),
                ReasoningMode::Effort(effort) | ReasoningMode::Adaptive(Some(effort)) => budget(effort),
            }),
            ReasoningStyle::ThinkingAdaptive => match mode {
                ReasoningMode::Budget(tokens) => adaptive(Some(effort(tokens))),
                ReasoningMode::Effort(effort) => adaptive(Some(effort)),
                ReasoningMode::Adaptive(effort) => adaptive(effort),
                ReasoningMode::Off => Thinking::Off,
            },
            ReasoningStyle::Effort | ReasoningStyle::ReasoningObject | ReasoningStyle::NovaConfig => {
                match mode {
                    ReasoningMode::Budget(tokens) => Thinking::Effort(self.clamped(effort(tokens))),
                    ReasoningMode::Effort(effort) | ReasoningMode::Adaptive(Some(effort)) => {
                        Thinking::Effort(self.clamped(effort))
                    }
                    ReasoningMode::Adaptive(None) | ReasoningMode::Off => {
                        Thinking::Effort(self.clamped(Effort::Medium))
                    }
                }
            }
        })
    }

    fn no_thinking(&self) -> Option<Thinking> {
        match self.reasoning {
            ReasoningStyle::Effort | ReasoningStyle::ReasoningObject | ReasoningStyle::NovaConfig
                if self.always_thinks =>
            {
                Some(Thinking::Effort(Effort::Low))
            }
            _ if self.always_thinks => None,
            ReasoningStyle::ThinkingAdaptive | ReasoningStyle::ReasoningObject => Some(Thinking::Off),
            _ => Some(Thinking::Unsaid),
        }
    }

    fn clamped(&self, effort: Effort) -> Effort {
        let effort = effort.max(Effort::Low).min(self.max_effort.unwrap_or(Effort::Max));
        if effort == Effort::XHigh && !self.xhigh_effort { Effort::High } else { effort }
    }
}

/// What has one spelling is said in it. An effort has a different one for each model.
const fn untouched(mode: ReasoningMode) -> Option<Thinking> {
    match mode {
        ReasoningMode::Off => Some(Thinking::Off),
        ReasoningMode::Budget(tokens) => Some(Thinking::Budget(tokens)),
        ReasoningMode::Adaptive(effort) => Some(Thinking::Adaptive(effort)),
        ReasoningMode::Effort(Effort::None) => Some(Thinking::Unsaid),
        ReasoningMode::Effort(_) => None,
    }
}

/// The tokens that an effort is worth, as other gateways count them.
const fn budget(effort: Effort) -> u32 {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => LEAST_BUDGET,
        Effort::Medium => 2048,
        Effort::High => 4096,
        Effort::XHigh => 8192,
        Effort::Max => 16384,
    }
}

/// The least effort that is worth these tokens, or the greatest.
fn effort(tokens: u32) -> Effort {
    let known = [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh];
    known.into_iter().find(|it| budget(*it) >= tokens).unwrap_or(Effort::Max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(reasoning: ReasoningStyle, max_effort: Option<Effort>, always_thinks: bool) -> ModelInfo {
        ModelInfo { reasoning, max_effort, always_thinks, ..ModelInfo::default() }
    }

    #[test]
    fn every_style_is_told_in_its_own_way() {
        use ReasoningMode as Mode;
        use ReasoningStyle as Style;
        let high = Some(Effort::High);
        let cases = [
            (Style::None, None, Mode::Off, Some(Thinking::Unsaid)),
            (Style::None, None, Mode::Effort(Effort::Low), None),
            (Style::Unknown, None, Mode::Budget(1), Some(Thinking::Budget(1))),
            (Style::Unknown, None, Mode::Adaptive(high), Some(Thinking::Adaptive(high))),
            (Style::Unknown, None, Mode::Off, Some(Thinking::Off)),
            (Style::Unknown, None, Mode::Effort(Effort::None), Some(Thinking::Unsaid)),
            (Style::Unknown, None, Mode::Effort(Effort::Low), None),
            (Style::Effort, high, Mode::Effort(Effort::Max), Some(Thinking::Effort(Effort::High))),
            (Style::Effort, high, Mode::Effort(Effort::Minimal), Some(Thinking::Effort(Effort::Low))),
            (Style::Effort, high, Mode::Budget(2000), Some(Thinking::Effort(Effort::Medium))),
            (Style::Effort, high, Mode::Effort(Effort::None), Some(Thinking::Unsaid)),
            (Style::ReasoningObject, None, Mode::Off, Some(Thinking::Off)),
            (
                Style::ReasoningObject,
                None,
                Mode::Effort(Effort::XHigh),
                Some(Thinking::Effort(Effort::XHigh)),
            ),
            (Style::NovaConfig, high, Mode::Adaptive(None), Some(Thinking::Effort(Effort::Medium))),
            (Style::NovaConfig, high, Mode::Off, Some(Thinking::Unsaid)),
            (Style::ThinkingBudget, None, Mode::Effort(Effort::Minimal), Some(Thinking::Budget(1024))),
            (Style::ThinkingBudget, None, Mode::Effort(Effort::Max), Some(Thinking::Budget(16384))),
            (Style::ThinkingBudget, None, Mode::Budget(1), Some(Thinking::Budget(1024))),
            (Style::ThinkingBudget, None, Mode::Off, Some(Thinking::Unsaid)),
            (Style::ThinkingAdaptive, high, Mode::Effort(Effort::XHigh), Some(Thinking::Adaptive(high))),
            (Style::ThinkingAdaptive, high, Mode::Adaptive(None), Some(Thinking::Adaptive(None))),
            (
                Style::ThinkingAdaptive,
                None,
                Mode::Budget(20_000),
                Some(Thinking::Adaptive(Some(Effort::Max))),
            ),
            (Style::ThinkingAdaptive, None, Mode::Off, Some(Thinking::Off)),
        ];
        for (style, ceiling, mode, told) in cases {
            assert_eq!(model(style, ceiling, false).thinking(mode), told, "{style:?} {mode:?}");
        }
    }

    #[test]
    fn what_always_thinks_is_told_the_least_or_cannot_be_told() {
        let told = |style| model(style, None, true).thinking(ReasoningMode::Off);
        assert_eq!(told(ReasoningStyle::Effort), Some(Thinking::Effort(Effort::Low)));
        assert_eq!(told(ReasoningStyle::ThinkingAdaptive), None);
        assert_eq!(told(ReasoningStyle::None), None);
    }
}
