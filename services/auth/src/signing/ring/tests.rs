//! A key's life, day by day.

use super::*;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + Duration::minutes(minutes)
}

fn sealer() -> Sealer {
    Sealer::new(&[7; 32], PURPOSE).unwrap()
}

const TTL: Duration = Duration::minutes(15);
const ROTATION: Duration = Duration::days(30);

fn record(generation: u32, active_from: DateTime<Utc>) -> StoredSigningKey {
    let key = SigningKey::generate(Algorithm::EdDsa, Some(&format!("key{generation}"))).unwrap();
    let nonce = [u8::try_from(generation).unwrap(); 12];
    StoredSigningKey {
        kid: key.kid().to_owned(),
        generation,
        algorithm: "EdDSA".into(),
        public_jwk: key.public_jwk().to_json(),
        sealed: {
            use secrecy::ExposeSecret as _;
            sealer().seal(nonce, key.to_pkcs8().expose_secret(), key.kid().as_bytes()).unwrap()
        },
        created_at: active_from - PUBLISHED_BEFORE,
        active_from,
        revoked_at: None,
    }
}

fn ring(records: &[StoredSigningKey]) -> KeyRing {
    KeyRing::read(records.to_vec(), &sealer(), None, TTL)
}

fn signer(ring: &KeyRing, minute: i64) -> Option<String> {
    ring.signer(at(minute)).map(|key| key.kid().to_owned())
}

fn believed(ring: &KeyRing, minute: i64) -> Vec<String> {
    ring.believed(at(minute)).iter().map(|key| key.kid().to_owned()).collect()
}

fn states(ring: &KeyRing, minute: i64) -> Vec<&'static str> {
    ring.records(at(minute)).map(|(_, state)| state.name()).collect()
}

#[test]
fn keys_overlap() {
    let ring = ring(&[record(1, at(0)), record(2, at(100))]);
    for (minute, signs, states_then) in [
        (-1, None, ["next", "next"]),
        (0, Some("key1"), ["next", "signing"]),
        (99, Some("key1"), ["next", "signing"]),
        (100, Some("key2"), ["signing", "retiring"]),
        (115, Some("key2"), ["signing", "retiring"]),
        (116, Some("key2"), ["signing", "retired"]),
    ] {
        assert_eq!(signer(&ring, minute).as_deref(), signs, "{minute}");
        assert_eq!(states(&ring, minute), states_then, "{minute}");
    }
    assert_eq!(believed(&ring, 99), ["key2", "key1"], "published before it signs");
    assert_eq!(believed(&ring, 115), ["key2", "key1"], "the last token of the old one is still good");
    assert_eq!(believed(&ring, 116), ["key2"]);
    assert_eq!(ring.believed_until("key1"), Some(at(116)));
    assert_eq!(ring.believed_until("key2"), None);
}

#[test]
fn a_lost_key_is_believed_no_more_and_follows_nobody() {
    let mut lost = record(2, at(100));
    lost.revoked_at = Some(at(110));
    let ring = ring(&[record(1, at(0)), lost]);
    assert_eq!(signer(&ring, 110).as_deref(), Some("key1"));
    assert_eq!(believed(&ring, 110), ["key1"]);
    assert_eq!(states(&ring, 300), ["revoked", "signing"]);
    assert_eq!(ring.next_generation(), 3, "its number is not given again");
}

#[test]
fn a_new_key_is_due_once_the_newest_is_old() {
    let due = |ring: &KeyRing, when: DateTime<Utc>| ring.due(when, ROTATION, Algorithm::EdDsa);
    assert_eq!(due(&ring(&[]), at(0)), Some(Due::Now));
    assert_eq!(due(&ring(&[record(1, at(5))]), at(0)), Some(Due::Now), "nothing signs yet");
    let one = ring(&[record(1, at(0))]);
    assert_eq!(due(&one, at(0) + ROTATION - Duration::seconds(1)), None);
    assert_eq!(due(&one, at(0) + ROTATION), Some(Due::Soon));
    let next = ring(&[record(1, at(0)), record(2, at(0) + ROTATION + PUBLISHED_BEFORE)]);
    assert_eq!(due(&next, at(0) + ROTATION), None, "it is on its way");
    let mut lost = record(1, at(0));
    lost.revoked_at = Some(at(1));
    assert_eq!(due(&ring(&[lost]), at(1)), Some(Due::Now));
}

