//! The table.

use std::fmt::Write as _;

use super::Row;
use super::subject::Kind;

pub(crate) fn render(rows: &[Row], machine: &str, seconds: u64) -> String {
    let direct = rows.first();
    let mut text = format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench`; one run, side by side. Machine: {machine}.\n\n\
         The system under test has one core to itself (all its processes share it), the emulator and the load generator share another; loopback,\n\
         upstream latency 0, {seconds} s per figure. *chat*: a 100-token answer, not streamed, 64 connections, closed loop. *stream*: 100 deltas, 32 connections,\n\
         only whole answers count. *added*: at a fixed 100 requests/s, less the emulator's own. Outcrop checks the key, counts the request against a limit,\n\
         translates OpenAI to Converse and back, signs the call, and writes a usage record for every answer; apart, it does so on Postgres and Redis.\n\
         CPU per answer is the figure to trust on a shared machine.\n\n"
    );
    text.push_str(
        "| system | chat/s | CPU µs per chat | streams/s | CPU µs per stream | added p50 / p99 µs | added first token p50 µs | RSS idle / after load MiB | start ms |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let base = direct
            .map_or((0.0, 0.0, 0.0), |it| (it.low_rate.p50_us, it.low_rate.p99_us, it.first_byte.p50_us));
        let is_base = direct.is_some_and(|it| it.name == row.name);
        let added = if is_base {
            format!("({:.0} / {:.0})", base.0, base.1)
        } else {
            format!("{:.0} / {:.0}", row.low_rate.p50_us - base.0, row.low_rate.p99_us - base.1)
        };
        let first = if is_base {
            format!("({:.0})", base.2)
        } else {
            format!("{:.0}", row.first_byte.p50_us - base.2)
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {added} | {first} | {:.1} / {:.1} | {} |",
            row.name,
            row.chat.per_second(),
            row.chat.cpu_us,
            row.stream.per_second(),
            row.stream.cpu_us,
            row.idle_mib,
            row.peak_mib,
            row.start_ms,
        );
    }
    text.push_str("\nFigures in parentheses are the emulator's own, absolute.\n");
    if let (Some(direct), Some(row)) = (direct, rows.iter().find(|row| row.name == Kind::OneProcess.name())) {
        text.push_str(&targets(direct, row));
    }
    text.push_str("\nWhere the time goes, and what was tried: [performance.md](performance.md).\n");
    text
}

/// What one process on one core is meant to reach, beside what it reached.
fn targets(direct: &Row, row: &Row) -> String {
    let added = |ours: f64, base: f64| ours - base;
    let lines = [
        ("chat answers/s", row.chat.per_second(), Bound::AtLeast(9_000.0)),
        ("CPU µs per chat", row.chat.cpu_us, Bound::AtMost(110.0)),
        ("whole 100-delta streams/s", row.stream.per_second(), Bound::AtLeast(2_200.0)),
        ("added p50, µs", added(row.low_rate.p50_us, direct.low_rate.p50_us), Bound::AtMost(300.0)),
        ("added p99, µs", added(row.low_rate.p99_us, direct.low_rate.p99_us), Bound::AtMost(1_000.0)),
        (
            "added first token p50, µs",
            added(row.first_byte.p50_us, direct.first_byte.p50_us),
            Bound::AtMost(400.0),
        ),
        ("idle RSS, MiB", row.idle_mib, Bound::AtMost(25.0)),
        ("ready after, ms", row.start_ms as f64, Bound::AtMost(150.0)),
    ];
    let mut text = String::from("\n## Targets: one process\n\n| | target | reached | |\n|---|--:|--:|---|\n");
    for (name, reached, bound) in lines {
        let (sign, target, met) = match bound {
            Bound::AtLeast(target) => ("≥", target, reached >= target),
            Bound::AtMost(target) => ("≤", target, reached <= target),
        };
        let verdict = if met { "met" } else { "**missed**" };
        let _ = writeln!(text, "| {name} | {sign} {target:.0} | {reached:.0} | {verdict} |");
    }
    text
}

/// Which side of the target is the good one.
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}
