//! The gateway under the load of wrk, judged by the logs of its clients.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tidegate_judge::{Rate, judge};

use crate::log::{Answer, epoch, grants, most_within, read};
use crate::running::Gateway;

/// Who asks; "hasty" makes a connection for each request.
const CLIENTS: [(&str, &str); 3] = [("ann", "keep"), ("bob", "keep"), ("hasty", "close")];
/// How many requests of one client are to pass after a worker was killed.
const ENOUGH: usize = 60;
/// How long the test waits for that.
const PATIENCE: Duration = Duration::from_secs(30);

/// The load of one client: two threads with a connection each. It is killed on drop.
struct Wrk(Child);

impl Wrk {
    /// Nothing if there is no wrk.
    fn start(url: &str, (client, close): (&str, &str), folder: &Path) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/log.lua");
        let wrk = Command::new("wrk")
            .args(["-t2", "-c2", "-d60", "-s", script, url, "--", client, close])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn();
        wrk.ok().map(Self)
    }

    /// Tells it to end, which it does in order.
    fn end(mut self) {
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGINT).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Wrk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many of a client's requests passed that were sent after an instant.
fn passed_since(answers: &[Answer], instant: u64) -> usize {
    let passed = |a: &&Answer| a.status == 200 && a.sent > instant;
    answers.iter().filter(passed).count()
}

/// Waits until something holds of the answers of every client.
fn wait_until(folder: &Path, mut holds: impl FnMut(&[Answer]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !CLIENTS
        .iter()
        .all(|(client, _)| holds(&read(folder, client)))
    {
        assert!(Instant::now() < deadline, "the clients do not get on");
        sleep(Duration::from_millis(50));
    }
}

/// Two limits for each client, three clients, three workers; and one worker is killed while
/// all ask as fast as they may. What is judged is what the clients wrote down.
#[test]
fn no_client_gets_more_than_its_limit_from_all_workers_together_also_if_one_is_killed() {
    let test = "no_client_gets_more_than_its_limit_from_all_workers_together_also_if_one_is_killed";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rates = [(20, 500), (50, 2000)];
    let mut gateway = Gateway::start(&["--workers", "3", "--rate", "20/500ms", "--rate", "50/2s"]);
    let epoch = epoch(&gateway.limiter());
    let mut load = Vec::new();
    for client in CLIENTS {
        let Some(wrk) = Wrk::start(&gateway.url, client, folder) else {
            eprintln!("{test} was left out: there is no wrk here (Debian's package wrk)");
            return;
        };
        load.push(wrk);
    }

    // Somebody is killed who answers, while everybody is limited.
    wait_until(folder, |answers| answers.iter().any(|a| a.status == 429));
    let victim = read(folder, "hasty").last().unwrap().worker;
    gateway.kill(Pid::from_raw(victim));
    let killed = {
        let limiter = gateway.limiter();
        limiter.now().unwrap().as_micros() + epoch
    };
    wait_until(folder, |answers| passed_since(answers, killed) >= ENOUGH);
    load.into_iter().for_each(Wrk::end);
    let (status, said) = gateway.interrupt();
    assert!(status.success(), "{said}");

    for (client, close) in CLIENTS {
        let answers = read(folder, client);
        let rates = rates.map(|(limit, time)| Rate::new(limit, Duration::from_millis(time)));
        // The server says when it granted each: by that the limits hold exactly, and each
        // instant lies between the client's own, before it asked and after it was answered.
        let verdict = judge(&grants(&answers, epoch), &rates);
        assert!(verdict.holds(), "{client}: {verdict}");
        // Who is refused has met a full window: that it is in the log says that nothing is missing.
        assert_eq!(verdict.rates[0].peak(), 20, "{client}: {verdict}");
        for rate in rates {
            let most = most_within(&answers, rate);
            assert!(most <= rate.limit(), "{client}: {most} of {rate}");
        }
        for answer in &answers {
            match answer.status {
                200 => assert!(answer.granted.is_some()),
                429 => assert!((1..=2).contains(&answer.retry_after.unwrap()), "{answer:?}"),
                _ => panic!("{client}: {answer:?}"),
            }
        }
        // All go on, and who connects anew meets all who are left.
        let left = answers.iter().filter(|answer| answer.sent > killed);
        let workers: BTreeSet<i32> = left.map(|answer| answer.worker).collect();
        assert!(!workers.contains(&victim), "{client}: {workers:?}");
        if close == "close" {
            assert_eq!(workers.len(), 2, "{client}: {workers:?}");
        }
    }
}
