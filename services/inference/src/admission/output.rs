//! How much a call may write, and how much of that it is reserved.

use super::Output;
use crate::policies::{Clamp, Terms};

/// What a call may write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bound {
    /// Tokens that are reserved for it.
    pub(super) reserved: u64,
    /// What the model must be told, if that is not what the client says.
    pub(super) sent: Option<u32>,
}

/// What is known of a call's output beside the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) terms: &'a Terms,
    /// Whether tokens or money are limited.
    pub(super) counted: bool,
    /// What the dialect lets it write where neither the client nor a policy says.
    pub(super) usual: Option<u32>,
    /// The most that the model writes, if that is known.
    pub(super) most: Option<u32>,
    /// What to assume if nothing bounds it.
    pub(super) assumed: u32,
    /// How many answers there are, each as long as that; what is asked for is said of all of them.
    pub(super) answers: u32,
}

/// Why a request may not be passed on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It asks for more than a policy allows, or does not say.
    OverClamp { asked: Option<u32>, clamp: Clamp },
    /// It does not say, nobody knows how much the model writes, and what it writes is limited.
    Unbounded,
}

/// What a call may write. What the client asks for holds within what policies allow; where it does not ask, their
/// default does, then the dialect's, then the model's own maximum, which is what Bedrock's quota reserves then, too.
pub(super) fn bound(output: Output, known: Known<'_>) -> Result<Bound, Refused> {
    let Output::Tokens { asked, field } = output else { return Ok(Bound::default()) };
    let (can_tell, clamp) = (field.is_some(), known.terms.clamp);
    let within = |tokens: u32| clamp.map_or(tokens, |clamp| tokens.min(clamp.tokens));
    let usual = known.usual.filter(|_| known.terms.default_output.is_none());
    if let Some(asked) = asked.or(usual.map(|each| each.saturating_mul(known.answers))) {
        let allowed = within(asked);
        return match clamp {
            Some(clamp) if allowed < asked && !can_tell => {
                Err(Refused::OverClamp { asked: Some(asked), clamp })
            }
            _ => Ok(Bound { reserved: allowed.into(), sent: (allowed < asked).then_some(allowed) }),
        };
    }
    let all = |tokens: u32| u64::from(tokens).saturating_mul(known.answers.into());
    let possible = |tokens: u32| known.most.map_or(tokens, |most| tokens.min(most));
    if !can_tell {
        return match (clamp, known.most.map(all)) {
            (Some(clamp), most) if most.is_none_or(|most| most > clamp.tokens.into()) => {
                Err(Refused::OverClamp { asked: None, clamp })
            }
            // Whatever were reserved could be too little.
            (_, None) if known.counted => Err(Refused::Unbounded),
            (_, most) => Ok(Bound { reserved: most.unwrap_or(all(known.assumed)), sent: None }),
        };
    }
    let said = known.terms.default_output.map(within).or(clamp.map(|it| it.tokens)).map(possible);
    // Where a number is sent, one answer is: whatever else says how much is written is taken from the request then.
    Ok(match (said, known.most) {
        (Some(said), _) => Bound { reserved: said.into(), sent: Some(said) },
        (None, Some(most)) => Bound { reserved: all(most), sent: None },
        (None, None) if known.counted => Bound { reserved: known.assumed.into(), sent: Some(known.assumed) },
        (None, None) => Bound { reserved: all(known.assumed), sent: None },
    })
}

#[cfg(test)]
mod tests {
    use outcrop_types::Level;

    use super::*;

    const CLAMP: Option<Clamp> = Some(Clamp { tokens: 100, level: Level::Team });

