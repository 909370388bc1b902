//! Functions below the attribute.

use crate::{Failed, HOUR, brisk, hourly, is_limited};
use std::cell::Cell;
use std::fmt::Display;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tidegate::{AcquireError, Limiter, Rate, rate_limited};

#[rate_limited(limiter = limiter, no_wait)]
fn counted(limiter: &Limiter, calls: &Cell<u64>) -> Result<u64, Failed> {
    calls.set(calls.get() + 1);
    Ok(calls.get())
}

#[test]
fn a_refused_call_does_not_run_the_body_and_says_why() {
    let (limiter, calls) = (hourly(2), Cell::new(0));
    for call in 1..=2 {
        assert_eq!(counted(&limiter, &calls).unwrap(), call);
    }
    for _ in 0..5 {
        match counted(&limiter, &calls) {
            Err(Failed::Limited(AcquireError::Limited { rate, .. })) => {
                assert_eq!(rate, Rate::new(2, HOUR));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(calls.get(), 2);
}

#[test]
fn the_name_is_the_functions_own_unless_another_is_given() {
    #[rate_limited(limiter = limiter, no_wait)]
    fn r#loop(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    #[rate_limited(limiter = limiter, name = "another", no_wait)]
    fn named(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    let limiter = hourly(9);
    r#loop(&limiter).unwrap();
    named(&limiter).unwrap();
    named(&limiter).unwrap();
    assert_eq!(limiter.bucket("loop").count().unwrap(), 1);
    assert_eq!(limiter.bucket("another").count().unwrap(), 2);
    assert_eq!(limiter.count().unwrap(), 3);
}

#[test]
fn name_and_weight_may_depend_on_the_arguments_which_the_body_still_has() {
    #[rate_limited(
        limiter = limiter,
        name = format!("{host}:{}", parts.len()),
        weight = parts.iter().sum(),
        no_wait
    )]
    fn send(limiter: Limiter, host: String, parts: Vec<u64>) -> Result<String, AcquireError> {
        drop(limiter);
        Ok(host + &"+".repeat(parts.len()))
    }
    #[rate_limited(limiter = limiter, name = host, no_wait)]
    fn by_value(limiter: &Limiter, host: String) -> Result<String, AcquireError> {
        Ok(host)
    }
    let limiter = hourly(10);
    let send = |host: &str, parts| send(limiter.clone(), host.to_owned(), parts);
    assert_eq!(send("a", vec![1, 3]).unwrap(), "a++");
    assert_eq!(send("b", vec![9, 1]).unwrap(), "b++");
    assert!(is_limited(send("b", vec![1, 0])));
    assert!(matches!(
        send("a", vec![6, 5]),
        Err(AcquireError::WeightTooLarge { weight: 11, .. })
    ));
    assert_eq!(by_value(&limiter, "c".to_owned()).unwrap(), "c");
    for (key, count) in [("a:2", 4), ("b:2", 10), ("c", 1)] {
        assert_eq!(limiter.bucket(key).count().unwrap(), count, "{key}");
    }
}

#[test]
fn a_name_that_cannot_be_made_is_an_error_and_takes_nothing() {
    #[rate_limited(limiter = limiter, name = host.ok_or(Failed::Itself)?, no_wait)]
    fn send(limiter: &Limiter, host: Option<&str>, calls: &Cell<u64>) -> Result<(), Failed> {
        calls.set(calls.get() + 1);
        Ok(())
    }
    let (limiter, calls) = (hourly(9), Cell::new(0));
    assert!(matches!(send(&limiter, None, &calls), Err(Failed::Itself)));
    assert_eq!((limiter.count().unwrap(), calls.get()), (0, 0));
    send(&limiter, Some("a"), &calls).unwrap();
    assert_eq!((limiter.count().unwrap(), calls.get()), (1, 1));
}

#[test]
fn a_body_may_return_early_and_its_errors_are_its_own() {
    #[rate_limited(limiter = limiter, no_wait)]
    fn early(limiter: &Limiter, number: i32) -> Result<&'static str, Failed> {
        if number < 0 {
            return Err(Failed::Itself);
        }
        if number == 0 {
            return Ok("zero");
        }
        let number: i8 = number.try_into().map_err(|_| Failed::Itself)?;
        Ok(if number > 9 { "many" } else { "some" })
    }
    let limiter = hourly(5);
    assert!(matches!(early(&limiter, -1), Err(Failed::Itself)));
    assert_eq!(early(&limiter, 0).unwrap(), "zero");
    assert_eq!(early(&limiter, 7).unwrap(), "some");
    assert_eq!(early(&limiter, 77).unwrap(), "many");
    assert!(matches!(early(&limiter, 777), Err(Failed::Itself)));
    assert!(matches!(early(&limiter, 0), Err(Failed::Limited(_))));
    assert_eq!(limiter.count().unwrap(), 5);
}

#[test]
fn each_level_of_a_recursion_takes_its_permits() {
    #[rate_limited(limiter = limiter, weight = 2, no_wait)]
    fn down(limiter: &Limiter, depth: u64) -> Result<u64, AcquireError> {
        match depth {
            0 => Ok(0),
            _ => Ok(1 + down(limiter, depth - 1)?),
        }
    }
    let limiter = hourly(10);
    assert_eq!(down(&limiter, 3).unwrap(), 3);
    assert_eq!(limiter.count().unwrap(), 8);
    assert!(is_limited(down(&limiter, 1)));
    assert_eq!(limiter.count().unwrap(), 10);
}

/// Methods of all kinds.
struct Client<N> {
    limiter: Arc<Limiter>,
    names: Vec<N>,
}

trait Visits {
    fn visit(&mut self) -> Result<usize, AcquireError>;

    #[rate_limited(limiter = hourly(1), no_wait)]
    fn provided(&self) -> Result<u8, AcquireError> {
        Ok(1)
    }
}

impl<N: Display> Client<N> {
    #[rate_limited(limiter = self.limiter, name = self.names[nth].to_string(), no_wait)]
    fn name<'n>(&'n self, nth: usize) -> Result<&'n N, AcquireError>
    where
        N: 'n,
    {
        Ok(&self.names[nth])
    }

    #[rate_limited(limiter = self.limiter, no_wait)]
    fn into_names(self) -> Result<impl Iterator<Item = N>, AcquireError> {
        Ok(self.names.into_iter())
    }

    #[rate_limited(limiter = self.limiter, no_wait)]
    #[must_use = "it was asked for"]
    unsafe fn first(&self, or: impl FnOnce() -> N) -> Result<String, AcquireError> {
        Ok(self
            .names
            .first()
            .map_or_else(|| or().to_string(), N::to_string))
    }
}

