//! What becomes of a function, and where errors stand.

use crate::expand::{expand, rate_limited};
use proc_macro2::TokenStream;

const FUNCTION: &str = "fn f() -> Result<(), E> { body() }";

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap()
}

/// Text of tokens, however they are spaced.
fn text(tokens: TokenStream) -> String {
    tokens.to_string().replace(' ', "")
}

/// What it becomes, with tokio's timer at hand.
fn expanded(arguments: &str, item: &str) -> String {
    text(expand(tokens(arguments), tokens(item), true).unwrap())
}

/// Fails unless it is an error at that place, which begins so.
fn wrong(arguments: &str, item: &str, place: &str, message: &str) {
    let error = expand(tokens(arguments), tokens(item), false).unwrap_err();
    assert!(error.to_string().starts_with(message), "{error}");
    assert_eq!(error.span().source_text().unwrap_or_default(), place);
}

#[test]
fn the_question_comes_before_the_body_and_the_rest_stays_as_it_was() {
    let item = "#[must_use] #[doc = \"Docs.\"] pub(crate) unsafe extern \"C\" \
                fn r#move<'a, T: Copy>(x: &'a T) -> Result<&'a T, E> where T: Send \
                { #![allow(unused)] x = ; }";
    let outcome = "#[must_use] #[doc = \"Docs.\"] pub(crate) unsafe extern \"C\" \
                   fn r#move<'a, T: Copy>(x: &'a T) -> Result<&'a T, E> where T: Send { \
                   #![allow(unused)] \
                   if let ::core::result::Result::Err(error) = \
                   ::tidegate::Limiter::acquire_timeout(\
                   &(LIMITER), \"move\", 1, ::core::time::Duration::MAX) { \
                   return ::tidegate::expansion::refused(error); } \
                   { x = ; } }";
    let expanded = expanded("limiter = LIMITER", item);
    assert_eq!(expanded, text(tokens(outcome)));
}

#[test]
fn each_argument_has_its_place_in_the_question() {
    let item = "async fn f(x: u8) -> Result<(), E> {}";
    let has = |expanded: String, question: &str| {
        let question = text(tokens(question));
        assert!(expanded.contains(&question), "{expanded}");
    };
    has(
        expanded("limiter = a.b(), name = x, weight = 2, no_wait", item),
        "::tidegate::Limiter::try_acquire_n(&(a.b()), &(x), 2)",
    );
    has(
        expanded("crate = my::own, limiter = a, timeout = \"1m2ms\",", item),
        "my::own::Limiter::acquire_timeout_async(\
         &(a), \"f\", 1, ::core::time::Duration::new(60u64, 2000000u32)).await",
    );
    has(
        expanded("limiter = a, timeout = x + y, sleep = |t| sleep(t)", item),
        "::tidegate::Limiter::acquire_with(&(a), \"f\", 1, x + y, |t| sleep(t)).await",
    );
}

#[test]
fn a_wrong_argument_is_an_error_where_it_stands_that_says_what_to_write() {
    let wrong = |arguments, place, message| wrong(arguments, FUNCTION, place, message);
    wrong("", "", "say which limiter is asked");
    wrong("name = \"x\"", "", "say which limiter is asked");
    wrong(
        "limiter = a, weigth = 2",
        "weigth",
        "`weigth` is no argument: there are `limiter`",
    );
    wrong("\"a\"", "\"a\"", "expected ident");
    wrong(
        "limiter",
        "limiter",
        "`limiter` needs a value: write `limiter = ...`",
    );
    wrong("limiter(a)", "limiter", "`limiter` needs a value");
    wrong("limiter = a name = b", "name", "expected `,`");
    wrong(
        "limiter = a, limiter = a",
        "limiter",
        "`limiter` is given twice",
    );
    wrong(
        "no_wait, limiter = a, no_wait",
        "no_wait",
        "`no_wait` is given twice",
    );
    wrong(
        "limiter = a, no_wait = true",
        "no_wait",
        "`no_wait` takes no value",
    );
    wrong(
        "limiter = a, no_wait, timeout = b",
        "no_wait",
        "a call that does not wait has no",
    );
    wrong(
        "limiter = a, sleep = b, no_wait",
        "no_wait",
        "a call that does not wait has no",
    );
    wrong(
        "limiter = a, sleep = b",
        "sleep",
        "only an `async fn` sleeps by a future",
    );
    wrong(
        "limiter = a, timeout = 20",
        "20",
        "20 of what? Write a unit, as in \"20s\"",
    );
    wrong(
        "limiter = a, timeout = \"2 s\"",
        "\"2 s\"",
        "\"2 s\" is not a duration",
    );
}

#[test]
fn what_cannot_be_limited_is_an_error_that_says_why() {
    let wrong = |item, place, message| wrong("limiter = a", item, place, message);
    wrong("struct S;", "struct", "only a function can be rate limited");
    wrong(
        "pub impl S {}",
        "impl",
        "only a function can be rate limited",
    );
    wrong(
        "const X: u8 = 1;",
        "const",
        "only a function can be rate limited",
    );
    wrong("fn f() -> Result<(), E>;", "f", "there is no body");
    wrong(
        "fn f() {}",
        "f",
        "this function could not say that it was refused",
    );
    wrong(
        "pub const fn f() -> Result<(), E> {}",
        "const",
        "a `const fn` can be called",
    );
    wrong(
        "pub async fn f() -> Result<(), E> {}",
        "async",
        "an `async fn` waits on a timer",
    );
}

#[test]
fn after_an_error_the_function_is_there_as_it_was() {
    let outcome = text(rate_limited(tokens(""), tokens(FUNCTION), true));
    assert!(outcome.contains("compile_error"), "{outcome}");
    assert!(outcome.ends_with(&text(tokens(FUNCTION))), "{outcome}");
}