    #[test]
    fn the_first_that_says_something_bounds_an_answer() {
        // asked, clamp, default, the model's maximum, counted -> reserved, sent
        let cases = [
            (None, None, None, None, false, 4096, None),
            (None, None, None, None, true, 4096, Some(4096)),
            (None, None, None, Some(800), true, 800, None),
            (None, None, Some(50), Some(800), true, 50, Some(50)),
            (None, None, Some(900), Some(800), false, 800, Some(800)),
            (None, CLAMP, None, Some(800), false, 100, Some(100)),
            (None, CLAMP, None, Some(80), false, 80, Some(80)),
            (None, CLAMP, Some(50), Some(800), false, 50, Some(50)),
            (None, CLAMP, Some(500), Some(800), false, 100, Some(100)),
            (Some(70), CLAMP, Some(50), Some(800), true, 70, None),
            (Some(700), CLAMP, Some(50), Some(800), true, 100, Some(100)),
            (Some(700), None, Some(50), None, true, 700, None),
        ];
        for (asked, clamp, default_output, most, counted, reserved, sent) in cases {
            let terms = Terms { clamp, default_output, ..Terms::default() };
            let known = Known { terms: &terms, counted, usual: None, most, assumed: 4096, answers: 1 };
            let output = Output::Tokens { asked, field: Some("max_tokens") };
            let case = format!("{asked:?} {clamp:?} {default_output:?} {most:?}");
            assert_eq!(bound(output, known), Ok(Bound { reserved, sent }), "{case}");
        }
    }

    #[test]
    fn a_policy_says_more_than_a_dialect() {
        for (clamp, default_output, expected) in [
            (None, None, (16, None)),
            (None, Some(5), (5, Some(5))),
            (None, Some(50), (50, Some(50))),
            (Some(Clamp { tokens: 10, level: Level::Team }), Some(5), (5, Some(5))),
            (Some(Clamp { tokens: 10, level: Level::Team }), None, (10, Some(10))),
        ] {
            let terms = Terms { clamp, default_output, ..Terms::default() };
            let known = Known {
                terms: &terms,
                counted: true,
                usual: Some(16),
                most: Some(800),
                assumed: 4096,
                answers: 1,
            };
            let bound = bound(Output::Tokens { asked: None, field: Some("max_tokens") }, known).unwrap();
            assert_eq!((bound.reserved, bound.sent), expected, "{clamp:?} {default_output:?}");
        }
    }

    #[test]
    fn several_answers_are_reserved_as_that_many() {
        let terms = Terms { default_output: Some(50), ..Terms::default() };
        let bound = |field, terms: &Terms, most, counted| {
            let known = Known { terms, counted, usual: None, most, assumed: 4096, answers: 8 };
            bound(Output::Tokens { asked: None, field }, known)
        };
        let is = |reserved, sent| Ok(Bound { reserved, sent });
        let free = Terms::default();
        assert_eq!(bound(None, &free, Some(100), true), is(800, None));
        assert_eq!(bound(None, &free, None, false), is(8 * 4096, None));
        assert_eq!(bound(Some("max_tokens"), &free, Some(100), true), is(800, None));
        assert_eq!(
            bound(Some("max_tokens"), &terms, Some(100), true),
            is(50, Some(50)),
            "one is left of them"
        );
    }

    #[test]
    fn what_is_passed_on_as_it_is_must_fit_by_itself() {
        let over = |asked| Err(Refused::OverClamp { asked, clamp: CLAMP.unwrap() });
        let fits = |reserved| Ok(Bound { reserved, sent: None });
        let cases = [
            (Some(100), CLAMP, Some(800), fits(100)),
            (Some(101), CLAMP, Some(800), over(Some(101))),
            (None, CLAMP, Some(800), over(None)),
            (None, CLAMP, None, over(None)),
            (None, CLAMP, Some(90), fits(90)),
            (None, None, Some(800), fits(800)),
            (None, None, None, Err(Refused::Unbounded)),
        ];
        for (asked, clamp, most, expected) in cases {
            let terms = Terms { clamp, default_output: Some(10), ..Terms::default() };
            let known = Known { terms: &terms, counted: true, usual: None, most, assumed: 4096, answers: 1 };
            let output = Output::Tokens { asked, field: None };
            assert_eq!(bound(output, known), expected, "{asked:?} {clamp:?} {most:?}");
        }
        let terms = Terms { clamp: CLAMP, ..Terms::default() };
        let known =
            Known { terms: &terms, counted: true, usual: None, most: None, assumed: 4096, answers: 1 };
        assert_eq!(bound(Output::None, known), Ok(Bound::default()));
    }
}
