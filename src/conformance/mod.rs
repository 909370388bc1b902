//! A suite of tests for buckets, your own among them: with feature `conformance`.
//!
//! [`bucket_suite!`] and [`async_bucket_suite!`] expand to named tests, each of which makes a
//! bucket somewhere else and judges one of the promises of [`Bucket`]. What they
//! need is a function that makes one, or opens it again, at a [`Place`]:
//!
//! ```
//! use tidegate::conformance::{Place, bucket_suite};
//! use tidegate::{Limiter, Rate, SharedBucket};
//!
//! fn make(place: &Place, rates: &[Rate]) -> SharedBucket {
//!     let path = place.folder().join("segment");
//!     let builder = Limiter::at(path).rates(rates.iter().copied());
//!     builder.open_bucket().unwrap()
//! }
//!
//! # mod in_a_file_of_tests {
//! # use super::make;
//! # use tidegate::conformance::bucket_suite;
//! bucket_suite!(make, shared);
//! # }
//! # fn main() {}
//! ```
//!
//! | word after it | says of the bucket |
//! |---|---|
//! | `shared` | made again at its place, in whatever process, it is another handle of the same |
//! | `keyed` | each name has the rates to itself |
//! | `manual` | it tells the time by [`Place::clock`], where there is one |
//!
//! Whether it knows pauses is seen from [`longest_pause`](crate::Bucket::longest_pause), and
//! whether it takes other rates by trying.
//!
//! With a manual clock boundaries are judged to the microsecond. Otherwise what is judged are
//! the instants that the bucket tells, and not when a busy machine got round to asking.
//!
//! The test of several processes starts the program that it is in once more for each, by the
//! test's name, as the standard harness understands it.

mod crowd;
mod log;
mod place;
mod scene;
#[doc(hidden)]
pub mod tests;

pub use crate::__async_bucket_suite as async_bucket_suite;
pub use crate::__bucket_suite as bucket_suite;
use crate::bucket::Bucket;
#[cfg(feature = "tokio")]
use crate::bucket::{AsyncBucket, Blocking};
use crate::rate::Rate;
pub use place::Place;
use scene::Scene;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Judges a bucket, and panics if that is wrong.
type Test = fn(&Scene<'_>);

/// Makes buckets.
type Make = Box<dyn Fn(&Place, &[Rate]) -> Arc<dyn Bucket> + Send + Sync>;

/// The tests, and whom they judge. The macros make one for each test; it may be of use where
/// a bucket is to be judged that is known to be wrong.
///
/// ```
/// use tidegate::conformance::Suite;
/// use tidegate::{Limiter, MemoryBucket, Rate};
///
/// let make = |_: &_, rates: &[Rate]| -> MemoryBucket {
///     // Twice of what was asked for.
///     let twice = rates.iter().map(|rate| Rate::new(2 * rate.limit(), rate.interval()));
///     Limiter::in_memory().rates(twice).open_bucket().unwrap()
/// };
/// let failures = Suite::new(make).failures();
/// assert!(failures.iter().any(|failure| failure.test == "a_weight_is_taken_whole_or_not_at_all"));
/// ```
#[must_use = "nothing is judged yet"]
pub struct Suite {
    make: Make,
    kind: Kind,
}

/// What the suite is told of a bucket.
#[derive(Clone, Copy, Default, Debug)]
struct Kind {
    is_shared: bool,
    is_keyed: bool,
    is_manual: bool,
}

/// A test that a bucket did not pass.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Its name.
    pub test: &'static str,
    /// What it said.
    pub why: String,
}

