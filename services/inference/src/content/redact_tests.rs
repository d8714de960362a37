use serde_json::json;

use super::*;

#[track_caller]
fn masks(text: &str, masked: &str) {
    assert_eq!(redact(text), masked, "{text}");
}

#[test]
fn people_cannot_be_found_by_it() {
    masks("Write to Ada.Lovelace+x@mail.example.org.", "Write to [email].");
    masks("<jürgen@büro.example>, a@b.co", "<[email]>, [email]");
    masks("call +49 170 1234567 or +1-202-555-0147!", "call [phone] or [phone]!");
    masks("(202) 555-0147, 202-555-0147, 030 12345678, 0171/1234567", "[phone], [phone], [phone], [phone]");
    masks("(555) 123-4567, 555-123-4567, 030-12345678", "[phone], [phone], [phone]");
    masks("1-800-123-4567, 1 (800) 555-0199, tel:030-12345678", "[phone], [phone], tel:[phone]");
    masks(r#"{"card":4111111111111111},555-123-4567/030-1234567"#, r#"{"card":[card]},[phone]/[phone]"#);
    masks("SSN 123-45-6789", "SSN [ssn]");
    masks("4111 1111 1111 1111 12/27, 4111111111111111", "[card] 12/27, [card]");
    masks("amex 3782-822463-10005", "amex [card]");
    masks("DE89 3704 0044 0532 0130 00 and GB29NWBK60161331926819.", "[iban] and [iban].");
}

#[test]
fn secrets_do_not_get_out() {
    masks("AKIAIOSFODNN7EXAMPLE", "[aws key]");
    masks("key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE0ab", "key=[aws key]");
    masks("Authorization: Bearer abc.DEF-123_456789", "Authorization: Bearer [secret]");
    masks("use sk-proj-abcdefghijkl0123456789.", "use [secret].");
    masks("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[secret]");
    masks("password: hunter2, token=abc123", "password: [secret], token=[secret]");
    masks(r#"{"db_password": "correct horse"}"#, r#"{"db_password": "[secret]"}"#);
    let pem = "a -----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY----- b";
    masks(pem, "a [private key] b");
    masks("-----BEGIN PRIVATE KEY-----\nMIIB that is cut", "[private key]");
    let own = format!("ock_{}_{}", "a".repeat(16), "b".repeat(38));
    assert!(!redact(&own).contains(&"b".repeat(38)), "{}", redact(&own));
}

#[test]
fn passwords_in_addresses_do_not_get_out() {
    masks("postgres://user:hunter2pass@db/x", "postgres://user:[secret]@db/x");
    masks("(https://u:pw12345678@h/)", "(https://u:[secret]@h/)");
    masks(r#""redis:\/\/:p@ss:w@cache.example:6379""#, r#""redis:\/\/:[secret]@cache.example:6379""#);
}

#[test]
fn escapes_are_no_part_of_words() {
    let found =
        format!(r"a\nAKIAIOSFODNN7EXAMPLE\tghp_{}\r\u00e94111111111111111\n030 12345678", "a1".repeat(12));
    masks(&found, r"a\n[aws key]\t[secret]\r\u00e9[card]\n[phone]");
    masks(
        r#"{\"db_password\": \"correct \\\"horse\", \"n\": 1}"#,
        r#"{\"db_password\": \"[secret]\", \"n\": 1}"#,
    );
    masks(r#"{"password":"it is \"so\" good"}"#, r#"{"password":"[secret]"}"#);
    masks(r"\npm_abcdefghijkl0123456789 \", r"\[secret] \");
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "On 2026-11-22 at 10:15:00 UTC, 01/02/2026 10:30 and 22.11.2026.",
        "10.0.0.1, 192.168.100.200:8080 and 2001:db8::1",
        "3.141592653589793, 0.00875, -1234567.89, 1_000_000, 100 200 3000",
        "commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "1763812345678 ms, order 1234567890123456, id 00000000-0000-4000-8000-000000000000",
        "The secret of a good password is length; a token is a word.",
        "basic responsibilities, bearer instruments, sk-learn-is-not-a-secret-at-all",
        "me @ home, a@b, user@localhost, fn(x: T) -> U, #1234567890",
        "AKIA is a prefix. DE89 is the beginning of an IBAN.",
        "日本語のテキスト、emoji 👍🏽, ñandú",
        "",
    ] {
        masks(text, text);
    }
}

#[test]
fn values_are_masked_within() {
    let value = json!({"to": ["a@b.example"], "card": 4_111_111_111_111_111_u64, "n": 7, "api_key": "xyz", "ok": true});
    let masked = json!({"to": ["[email]"], "card": "[card]", "n": 7, "api_key": "[secret]", "ok": true});
    assert_eq!(redact_value(&value), masked);
}

#[test]
fn long_runs_take_no_long_time() {
    for piece in ["a.", "1 ", "eyJ ", "DE12", "@", "-----BEGIN ", "password=", "0 "] {
        let text = piece.repeat(4_000);
        let _ = redact(&text);
    }
}
