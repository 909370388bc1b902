//! `tidegate metrics`: real HTTP, and text that a parser of others reads.

use crate::support::{Running, Segment, ended};
use nix::sys::signal::Signal;
use prometheus_parse::{Scrape, Value};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Starts it at a port that the system chooses; and where it answers.
fn start(arguments: &[&str]) -> (Running, String) {
    let all = [&["metrics", "--listen", "127.0.0.1:0"], arguments].concat();
    let running = Running::start(&all);
    let line = running.line();
    let (_, address) = line.split_once("http://").unwrap();
    let address = address.trim_end_matches("/metrics").to_owned();
    (running, address)
}

/// Asks for a page; the head and the body of the answer.
fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let text = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn page(address: &str) -> String {
    let (head, body) = ask(address, "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    body
}

fn scrape(text: &str) -> Scrape {
    Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap()
}

/// The value of the one series that has these labels, among others.
#[track_caller]
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let scrape = scrape(text);
    let mut found = scrape.samples.iter().filter(|sample| {
        let has = |(label, value): &(&str, &str)| sample.labels.get(label) == Some(value);
        sample.metric == name && labels.iter().all(has)
    });
    let sample = found
        .next()
        .unwrap_or_else(|| panic!("no {name} {labels:?} in\n{text}"));
    assert!(found.next().is_none(), "{name} {labels:?} is there twice");
    match sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => value,
        ref other => panic!("{other:?}"),
    }
}

/// Checks what OpenMetrics asks of every exposition.
fn check_form(text: &str) {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let (mut kinds, mut helps, mut units) = (HashMap::new(), HashSet::new(), HashMap::new());
    let (mut series, mut family, mut done) = (HashSet::new(), String::new(), HashSet::new());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next().unwrap(), words.next().unwrap()) {
            ("#", what) => {
                let (name, rest) = (words.next().unwrap(), words.next().unwrap());
                let is_new = match what {
                    "TYPE" => kinds.insert(name, rest).is_none(),
                    "HELP" => helps.insert(name),
                    "UNIT" => units.insert(name, rest).is_none(),
                    other => panic!("{other} in {line}"),
                };
                assert!(is_new, "{line}: twice");
            }
            _ => {
                let name = line.split(['{', ' ']).next().unwrap();
                let base = name.strip_suffix("_total").unwrap_or(name);
                let kind = kinds[base];
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(helps.contains(base), "{line}");
                for unit in ["seconds", "bytes"] {
                    let has_unit = units.get(base) == Some(&unit);
                    assert_eq!(has_unit, base.ends_with(unit), "{line}");
                }
                let (labels, value) = line.rsplit_once(' ').unwrap();
                value.parse::<f64>().unwrap();
                assert!(series.insert(labels.to_owned()), "{line}: twice");
                if base != family {
                    assert!(done.insert(base.to_owned()), "{base}: in pieces");
                    base.clone_into(&mut family);
                }
            }
        }
    }
}

#[test]
fn a_scraper_reads_what_was_granted_and_refused() {
    let segment = Segment::made("5/h,20/d");
    segment.does("acquire", &["--weight", "4"]).fine();
    for _ in 0..3 {
        segment
            .does("acquire", &["-n", "--weight", "2"])
            .with(1, &[]);
    }
    let (mut running, address) = start(&[&segment.name]);
    let text = page(&address);
    check_form(&text);
    let own = ("segment", segment.name.as_str());
    let get = |name: &str, more: &[(&str, &str)]| value(&text, name, &[&[own], more].concat());
    assert_eq!(get("tidegate_up", &[]), 1.0);
    assert_eq!(get("tidegate_granted_permits_total", &[]), 4.0);
    assert_eq!(get("tidegate_granted_requests_total", &[]), 1.0);
    let refused = |reason| get("tidegate_refused_requests_total", &[("reason", reason)]);
    assert_eq!(
        ["limited", "queue_full", "full"].map(refused),
        [3.0, 0.0, 0.0]
    );
    assert_eq!(get("tidegate_rate_used_permits", &[("rate", "5/h")]), 4.0);
    assert_eq!(
        get("tidegate_rate_limit_permits", &[("rate", "20/d")]),
        20.0
    );
    assert_eq!(
        get("tidegate_rate_interval_seconds", &[("rate", "5/h")]),
        3600.0
    );
    assert_eq!(get("tidegate_leaker_running", &[]), 0.0);
    assert_eq!(get("tidegate_next_permit_seconds", &[]), 0.0);
    let size = fs::metadata(format!("/dev/shm/tidegate.{}", segment.name))
        .unwrap()
        .len();
    assert_eq!(get("tidegate_segment_size_bytes", &[]), size as f64);

    segment.does("acquire", &[]).fine();
    let now = page(&address);
    assert_eq!(value(&now, "tidegate_granted_permits_total", &[own]), 5.0);
    assert!(ask(&address, "GET /other").0.starts_with("HTTP/1.1 404 "));
    assert!(
        ask(&address, "POST /metrics")
            .0
            .starts_with("HTTP/1.1 405 ")
    );
    assert!(ask(&address, "GET /").0.starts_with("HTTP/1.1 200 "));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end().code(), Some(0));
}