impl Suite {
    /// A suite for the buckets that `make` makes.
    pub fn new<B: Bucket + 'static>(
        make: impl Fn(&Place, &[Rate]) -> B + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Box::new(move |place, rates| Arc::new(make(place, rates))),
            kind: Kind::default(),
        }
    }

    /// A suite for async buckets, which are asked on a runtime of their own. With feature
    /// `tokio`.
    #[cfg(feature = "tokio")]
    pub fn new_async<B: AsyncBucket + 'static>(
        make: impl Fn(&Place, &[Rate]) -> B + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |place, rates| Blocking::new(make(place, rates)))
    }

    /// Made again at its place, in whatever process, it is another handle of the same bucket.
    pub fn shared(mut self) -> Self {
        self.kind.is_shared = true;
        self
    }

    /// Each name has the rates to itself.
    pub fn keyed(mut self) -> Self {
        self.kind.is_keyed = true;
        self
    }

    /// It tells the time by [`Place::clock`], where there is one.
    pub fn manual(mut self) -> Self {
        self.kind.is_manual = true;
        self
    }

    /// Runs one test, in the test of that name in a module.
    #[doc(hidden)]
    pub fn run(&self, test: Test, name: &'static str, module: &'static str) {
        // The harness leaves the name of the program out.
        let path = match module.split_once("::") {
            Some((_, module)) => format!("{module}::{name}"),
            None => name.to_owned(),
        };
        test(&Scene::new(&self.make, self.kind, Some(path)));
    }

    /// Runs all tests but the one of several processes, and says which the bucket does not
    /// pass. What they print goes to where the tests print.
    pub fn failures(&self) -> Vec<Failure> {
        let tests: &[(&'static str, Test)] = crate::__bucket_tests!(@all table ());
        let mut failures = Vec::new();
        for &(test, run) in tests {
            let judged = || run(&Scene::new(&self.make, self.kind, None));
            if let Err(panic) = catch_unwind(AssertUnwindSafe(judged)) {
                let why = words(&*panic);
                failures.push(Failure { test, why });
            }
        }
        failures
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("kind", &self.kind).finish()
    }
}

/// Expands to the tests of the [suite](crate::conformance), for the buckets that a function
/// makes.
#[doc(hidden)]
#[macro_export]
macro_rules! __bucket_suite {
    ($make:expr $(, $word:ident)* $(,)?) => {
        $crate::__bucket_tests! { @all fns ([new $make] [$($word)*]) }
    };
}

/// The same for async buckets.
#[doc(hidden)]
#[macro_export]
macro_rules! __async_bucket_suite {
    ($make:expr $(, $word:ident)* $(,)?) => {
        $crate::__bucket_tests! { @all fns ([new_async $make] [$($word)*]) }
        $crate::__bucket_tests! { @asynchronous fns ([new_async $make] [$($word)*]) }
    };
}

/// The one list of all tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __bucket_tests {
    (@all $use:ident $with:tt) => {
        $crate::__bucket_tests! { @$use $with
            a_weight_is_taken_whole_or_not_at_all
            a_weight_of_nothing_is_granted_and_takes_nothing
            more_than_the_smallest_limit_can_never_be_granted
            all_rates_hold_together_and_the_one_that_refuses_is_named
            a_permit_counts_until_the_very_end_of_its_window
            a_turn_comes_exactly_when_the_window_has_room
            a_turn_that_comes_too_late_takes_nothing
            nobody_overtakes_those_who_wait
            a_full_queue_is_an_error_of_its_own
            what_is_given_back_is_free_again_once
            a_place_that_is_given_back_is_no_burden_to_those_who_come_later
            a_flush_forgets_everything_and_what_was_given_before_stays_forgotten
            a_leak_forgets_only_what_counts_no_more
            usage_tells_of_each_rate_what_counts_in_it
            permits_are_peeked_newest_first
            a_pause_holds_everybody_until_its_end
            a_longer_pause_stays_and_a_resume_ends_it
            other_rates_bind_from_then_on_or_are_refused
            any_bytes_are_a_name
            names_are_apart_or_one
            nobody_is_refused_for_others_being_busy
            threads_together_never_exceed_a_window
            processes_together_never_exceed_a_window
            another_handle_sees_what_one_was_granted
            who_waits_goes_when_the_turn_has_come
            a_wait_that_meets_a_pause_goes_after_it
            a_wait_that_nobody_stands_in_gives_its_place_back
        }
    };
    (@asynchronous $use:ident $with:tt) => {
        $crate::__bucket_tests! { @$use $with
            tasks_wait_and_never_exceed_a_window
            a_wait_that_is_dropped_gives_its_place_back
            a_question_that_is_dropped_takes_nothing
        }
    };
    (@fns ([$new:ident $make:expr] $words:tt) $($test:ident)*) => {
        $($crate::__bucket_tests! { @fn $test $new ($make) $words })*
    };
    (@fn $test:ident $new:ident ($make:expr) [$($word:ident)*]) => {
        #[test]
        fn $test() {
            let suite = $crate::conformance::Suite::$new($make)$(.$word())*;
            suite.run($crate::conformance::tests::$test, stringify!($test), module_path!());
        }
    };
    (@table () $($test:ident)*) => {
        &[$((stringify!($test), tests::$test as Test)),*]
    };
}
