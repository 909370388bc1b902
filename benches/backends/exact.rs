//! Whoever is compared grants exactly the limit, however many processes ask, and refuses the
//! next.

use tidegate_backend_benches::field::Field;
use tidegate_backend_benches::plan::Plan;
use tidegate_benches::contender::Work;

const LIMIT: u64 = 250;

#[test]
fn every_contender_grants_exactly_the_limit_and_refuses_the_next() {
    let field = Field::open().unwrap();
    let plan = Plan::of(Work::Refuse).with_limit(LIMIT);
    for entry in field.empty("exact", &plan).unwrap() {
        let processes = if entry.shared { 4 } else { 1 };
        let granted = entry.subject.grants(processes, 2 * LIMIT).unwrap();
        assert_eq!(granted, LIMIT, "{}", entry.subject.name());
    }
}
