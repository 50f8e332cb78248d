//! Boot receipts.

use hardpan_lockdown::receipt::{Receipt, RemarkKind, Verdict};

/// What is read can be judged; a boot is good only if nothing is remarked, and less remarks never make it worse.
pub fn check(bytes: &[u8]) {
    let Ok(receipt) = Receipt::parse(bytes) else { return };
    let judgement = receipt.judge(&[("lockdown".to_owned(), String::new())]);
    assert_eq!(judgement.verdict == Verdict::Good, judgement.remarks.is_empty());
    let worst = judgement.verdict;
    let without = judgement.without(RemarkKind::Absent);
    assert!(without.verdict <= worst);
    assert!(without.remarks.iter().all(|remark| remark.kind != RemarkKind::Absent));
}

/// A good boot, one that failed, and what hardpan-boot itself writes.
pub fn seeds() -> Vec<Vec<u8>> {
    use hardpan_lockdown::boot::{Outcome, Reason, Receipt as Written, Record, Refused};
    let record = |step, outcome| Record {
        step,
        subject: "a".into(),
        want: "x".into(),
        got: "\"\\\n".into(),
        outcome,
        errno: Some(5),
        kernel: vec!["device-mapper: x".into()],
        time: std::time::Duration::from_micros(1234),
    };
    let steps = vec![
        record("verity-open", Outcome::Proved),
        record("root-mount", Outcome::Done),
        record("sysctl", Outcome::Absent),
    ];
    let good = Written { kernel: "6.1".into(), slot: Some("a".into()), steps, ..Written::default() };
    let refused = vec![Refused { slot: "b".into(), reason: Reason::RootHash, text: "t".into() }];
    let failed =
        Written { reason: Some(Reason::NoSlot), slot: None, refused: refused.clone(), ..good.clone() };
    let fallback = Written { refused, ..good.clone() };
    [good, failed, fallback].iter().map(|receipt| receipt.to_json().into_bytes()).collect()
}