#[test]
fn it_goes_on_while_a_segment_is_removed_and_made_anew() {
    let (segment, other) = (Segment::made("5/h"), Segment::made("7/h"));
    segment.does("acquire", &["-w", "3"]).fine();
    // Named twice, it is told of once.
    let names = [&segment.name, &other.name, &segment.name].map(String::as_str);
    let (_running, address) = start(&names);
    let up = |text: &str, segment: &Segment| {
        value(text, "tidegate_up", &[("segment", segment.name.as_str())])
    };
    let text = page(&address);
    assert_eq!((up(&text, &segment), up(&text, &other)), (1.0, 1.0));
    segment.does("remove", &[]).fine();
    let text = page(&address);
    check_form(&text);
    assert_eq!((up(&text, &segment), up(&text, &other)), (0.0, 1.0));
    assert!(!text.contains(&format!("permits_total{{segment=\"{}\"", segment.name)));
    segment.does("create", &["--rate", "9/h"]).fine();
    segment.does("acquire", &[]).fine();
    let text = page(&address);
    assert_eq!((up(&text, &segment), up(&text, &other)), (1.0, 1.0));
    let own = ("segment", segment.name.as_str());
    assert_eq!(value(&text, "tidegate_granted_permits_total", &[own]), 1.0);
    assert_eq!(value(&text, "tidegate_rate_limit_permits", &[own]), 9.0);
}

#[test]
fn keys_are_told_of_only_if_asked_for_and_only_so_many() {
    let segment = Segment::unmade();
    segment
        .does("create", &["--rate", "1/h", "--keys", "9"])
        .fine();
    for (key, times) in [("often\"\\\n", 4), ("sometimes", 3), ("seldom", 2)] {
        for _ in 0..times {
            segment.does("acquire", &["-n", "-k", key]);
        }
    }
    let (_one, address) = start(&[&segment.name]);
    let text = page(&address);
    check_form(&text);
    assert!(
        !text.contains("often") && !text.contains("key=\""),
        "{text}"
    );
    assert_eq!(value(&text, "tidegate_keys", &[]), 3.0);
    let (_other, address) = start(&[&segment.name, "--top-keys", "2"]);
    let text = page(&address);
    check_form(&text);
    let name = "tidegate_key_refused_requests";
    assert_eq!(value(&text, name, &[("key", "sometimes")]), 2.0);
    let lines = text
        .lines()
        .filter(|line| line.starts_with(&format!("{name}{{")));
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() == 2 && lines[0].ends_with(" 3.0"), "{lines:?}");
}

#[test]
fn an_address_that_is_taken_is_an_error_that_names_it() {
    let (_running, address) = start(&["nothing-there"]);
    ended(&["metrics", "nothing-there", "--listen", &address])
        .with(2, &[&address, "could not listen"]);
}

#[test]
fn the_dashboard_asks_only_for_metrics_that_there_are() {
    let segment = Segment::unmade();
    segment
        .does("create", &["--rate", "1/h", "--keys", "9"])
        .fine();
    segment.does("acquire", &["-k", "a"]).fine();
    segment.does("acquire", &["-nk", "a"]).with(1, &[]);
    let leaker = segment.starts("leak", &[]);
    assert!(leaker.line().contains("leading"));
    let (_running, address) = start(&[&segment.name, "--top-keys", "5"]);
    segment.seen_when(|seen| seen["leaker"]["passes"] == 1);
    let text = page(&address);
    let there: HashSet<String> = scrape(&text)
        .samples
        .into_iter()
        .map(|one| one.metric)
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/grafana/tidegate.json");
    let dashboard = fs::read_to_string(folder).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = dashboard.split(|c| !is_name(c));
    let asked: HashSet<&str> = words.filter(|word| word.starts_with("tidegate_")).collect();
    assert!(asked.len() >= 12, "{asked:?}");
    for name in asked {
        assert!(there.contains(name), "{name} is not in\n{text}");
    }
}
