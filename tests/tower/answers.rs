//! What those are told who are refused.

use crate::stand::{Hello, ask, header, hourly, request};
use http::Response;
use std::time::Duration;
use tidegate::AcquireError;
use tidegate::tower::RateLimitLayer;
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn who_is_limited_is_told_so_in_text_and_when_to_come_again() {
    let limiter = hourly(1);
    let layer = RateLimitLayer::new(limiter.clone());
    let inner = Hello::default();
    ask(&layer, &inner, "").await;
    let exact = limiter.waiting("", 1).unwrap();
    let refused = ask(&layer, &inner, "").await;
    let headers = refused.headers();
    assert_eq!(refused.status(), 429);
    assert_eq!(
        header(headers, "content-type"),
        Some("text/plain; charset=utf-8")
    );
    let text = refused.body();
    assert!(
        text.starts_with("Too many requests: try again in "),
        "{text}"
    );
    // Who comes again after so many seconds is not too early.
    let told: u64 = header(headers, "retry-after").unwrap().parse().unwrap();
    let told = Duration::from_secs(told);
    assert!(told - Duration::from_secs(1) < exact, "{told:?}");
    assert!(told >= limiter.waiting("", 1).unwrap(), "{told:?}");
}

#[tokio::test]
async fn what_can_never_be_granted_is_a_bad_request_that_is_not_to_come_again() {
    let layer = RateLimitLayer::new(hourly(5)).weight(|_| 6);
    let inner = Hello::default();
    let refused = ask(&layer, &inner, "").await;
    assert_eq!((refused.status().as_u16(), inner.calls()), (400, 0));
    assert_eq!(header(refused.headers(), "retry-after"), None);
    assert!(refused.body().contains("counts as 6"), "{}", refused.body());
}

#[tokio::test]
async fn an_answer_of_ones_own_gets_the_status_and_the_reason_and_then_the_headers() {
    let layer = RateLimitLayer::new(hourly(1)).answer(|status, reason: &AcquireError| {
        let is_limited = matches!(reason, AcquireError::Limited { .. });
        let body = format!("{} {is_limited}", status.as_u16());
        Response::builder().status(418).body(body).unwrap()
    });
    let inner = Hello::default();
    ask(&layer, &inner, "").await;
    let refused = ask(&layer, &inner, "").await;
    assert_eq!(
        (refused.status().as_u16(), &**refused.body()),
        (418, "429 true")
    );
    assert!(header(refused.headers(), "retry-after").is_some());
}

#[tokio::test]
async fn responses_tell_what_is_left_to_those_who_pass_and_to_those_who_do_not() {
    let layer = RateLimitLayer::new(hourly(2));
    let inner = Hello::default();
    for left in ["\"2/h\";r=1;", "\"2/h\";r=0;", "\"2/h\";r=0;"] {
        let response = ask(&layer, &inner, "").await;
        let headers = response.headers();
        assert!(header(headers, "ratelimit").unwrap().starts_with(left));
        let policy = header(headers, "ratelimit-policy");
        assert_eq!(policy, Some("\"2/h\";q=2;w=3600"));
    }
    let refused = ask(&layer.silent(), &inner, "").await;
    assert_eq!(header(refused.headers(), "ratelimit"), None);
    assert!(header(refused.headers(), "retry-after").is_some());
}

#[tokio::test]
async fn of_two_layers_one_in_the_other_both_tell_of_their_limits() {
    let inner = RateLimitLayer::new(hourly(1)).layer(Hello::default());
    let service = RateLimitLayer::new(hourly(3)).layer(inner);
    for (passes, left) in [(true, [0, 2]), (false, [0, 1])] {
        let response = service.clone().oneshot(request("")).await.unwrap();
        assert_eq!(response.status() == 200, passes);
        for name in ["ratelimit", "ratelimit-policy"] {
            let told = response.headers().get_all(name).iter();
            let told: Vec<_> = told.map(|value| value.to_str().unwrap()).collect();
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(told[0].starts_with("\"1/h\"") && told[1].starts_with("\"3/h\""));
            if name == "ratelimit" {
                for (told, left) in told.iter().zip(left) {
                    assert!(told.contains(&format!(";r={left};")), "{told}");
                }
            }
        }
    }
}