#[test]
fn another_algorithm_is_a_reason_but_only_one_key_is_on_its_way() {
    let due = |ring: &KeyRing, minute| ring.due(at(minute), ROTATION, Algorithm::Rs256);
    let one = ring(&[record(1, at(0))]);
    assert_eq!(due(&one, 0), Some(Due::Soon));
    // A replica that still has the old setting must not make one after the other.
    let waiting = ring(&[record(1, at(0)), record(2, at(10))]);
    assert_eq!(due(&waiting, 9), None);
    assert_eq!(due(&waiting, 10), Some(Due::Soon));
}

#[test]
fn what_the_server_has_not_sealed_is_no_key() {
    let theirs = Sealer::new(&[8; 32], PURPOSE).unwrap();
    let alone = KeyRing::read(vec![record(1, at(0))], &theirs, None, TTL);
    assert_eq!((signer(&alone, 1), believed(&alone, 1)), (None, Vec::new()));
    assert_eq!(alone.due(at(1), ROTATION, Algorithm::EdDsa), Some(Due::Now));
    // Whoever writes a row can neither have it believed nor put another one out of use by it.
    let mut planted = record(2, at(5));
    planted.sealed[20] ^= 1;
    let ring = ring(&[record(1, at(0)), planted]);
    assert_eq!(
        (signer(&ring, 300).as_deref(), believed(&ring, 300)),
        (Some("key1"), vec!["key1".to_owned()])
    );
    assert_eq!(states(&ring, 300), ["unusable", "signing"]);
    assert_eq!(ring.due(at(300), ROTATION, Algorithm::EdDsa), None);
}

#[test]
fn the_public_part_is_that_of_the_private_one() {
    let mut planted = record(1, at(0));
    planted.public_jwk = SigningKey::generate(Algorithm::EdDsa, Some("key1")).unwrap().public_jwk().to_json();
    let honest = SigningKey::from_pkcs8(
        Algorithm::EdDsa,
        Some("key1"),
        &sealer().open(&planted.sealed, b"key1").unwrap(),
    );
    assert_eq!(ring(&[planted]).believed(at(1)), [honest.unwrap().verifying_key()]);
}

#[test]
fn a_sealed_key_does_not_open_under_another_name() {
    let mut swapped = record(1, at(0));
    swapped.sealed = record(2, at(0)).sealed;
    assert_eq!(signer(&ring(&[swapped]), 1), None);
}

#[test]
fn the_operators_key_signs_for_ever() {
    let key = SigningKey::generate(Algorithm::EdDsa, Some("theirs")).unwrap();
    let before = SigningKey::generate(Algorithm::Rs256, Some("before")).unwrap();
    let ring = KeyRing::of_operator(vec![key, before]);
    assert_eq!(signer(&ring, 100_000_000).as_deref(), Some("theirs"));
    assert_eq!(believed(&ring, 100_000_000), ["theirs", "before"]);
    assert_eq!(states(&ring, 100_000_000), ["signing", "retiring"]);
    assert_eq!(ring.believed_until("before"), None, "the operator says until when");
}

#[test]
fn opened_keys_are_taken_over() {
    let records = vec![record(1, at(0))];
    let first = KeyRing::read(records.clone(), &sealer(), None, TTL);
    let again = KeyRing::read(records, &sealer(), Some(&first), TTL);
    let same = Arc::ptr_eq(&first.signer(at(1)).unwrap(), &again.signer(at(1)).unwrap());
    assert!(same, "it is not opened every half minute");
}
