//! What the responses of others tell. Whatever a field holds that is not understood is as if
//! the field were not there.

use super::{POLICY, RATE_LIMIT};
use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use httpdate::parse_http_date;
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parser};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Fields that tell what is left, and when there is more, in a number each: of the draft up to
/// its sixth version, and as they were before it.
const OLDER: [[HeaderName; 2]; 2] = [
    [
        HeaderName::from_static("ratelimit-remaining"),
        HeaderName::from_static("ratelimit-reset"),
    ],
    [
        HeaderName::from_static("x-ratelimit-remaining"),
        HeaderName::from_static("x-ratelimit-reset"),
    ],
];

/// How long one is to wait by `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = text(headers, &RETRY_AFTER)?;
    match number(value) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => Some(time_until(parse_http_date(value).ok()?, headers, now)),
    }
}

/// How long nothing is left, if that is so: until the last of the limits that are used up
/// has more.
pub fn exhausted(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    by_policies(headers)
        .or_else(|| by_dictionary(headers))
        .or_else(|| {
            let mut older = OLDER.into_iter();
            older.find_map(|[left, resets]| by_numbers(headers, &left, &resets, now))
        })
}

/// As in `"burst";r=0;t=7`. A limit that does not say when there is more has it after the window
/// of its policy at the latest, as in `"burst";q=10;w=60`.
fn by_policies(headers: &HeaderMap) -> Option<Duration> {
    let policies = items(headers, &POLICY);
    let window = |name: &BareItem| {
        let policy = policies.iter().find(|policy| policy.bare_item == *name);
        policy.and_then(|policy| parameter(policy, "w"))
    };
    let limits = items(headers, &RATE_LIMIT);
    let spent = limits
        .iter()
        .filter(|limit| parameter(limit, "r") == Some(0));
    let resets = spent.filter_map(|limit| parameter(limit, "t").or(window(&limit.bare_item)));
    resets.max().map(Duration::from_secs)
}