impl<N> Visits for Client<N> {
    #[rate_limited(limiter = &self.limiter, no_wait)]
    fn visit(&mut self) -> Result<usize, AcquireError> {
        self.names.pop();
        Ok(self.names.len())
    }
}

#[test]
#[expect(
    unsafe_code,
    reason = "an unsafe function is called, which does nothing unsafe"
)]
fn methods_generic_unsafe_and_of_traits_are_limited_like_functions() {
    let limiter = Arc::new(hourly(1));
    let mut client = Client {
        limiter: Arc::clone(&limiter),
        names: vec![7, 8, 9],
    };
    assert_eq!(client.name(1).unwrap(), &8);
    assert_eq!(client.name(2).unwrap(), &9);
    assert!(is_limited(client.name(1)));
    // SAFETY: it asks nothing of its caller.
    assert_eq!(unsafe { client.first(|| 1) }.unwrap(), "7");
    // SAFETY: as above.
    assert!(is_limited(unsafe { client.first(|| 1) }));
    assert_eq!(client.visit().unwrap(), 2);
    assert!(is_limited(client.visit()));
    assert_eq!(client.provided().unwrap(), 1);
    assert_eq!(client.into_names().unwrap().sum::<i32>(), 15);
    let names = ["8", "9", "first", "visit", "into_names"];
    for name in names {
        assert_eq!(limiter.bucket(name).count().unwrap(), 1, "{name}");
    }
    assert_eq!(limiter.count().unwrap(), 5);
}

/// Functions whose parts other macros have made.
macro_rules! made {
    ($limiter:expr, $name:literal, $function:item, $answer:ty, $body:block) => {
        #[rate_limited(limiter = $limiter, name = $name, no_wait)]
        $function

        #[rate_limited(limiter = $limiter, name = $name, no_wait)]
        fn of_parts() -> $answer $body
    };
}

#[test]
fn functions_may_come_from_macros_and_what_they_use_may_be_named_as_it_likes() {
    static ERROR: LazyLock<Limiter> = LazyLock::new(|| hourly(2));
    made!(
        *ERROR,
        "made",
        fn of_one_piece() -> Result<u8, AcquireError> {
            Ok(1)
        },
        Result<u8, AcquireError>,
        {
            Ok(2)
        }
    );
    mod own {
        pub use ::tidegate as again;
    }
    /// Has names that the macro might think are its own.
    #[rate_limited(crate = own::again, limiter = error, name = refused, no_wait)]
    fn confusing(error: &Limiter, refused: &str) -> core::result::Result<usize, AcquireError> {
        struct Result(usize);
        let permit = error.count()?;
        let Result(length) = Result(refused.len());
        Ok(length + usize::try_from(permit).unwrap())
    }
    assert_eq!(of_one_piece().unwrap(), 1);
    assert_eq!(of_parts().unwrap(), 2);
    assert!(is_limited(of_parts()));
    assert_eq!(confusing(&ERROR, "own").unwrap(), 6);
}

#[test]
fn a_call_waits_its_turn_and_not_longer_than_its_timeout() {
    #[rate_limited(limiter = limiter)]
    fn patient(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    #[rate_limited(limiter = limiter, timeout = "59m59s")]
    fn impatient(limiter: &Limiter) -> Result<(), AcquireError> {
        Ok(())
    }
    #[rate_limited(limiter = limiter, timeout = 2 * longest)]
    fn as_told(limiter: &Limiter, longest: Duration) -> Result<(), AcquireError> {
        Ok(())
    }
    let limiter = brisk();
    let first = limiter.now().unwrap();
    for _ in 0..3 {
        patient(&limiter).unwrap();
    }
    impatient(&limiter).unwrap();
    as_told(&limiter, HOUR).unwrap();
    let waited = limiter.now().unwrap().duration_since(first);
    assert!(waited >= Duration::from_millis(4 * 30), "{waited:?}");

    let limiter = hourly(1);
    impatient(&limiter).unwrap();
    assert!(is_limited(impatient(&limiter)));
    as_told(&limiter, Duration::ZERO).unwrap();
    assert!(is_limited(as_told(&limiter, HOUR / 3)));
    assert_eq!(limiter.count().unwrap(), 2);
}
