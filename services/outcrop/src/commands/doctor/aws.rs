//! AWS itself: who it takes us for, and whether our clocks agree.

use chrono::DateTime;

use super::Patient;
use super::finding::{Finding, lacks_credentials};

/// Differences that matter to nobody, seconds: a header says whole seconds.
const FINE: i64 = 3;
/// From here on identities between services, which live `internal.ttl_s` seconds, run out early; AWS refuses signatures that
/// are five minutes off.
const TOO_FAR: i64 = 30;

pub(super) async fn identity(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "aws identity";
    if !patient.uses_aws() {
        return vec![Finding::skipped(NAME, "nothing in the settings needs AWS")];
    }
    match outcrop_wiring::aws_caller().await {
        Ok(caller) => {
            let region = caller.region.map_or_else(String::new, |it| format!(", region {it}"));
            vec![Finding::ok(NAME, format!("{}{region}", caller.arn))]
        }
        Err(error) => {
            let said = error.to_string();
            let remedy = if lacks_credentials(&said) {
                "give this process credentials: a task, instance or pod role, AWS_PROFILE, or access keys that have not expired"
            } else {
                "let this machine through to STS (NAT or a VPC endpoint for sts), and set AWS_REGION"
            };
            // A bearer token of Bedrock is nobody to STS, and the emulator asks for nothing.
            vec![Finding::warn(NAME, said, remedy)]
        }
    }
}

/// Compares our time with the `Date` of somebody's answer.
pub(super) async fn clock(patient: &Patient) -> Vec<Finding> {
    const NAME: &str = "clock";
    let mut sources = Vec::new();
    if patient.uses_aws() {
        sources.extend(outcrop_wiring::aws_endpoint().await);
    }
    if patient.is_apart() {
        sources.push(format!("{}/healthz", patient.config.services.auth.trim_end_matches('/')));
    }
    for source in &sources {
        let asked = patient.clock.now();
        let Ok(answer) = patient.http.get(source).send().await else { continue };
        let answered = patient.clock.now();
        let date = answer.headers().get("date").and_then(|it| it.to_str().ok());
        let Some(theirs) = date.and_then(|it| DateTime::parse_from_rfc2822(it).ok()) else { continue };
        let ours = asked + (answered - asked) / 2;
        return vec![compared(NAME, (ours - theirs.to_utc()).num_seconds())];
    }
    vec![if sources.is_empty() {
        Finding::skipped(NAME, "nobody to compare it with")
    } else {
        Finding::warn(NAME, "nobody who could be asked told the time", "mend what cannot be reached first")
    }]
}

fn compared(name: &str, off: i64) -> Finding {
    let seen = match off {
        0 => "agrees".to_owned(),
        1.. => format!("{off} s ahead"),
        _ => format!("{} s behind", -off),
    };
    let remedy = "have NTP set the clock (chrony; on AWS the time service at 169.254.169.123)";
    match off.abs() {
        0..=FINE => Finding::ok(name, seen),
        ..=TOO_FAR => Finding::warn(name, seen, remedy),
        _ => Finding::fail(name, seen, remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn clocks_may_differ_a_little() {
        for (off, state) in
            [(0, State::Ok), (-3, State::Ok), (4, State::Warn), (-30, State::Warn), (31, State::Fail)]
        {
            assert_eq!(compared("clock", off).state, state, "{off}");
        }
        assert_eq!(compared("clock", -90).seen, "90 s behind");
    }
}
