//! Numbers that tell who people are: of cards, accounts, telephones, and US social security.

use super::Found;

/// Most digits and groups of digits that are read as one number.
const MOST_DIGITS: usize = 24;
const MOST_GROUPS: usize = 8;
/// Digits of a card number (ISO/IEC 7812), and of a telephone number with its country (E.164).
const CARD: std::ops::RangeInclusive<usize> = 13..=19;
const PHONE: std::ops::RangeInclusive<usize> = 8..=15;
/// Digits of one that begins with a zero, in its country.
const NATIONAL: std::ops::RangeInclusive<usize> = 9..=12;
/// Characters of an IBAN (ISO 13616).
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;

/// Digits that stand together.
#[derive(Debug, Clone, Copy)]
struct Group<'a> {
    digits: &'a str,
    /// Where they end.
    end: usize,
    /// What stands between them and the next ones; nothing behind the last.
    gap: &'a str,
}

pub(super) fn find(rest: &str, before: Option<char>) -> Option<Found> {
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    match rest.as_bytes().first()? {
        b'A'..=b'Z' => iban(rest),
        b'+' => international(&rest[1..]).map(|end| Found::whole(end + 1, "[phone]")),
        b'(' => american(&groups(&rest[1..])).map(|end| Found::whole(end + 1, "[phone]")),
        b'0'..=b'9' if !before.is_some_and(|it| "+-.#$€£".contains(it)) => plain(rest),
        _ => None,
    }
}

fn plain(rest: &str) -> Option<Found> {
    let groups = groups(rest);
    card(&groups)
        .map(|end| Found::whole(end, "[card]"))
        .or_else(|| social(&groups).map(|end| Found::whole(end, "[ssn]")))
        .or_else(|| american(&groups).or_else(|| national(&groups)).map(|end| Found::whole(end, "[phone]")))
}

/// The groups of digits from here on, as long as no more than a sign or two stand between them. None if a letter follows.
fn groups(rest: &str) -> Vec<Group<'_>> {
    let (mut groups, mut at, mut total) = (Vec::new(), 0, 0);
    loop {
        let length = rest[at..].bytes().take_while(u8::is_ascii_digit).count();
        total += length;
        if length == 0 || total > MOST_DIGITS || groups.len() == MOST_GROUPS {
            break;
        }
        let end = at + length;
        let gap = rest[end..].bytes().take(2).take_while(|it| b" -./()".contains(it)).count();
        groups.push(Group { digits: &rest[at..end], end, gap: &rest[end..end + gap] });
        at = end + gap;
    }
    let Some(last) = groups.last_mut() else { return groups };
    if rest[last.end..].starts_with(char::is_alphanumeric) {
        groups.pop();
    } else {
        last.gap = "";
    }
    groups
}

/// The end of the longest beginning that is so many digits, with these gaps only.
fn longest(
    groups: &[Group<'_>],
    digits: &std::ops::RangeInclusive<usize>,
    is_gap: impl Fn(&str) -> bool,
    is_one: impl Fn(&str) -> bool,
) -> Option<usize> {
    let (mut all, mut found) = (String::new(), None);
    for group in groups {
        all.push_str(group.digits);
        if digits.contains(&all.len()) && is_one(&all) {
            found = Some(group.end);
        }
        if !is_gap(group.gap) {
            break;
        }
    }
    found
}

/// A card's number: of an issuer that there is, and with its check digit.
fn card(groups: &[Group<'_>]) -> Option<usize> {
    let issued = |all: &str| {
        let front: u32 = all[..2].parse().unwrap_or_default();
        matches!(front, 22..=27 | 30 | 34..=39 | 40..=49 | 50..=59 | 60..=69)
    };
    longest(groups, &CARD, |gap| gap == " " || gap == "-", |all| issued(all) && luhn(all))
}

fn luhn(digits: &str) -> bool {
    let weigh = |(at, digit): (usize, u8)| {
        let value = u32::from(digit - b'0') * if at % 2 == 1 { 2 } else { 1 };
        value / 10 + value % 10
    };
    digits.bytes().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}

/// `123-45-6789`, of an area that is given out.
fn social(groups: &[Group<'_>]) -> Option<usize> {
    let [area, group, serial, ..] = groups else { return None };
    let lengths = [area, group, serial].map(|it| it.digits.len());
    let is_gap = area.gap == "-" && group.gap == "-";
    let given =
        !matches!(area.digits, "000" | "666") && !area.digits.starts_with('9') && serial.digits != "0000";
    (lengths == [3, 2, 4] && is_gap && given).then_some(serial.end)
}

/// `202-555-0147`, `(202) 555-0147`, with or without a `1-`. Where dots stand between them, as in other numbers, neither
/// area nor exchange may begin with 0 or 1.
fn american(groups: &[Group<'_>]) -> Option<usize> {
    let groups = match groups {
        [Group { digits: "1", gap: "-" | "." | " " | " (", .. }, rest @ ..] => rest,
        all => all,
    };
    let [area, exchange, line, ..] = groups else { return None };
    let lengths = [area, exchange, line].map(|it| it.digits.len());
    let is_gap = matches!(area.gap, "-" | "." | ")" | ") ") && matches!(exchange.gap, "-" | "." | " ");
    let given = area.gap != "." || [area, exchange].iter().all(|it| it.digits.as_bytes()[0] > b'1');
    (lengths == [3, 3, 4] && is_gap && given).then_some(line.end)
}

/// What follows a plus sign.
fn international(rest: &str) -> Option<usize> {
    let groups = groups(rest);
    longest(&groups, &PHONE, |gap| !gap.is_empty(), |all| !all.starts_with('0'))
}

/// `030 1234567`, `0171/1234567`; a day is none.
fn national(groups: &[Group<'_>]) -> Option<usize> {
    let [first, second, ..] = groups else { return None };
    let is_day = first.digits.len() == 2 && second.digits.len() == 2 && first.gap != " ";
    let is_code = first.digits.starts_with('0') && (3..=5).contains(&first.digits.len());
    if is_day || !is_code || !matches!(first.gap, " " | "-" | "/") {
        return None;
    }
    longest(groups, &NATIONAL, |gap| matches!(gap, " " | "-" | "/"), |_| true)
}

/// An IBAN, in one piece or in groups of four, with its check digits (ISO 7064, mod 97-10).
fn iban(rest: &str) -> Option<Found> {
    let bytes = rest.as_bytes();
    let head = bytes.get(..4)?;
    if !head[..2].iter().all(u8::is_ascii_uppercase) || !head[2..].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (mut read, mut found) = (String::new(), None);
    for (at, byte) in bytes.iter().enumerate().take(*IBAN.end() + 9) {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' => read.push(char::from(*byte)),
            b' ' if read.len() % 4 == 0 => continue,
            _ => break,
        }
        let ends = !rest[at + 1..].starts_with(|c: char| c.is_alphanumeric());
        if ends && IBAN.contains(&read.len()) && checks(&read) {
            found = Some(at + 1);
        }
    }
    found.map(|end| Found::whole(end, "[iban]"))
}

fn checks(iban: &str) -> bool {
    let (head, tail) = iban.split_at(4);
    let rest = tail.bytes().chain(head.bytes()).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}