/// As in `limit=10, remaining=0, reset=7`, of the draft's seventh version.
fn by_dictionary(headers: &HeaderMap) -> Option<Duration> {
    let fields: Dictionary = Parser::new(headers.get(RATE_LIMIT)?).parse().ok()?;
    let member = |name| match fields.get(name)? {
        ListEntry::Item(item) => whole(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    match member("remaining")? {
        0 => member("reset").map(Duration::from_secs),
        _ => None,
    }
}

/// As in `RateLimit-Remaining: 0` and `RateLimit-Reset: 7`. Some servers tell the instant, in
/// Unix time, instead of the seconds until then: nobody means a time of 31 years, or an instant
/// before 2001; and what counts anything but seconds is not understood.
fn by_numbers(
    headers: &HeaderMap,
    left: &HeaderName,
    resets: &HeaderName,
    now: SystemTime,
) -> Option<Duration> {
    if number(text(headers, left)?)? > 0 {
        return None;
    }
    match number(text(headers, resets)?)? {
        seconds @ ..1_000_000_000 => Some(Duration::from_secs(seconds)),
        instant @ ..100_000_000_000 => {
            let instant = UNIX_EPOCH + Duration::from_secs(instant);
            Some(time_until(instant, headers, now))
        }
        _ => None,
    }
}

/// The time until an instant on the server's clock. The response says what that clock shows; if
/// it does not, the server's is ours.
fn time_until(instant: SystemTime, headers: &HeaderMap, now: SystemTime) -> Duration {
    let date = text(headers, &DATE).and_then(|date| parse_http_date(date).ok());
    let passed = instant.duration_since(date.unwrap_or(now));
    passed.unwrap_or_default()
}

/// The items of a list (RFC 9651), which may be split over several lines: all of them, or, if one
/// line is malformed, none.
fn items(headers: &HeaderMap, name: &HeaderName) -> Vec<Item> {
    let lines = headers.get_all(name).iter();
    let lists: Result<Vec<List>, _> = lines.map(|line| Parser::new(line).parse()).collect();
    let entries = lists.unwrap_or_default().into_iter().flatten();
    let items = entries.filter_map(|entry| match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    });
    items.collect()
}

/// An item's parameter, if it is a whole number that is not negative.
fn parameter(item: &Item, name: &str) -> Option<u64> {
    whole(item.params.get(name)?)
}

fn whole(value: &BareItem) -> Option<u64> {
    value.as_integer()?.try_into().ok()
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A number of nothing but digits; the largest, where it is larger than that.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderValue;
    use httpdate::fmt_http_date;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// An instant of whole seconds, in 2033.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(2_000_000_000)
    }

    fn headers<N: AsRef<str>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> HeaderMap {
        let field = |(name, value): &(N, V)| {
            let name = HeaderName::try_from(name.as_ref()).unwrap();
            (name, HeaderValue::from_bytes(value.as_ref()).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in fields.iter().map(field) {
            headers.append(name, value);
        }
        headers
    }

    /// Seconds.
    fn spent(fields: &[(&str, &str)]) -> Option<u64> {
        exhausted(&headers(fields), now()).map(|time| time.as_secs())
    }

    fn retry(value: &str) -> Option<u64> {
        let headers = headers(&[("retry-after", value)]);
        retry_after(&headers, now()).map(|time| time.as_secs())
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date_in_any_of_the_three_forms() {
        assert_eq!(retry("120"), Some(120));
        assert_eq!(retry("0"), Some(0));
        assert_eq!(retry(" 7 "), Some(7));
        assert_eq!(retry("99999999999999999999999"), Some(u64::MAX));
        for date in [
            "Wed, 18 May 2033 03:34:20 GMT",
            "Wednesday, 18-May-33 03:34:20 GMT",
            "Wed May 18 03:34:20 2033",
        ] {
            assert_eq!(retry(date), Some(60), "{date}");
        }
        // It is over.
        assert_eq!(retry("Tue, 17 May 2033 03:33:20 GMT"), Some(0));
        for nonsense in ["", "-1", "1.5", "+3", "soon", "0x10", "1 2", "18 May 2033"] {
            assert_eq!(retry(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_date_is_seen_from_the_servers_clock_if_the_response_shows_it() {
        let hour = Duration::from_secs(3600);
        let date = |time| fmt_http_date(time);
        let fields = |told_at| [("retry-after", date(now() + hour)), ("date", told_at)];
        let wait = |told_at| retry_after(&headers(&fields(told_at)), now()).unwrap();
        assert_eq!(wait(date(now())), hour);
        assert_eq!(wait(date(now() - hour)), 2 * hour);
        assert_eq!(wait(date(now() + 2 * hour)), Duration::ZERO);
        assert_eq!(wait("no date".into()), hour);
    }

    #[test]
    fn of_the_limits_that_are_used_up_the_one_that_takes_longest_counts() {
        let left = |value| spent(&[("ratelimit", value)]);
        assert_eq!(left("\"default\";r=0;t=30"), Some(30));
        assert_eq!(left("\"default\";r=1;t=30"), None);
        let three = "\"burst\";r=0;t=7, \"hour\";r=0;t=90;pk=:cHsdsRa8:, \"day\";r=5;t=4000";
        assert_eq!(left(three), Some(90));
        assert_eq!(left("token;r=0;t=3;comment=\"any\""), Some(3));
        let lines = [
            ("ratelimit", "\"a\";r=0;t=2"),
            ("ratelimit", "\"b\";r=0;t=9"),
        ];
        assert_eq!(spent(&lines), Some(9));
    }

    #[test]
    fn a_limit_that_does_not_say_when_there_is_more_has_it_after_its_policys_window() {
        let policies = ("ratelimit-policy", "\"a\";q=10;w=60, \"b\";q=100;w=3600");
        assert_eq!(spent(&[policies, ("ratelimit", "\"a\";r=0")]), Some(60));
        assert_eq!(spent(&[policies, ("ratelimit", "\"a\";r=0;t=8")]), Some(8));
        let both = ("ratelimit", "\"a\";r=0;t=8, \"b\";r=0");
        assert_eq!(spent(&[policies, both]), Some(3600));
        assert_eq!(spent(&[policies, ("ratelimit", "\"c\";r=0")]), None);
        assert_eq!(spent(&[policies]), None);
    }

    #[test]
    fn malformed_limits_are_as_if_they_were_not_there() {
        for nonsense in [
            "",
            "0",
            "\"a\"",
            "\"a\";r=0",
            "\"a\";r=-1;t=5",
            "\"a\";r=0.0;t=5",
            "\"a\";r=0;t=-5",
            "\"a\";r=0;t=5.5",
            "\"a\";r=0;t=\"5\"",
            "\"a;r=0;t=5",
            "\"a\";r=0;t=5,",
            "(\"a\";r=0;t=5)",
            "\"a\";r=0;t=9999999999999999",
            "remaining=0",
            "remaining=1, reset=5",
            "remaining=(0), reset=5",
        ] {
            assert_eq!(spent(&[("ratelimit", nonsense)]), None, "{nonsense}");
        }
        // A list with a line that is none is no list.
        let lines = [("ratelimit", "\"a\";r=0;t=2"), ("ratelimit", "\"")];
        assert_eq!(spent(&lines), None);
    }

    #[test]
    fn older_fields_are_read_where_there_is_no_newer() {
        let seventh = ("ratelimit", "limit=10, remaining=0, reset=7");
        assert_eq!(spent(&[seventh]), Some(7));
        for prefix in ["", "x-"] {
            let names = [
                format!("{prefix}ratelimit-remaining"),
                format!("{prefix}ratelimit-reset"),
            ];
            let older = |left, resets| spent(&[(&*names[0], left), (&*names[1], resets)]);
            assert_eq!(older("0", "30"), Some(30));
            assert_eq!(older("1", "30"), None);
            assert_eq!(older("0", "999999999"), Some(999_999_999));
            assert_eq!(older("0", "2000000045"), Some(45));
            assert_eq!(older("0", "1999999999"), Some(0));
            // Milliseconds, and what is no number.
            assert_eq!(older("0", "2000000045000"), None);
            assert_eq!(older("0", "2000000045.5"), None);
            assert_eq!(older("0", "soon"), None);
            assert_eq!(older("none", "30"), None);
            let newer = ("ratelimit", "\"a\";r=0;t=2");
            let both = [newer, (&*names[0], "0"), (&*names[1], "30")];
            assert_eq!(spent(&both), Some(2));
        }
    }

    /// Names that mean something here.
    const NAMES: [&str; 8] = [
        "retry-after",
        "date",
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];

    /// All bytes that a header may have, those that mean something more often than others.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let meaningful = select(&b"0123456789\";,=()rtwqa: .-?@%*GMT"[..]);
        let any = any::<u8>().prop_filter("no header has it", |&byte| {
            byte == b'\t' || byte >= b' ' && byte != 0x7f
        });
        vec(prop_oneof![4 => meaningful, 1 => any], 0..60)
    }

    /// What a server may mean, and what it may make of it.
    fn plausible() -> impl Strategy<Value = Vec<u8>> {
        let number = prop_oneof![Just(0), 0_u64..100, any::<u64>()];
        let limit = (number.clone(), number.clone())
            .prop_map(|(left, resets)| format!("\"a\";r={left};t={resets}"));
        let seconds = 0_u64..253_000_000_000;
        let date = seconds.prop_map(|s| fmt_http_date(UNIX_EPOCH + Duration::from_secs(s)));
        let older = number
            .clone()
            .prop_map(|n| format!("remaining=0, reset={n}"));
        prop_oneof![number.prop_map(|n| n.to_string()), limit, date, older]
            .prop_map(String::into_bytes)
    }

    proptest! {
        #[test]
        fn no_headers_whatever_make_a_reader_panic(
            fields in vec((select(&NAMES[..]), prop_oneof![value(), plausible()]), 0..8),
            seconds in 0_u64..300_000_000_000,
        ) {
            let headers = headers(&fields);
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            retry_after(&headers, now);
            exhausted(&headers, now);
        }

        #[test]
        fn every_date_that_can_be_told_is_read(
            seconds in 0_u64..200_000_000_000, ahead in 0_u64..50_000_000_000,
        ) {
            let date = |seconds| fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            let fields = [("date", date(seconds)), ("retry-after", date(seconds + ahead))];
            let read = retry_after(&headers(&fields), now());
            prop_assert_eq!(read, Some(Duration::from_secs(ahead)));
        }
    }
}
