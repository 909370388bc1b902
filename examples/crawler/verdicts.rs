//! Judges a run by all its limits: that of each host, and that of all hosts together.

use tidegate_judge::Rate;

use super::run::Run;
use super::verdict::Verdict;

/// What the logs say of each limit.
pub struct Verdicts<'a> {
    /// Of the limit of all hosts together.
    pub all: Verdict<'a>,
    /// Of the limit of each host, and the host's address.
    pub hosts: Vec<(&'a str, Verdict<'a>)>,
}

impl<'a> Verdicts<'a> {
    /// Judges all that was granted and arrived, then what was granted for each host and
    /// arrived there.
    pub fn new(run: &'a Run) -> Self {
        let (grants, arrivals) = (&run.record.grants, &run.record.arrivals);
        let all = Verdict::new(
            grants
                .iter()
                .map(|granted| (&*granted.path, granted.by_all)),
            arrivals,
            &judged_by(&run.rates),
        );
        let host_rates = judged_by(&run.host_rates);
        let of_host = |host| {
            Verdict::new(
                (grants.iter())
                    .filter(|granted| granted.host == host)
                    .map(|granted| (&*granted.path, granted.by_host)),
                arrivals.iter().filter(|arrival| arrival.host == host),
                &host_rates,
            )
        };
        let hosts = (run.hosts.iter().enumerate())
            .map(|(host, name)| (&**name, of_host(host)))
            .collect();
        Verdicts { all, hosts }
    }

    /// What went against any limit, one sentence each.
    pub fn breaches(&self) -> Vec<String> {
        let all = self.all.breaches().into_iter();
        let hosts = self.hosts.iter().flat_map(|(host, verdict)| {
            let breaches = verdict.breaches().into_iter();
            breaches.map(move |breach| format!("{host}: {breach}"))
        });
        all.map(|breach| format!("all hosts: {breach}"))
            .chain(hosts)
            .collect()
    }
}

fn judged_by(rates: &[tidegate::Rate]) -> Vec<Rate> {
    (rates.iter())
        .map(|rate| Rate::new(rate.limit(), rate.interval()))
        .collect()
}
