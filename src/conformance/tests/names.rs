//! Names.

use crate::bucket::{Bucket, Item};
use crate::conformance::scene::{LONG, NAME, Scene, count, refused, take};
use crate::error::AcquireError;
use crate::rate::Rate;
use std::time::Duration;

fn put(bucket: &dyn Bucket, name: &[u8]) -> Result<(), AcquireError> {
    bucket
        .put(Item { name, weight: 1 }, Duration::ZERO)
        .map(|_| ())
}

pub fn any_bytes_are_a_name(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(100, LONG)]);
    let long = vec![0xab; 64 * 1024];
    let names: [&[u8]; 8] = [
        b"",
        b"\0",
        b"a\0b",
        b"\xff\xfe",
        b"'; drop table permits; --",
        b"{name}",
        "Gezeitentor \u{1f30a}".as_bytes(),
        &long,
    ];
    for (taken, name) in (1..).zip(names) {
        put(&bucket, name)
            .unwrap_or_else(|error| panic!("{:?}: {error}", name.escape_ascii().to_string()));
        let used = bucket.usage(name).expect("the usage")[0].used;
        assert_eq!(used, if scene.is_keyed() { 1 } else { taken });
        bucket.peek(name, 0).expect("a peek").expect("a permit");
    }
    assert_eq!(count(&bucket), names.len() as u64);
    // Longer ones may be refused, but not mistaken.
    let longer = vec![0xab; 64 * 1024 + 1];
    match put(&bucket, &longer) {
        Ok(()) => assert_eq!(count(&bucket), names.len() as u64 + 1),
        Err(AcquireError::KeyTooLong { length }) => assert_eq!(length, longer.len()),
        Err(error) => panic!("too long a name: {error}"),
    }
}

pub fn names_are_apart_or_one(scene: &Scene<'_>) {
    let bucket = scene.open(&[Rate::new(1, LONG)]);
    take(&bucket, 1);
    if !scene.is_keyed() {
        put(&bucket, b"example.org").expect_err("one bucket takes all names");
        assert!(
            !bucket.dispose(NAME).expect("an answer"),
            "no name is known"
        );
        refused(&bucket, 1);
        return;
    }
    put(&bucket, b"example.org").expect("it has a log of its own");
    put(&bucket, b"example.org").expect_err("it has used that up");
    refused(&bucket, 1);
    assert_eq!(count(&bucket), 2, "of all names together");
    assert!(bucket.dispose(NAME).expect("an answer"), "it is known");
    assert!(!bucket.dispose(NAME).expect("an answer"), "it is forgotten");
    assert_eq!(count(&bucket), 1);
    take(&bucket, 1);
    put(&bucket, b"example.org").expect_err("another name is not forgotten");
}
