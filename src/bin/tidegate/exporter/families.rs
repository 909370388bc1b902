//! The metrics of several segments, looked at when they are asked for.

use crate::args::Target;
use crate::failure::Failure;
use crate::shown::shown;
use crate::watched::Watched;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use tidegate::{LeakerSnapshot, Rate, Snapshot, Stats};

type Labels = Vec<(&'static str, String)>;
/// One sample of a metric, with the labels that it has beside the segment's name.
type Sample<V> = (Labels, V);

/// The segments that are told of.
pub struct Families {
    watched: Mutex<Vec<Watched>>,
    /// So many keys of each.
    top_keys: usize,
}

/// One segment at one moment, if it is there.
struct Seen {
    name: String,
    seen: Option<(Snapshot, Stats)>,
}

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Families").finish_non_exhaustive()
    }
}

impl Families {
    pub fn new(targets: &[Target], top_keys: usize) -> Self {
        let is_new = |n: usize| !targets[..n].contains(&targets[n]);
        let different = (0..targets.len()).filter(|&n| is_new(n));
        let watched = different
            .map(|n| Watched::new(targets[n].clone()))
            .collect();
        Self {
            watched: Mutex::new(watched),
            top_keys,
        }
    }

    fn look(&self) -> Vec<Seen> {
        // Nobody leaves anything half done under it.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let look = |watched: &mut Watched| -> Result<_, Failure> {
            watched.look(|viewer| Ok((viewer.inspect()?, viewer.stats()?)))
        };
        let seen = watched.iter_mut().map(|watched| Seen {
            name: watched.target().to_string(),
            seen: look(watched).ok(),
        });
        seen.collect()
    }
}

impl Collector for Families {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.look();
        let mut sheet = Sheet { encoder, all: &all };
        sheet.up()?;
        sheet.requests()?;
        sheet.limits()?;
        sheet.keys()?;
        sheet.leaker()?;
        if self.top_keys > 0 {
            sheet.top_keys(self.top_keys)?;
        }
        Ok(())
    }
}

/// What is written, metric by metric: all samples of one belong together.
struct Sheet<'e, 'a> {
    encoder: DescriptorEncoder<'e>,
    all: &'a [Seen],
}

/// What the leak process last told, if there was one.
fn leaker(seen: &Snapshot) -> Option<&LeakerSnapshot> {
    seen.segment.as_ref()?.leaker.as_ref()
}

fn one<V>(value: V) -> Vec<Sample<V>> {
    vec![(Vec::new(), value)]
}

impl Sheet<'_, '_> {
    /// A metric with its samples of each segment that is there.
    fn family<M: EncodeMetric>(
        &mut self,
        [name, help]: [&str; 2],
        unit: Option<Unit>,
        mut samples: impl FnMut(&Snapshot, &Stats) -> Vec<Sample<M>>,
    ) -> fmt::Result {
        let all = self
            .all
            .iter()
            .filter_map(|one| Some((&one.name, one.seen.as_ref()?)));
        let samples: Vec<_> = all
            .flat_map(|(name, (seen, stats))| {
                samples(seen, stats)
                    .into_iter()
                    .map(move |(labels, value)| (name, labels, value))
            })
            .collect();
        let Some((_, _, first)) = samples.first() else {
            return Ok(());
        };
        let kind = first.metric_type();
        let mut family = self
            .encoder
            .encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (name, mut labels, value) in samples {
            labels.insert(0, ("segment", name.clone()));
            value.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counter(
        &mut self,
        texts: [&str; 2],
        samples: impl Fn(&Snapshot, &Stats) -> Vec<Sample<u64>>,
    ) -> fmt::Result {
        self.family(texts, None, |seen, stats| {
            let samples = samples(seen, stats).into_iter();
            samples
                .map(|(labels, value)| (labels, ConstCounter::new(value)))
                .collect()
        })
    }

    fn gauge(
        &mut self,
        texts: [&str; 2],
        samples: impl Fn(&Snapshot, &Stats) -> Vec<Sample<f64>>,
    ) -> fmt::Result {
        self.gauge_in(None, texts, samples)
    }

    fn gauge_in(
        &mut self,
        unit: Option<Unit>,
        texts: [&str; 2],
        samples: impl Fn(&Snapshot, &Stats) -> Vec<Sample<f64>>,
    ) -> fmt::Result {
        self.family(texts, unit, |seen, stats| {
            let samples = samples(seen, stats).into_iter();
            samples
                .map(|(labels, value)| (labels, ConstGauge::new(value)))
                .collect()
        })
    }

    fn up(&mut self) -> fmt::Result {
        let gauge = ConstGauge::new(0_u64).metric_type();
        let help = "Whether the segment is there, and can be read: 1, or 0";
        let mut family = self
            .encoder
            .encode_descriptor("tidegate_up", help, None, gauge)?;
        for one in self.all {
            let labels = [("segment", one.name.as_str())];
            let value = ConstGauge::new(u64::from(one.seen.is_some()));
            value.encode(family.encode_family(&labels)?)?;
        }
        self.gauge_in(
            Some(Unit::Seconds),
            [
                "tidegate_created_timestamp",
                "When the segment was made, since 1970",
            ],
            |seen, _| {
                let made = seen.segment.as_ref().map(|segment| segment.made);
                let since = made.and_then(|made| made.duration_since(SystemTime::UNIX_EPOCH).ok());
                since.map_or(Vec::new(), |since| one(since.as_secs_f64()))
            },
        )?;
        self.gauge_in(
            Some(Unit::Bytes),
            ["tidegate_segment_size", "The segment's size"],
            |seen, _| {
                let size = seen.segment.as_ref().map(|segment| segment.size);
                size.map_or(Vec::new(), |size| one(size as f64))
            },
        )
    }

    fn requests(&mut self) -> fmt::Result {
        self.counter(
            ["tidegate_granted_permits", "Permits that were granted"],
            |_, stats| one(stats.total.granted_permits),
        )?;
        self.counter(
            ["tidegate_granted_requests", "Requests that were granted"],
            |_, stats| one(stats.total.granted_requests),
        )?;
        self.counter(
            [
                "tidegate_refused_requests",
                "Requests that were refused, by reason",
            ],
            |_, stats| {
                let total = &stats.total;
                let reasons = [
                    ("limited", total.limited),
                    ("queue_full", total.queue_full),
                    ("full", total.full),
                ];
                let label = |why: &str| vec![("reason", why.to_owned())];
                reasons.map(|(why, count)| (label(why), count)).into()
            },
        )?;
        self.counter(
            ["tidegate_ended_waits", "Waits that ended with a grant"],
            |_, stats| one(stats.total.waits),
        )?;
        self.family(
            ["tidegate_ended_waits", "The time of those waits, together"],
            Some(Unit::Seconds),
            |_, stats| one(ConstCounter::new(stats.total.waited.as_secs_f64())),
        )?;
        self.gauge(
            ["tidegate_waiting_callers", "Callers that wait"],
            |_, stats| {
                one(stats
                    .processes
                    .iter()
                    .map(|process| process.waiting)
                    .sum::<u64>() as f64)
            },
        )?;
        self.gauge(
            [
                "tidegate_processes",
                "Processes that use the segment, and have a line to count on",
            ],
            |_, stats| one(stats.processes.len() as f64),
        )
    }

    fn limits(&mut self) -> fmt::Result {
        let by_rate = |value: fn(&Snapshot, usize) -> f64| {
            move |seen: &Snapshot, _: &Stats| {
                let rates = seen.rates.iter().enumerate();
                let label = |rate: &Rate| vec![("rate", rate.to_string())];
                rates
                    .map(|(index, rate)| (label(rate), value(seen, index)))
                    .collect()
            }
        };
        self.gauge(
            [
                "tidegate_rate_limit_permits",
                "The limit of each rate; where there are keys, of each key",
            ],
            by_rate(|seen, index| seen.rates[index].limit() as f64),
        )?;
        self.gauge_in(
            Some(Unit::Seconds),
            ["tidegate_rate_interval", "The interval of each rate"],
            by_rate(|seen, index| seen.rates[index].interval().as_secs_f64()),
        )?;
        self.gauge(
            [
                "tidegate_rate_used_permits",
                "Permits that count for each rate, of all keys together",
            ],
            by_rate(|seen, index| seen.counts.get(index).map_or(0.0, |&count| count as f64)),
        )?;
        self.gauge(
            [
                "tidegate_queued_permits",
                "Permits that are reserved for later",
            ],
            |seen, _| one(seen.queued as f64),
        )?;
        self.gauge(
            [
                "tidegate_queue_limit_permits",
                "How many may be, for each key where there are keys",
            ],
            |seen, _| one(seen.queue as f64),
        )?;
        self.gauge_in(
            Some(Unit::Seconds),
            [
                "tidegate_next_permit",
                "How long a request of one permit would wait; of the key that has it worst",
            ],
            |seen, _| one(seen.waiting.as_secs_f64()),
        )?;
        self.gauge_in(
            Some(Unit::Seconds),
            ["tidegate_paused", "How long everything is still paused"],
            |seen, _| one(seen.paused.as_secs_f64()),
        )
    }

    fn keys(&mut self) -> fmt::Result {
        self.gauge(["tidegate_keys", "Keys that have a bucket"], |seen, _| {
            seen.keys
                .as_ref()
                .map_or(Vec::new(), |keys| one(keys.used as f64))
        })?;
        self.gauge(
            ["tidegate_keys_limit", "For how many there are buckets"],
            |seen, _| {
                seen.keys
                    .as_ref()
                    .map_or(Vec::new(), |keys| one(keys.limit as f64))
            },
        )?;
        self.counter(
            [
                "tidegate_evicted_keys",
                "Keys that were idle, and gave their buckets back",
            ],
            |seen, _| {
                seen.keys
                    .as_ref()
                    .map_or(Vec::new(), |keys| one(keys.evictions))
            },
        )
    }

    fn leaker(&mut self) -> fmt::Result {
        self.gauge(
            [
                "tidegate_leaker_running",
                "Whether a leak process leads: 1, or 0",
            ],
            |seen, _| {
                one(f64::from(u8::from(
                    leaker(seen).is_some_and(|leaker| leaker.is_alive),
                )))
            },
        )?;
        let of_leaker = |value: fn(&LeakerSnapshot, &Snapshot) -> f64| {
            move |seen: &Snapshot, _: &Stats| {
                leaker(seen).map_or(Vec::new(), |leaker| one(value(leaker, seen)))
            }
        };
        self.gauge_in(
            Some(Unit::Seconds),
            [
                "tidegate_leaker_last_pass_age",
                "How long ago its last pass was",
            ],
            of_leaker(|leaker, seen| seen.now.duration_since(leaker.last_pass).as_secs_f64()),
        )?;
        let counts = |value: fn(&LeakerSnapshot) -> u64| {
            move |seen: &Snapshot, _: &Stats| {
                leaker(seen).map_or(Vec::new(), |leaker| one(value(leaker)))
            }
        };
        self.counter(
            ["tidegate_leaker_passes", "Passes of leak processes"],
            counts(|leaker| leaker.passes),
        )?;
        self.counter(
            [
                "tidegate_leaked_permits",
                "Permits that they found to count no more",
            ],
            counts(|leaker| leaker.leaked),
        )?;
        self.counter(
            [
                "tidegate_repairs",
                "What they finished or mended that killed processes had left",
            ],
            counts(|leaker| leaker.repairs),
        )?;
        self.counter(
            [
                "tidegate_reclaimed_buckets",
                "Buckets that they took back from processes that had died",
            ],
            counts(|leaker| leaker.reclaimed),
        )
    }

    /// A gauge, for a key comes and goes.
    fn top_keys(&mut self, most: usize) -> fmt::Result {
        self.gauge(
            [
                "tidegate_key_refused_requests",
                "Refusals of the keys that are refused most, at most",
            ],
            move |_, stats| {
                let keys = stats.most_refused.iter().take(most);
                let label = |label: &[u8], is_whole: bool| {
                    let rest = if is_whole { "" } else { "…" };
                    vec![("key", format!("{}{rest}", shown(label)))]
                };
                // Long keys may look the same: a series must not be there twice.
                let mut samples: Vec<Sample<f64>> = Vec::new();
                for key in keys {
                    let labels = label(&key.label, key.is_whole);
                    match samples.iter_mut().find(|(known, _)| *known == labels) {
                        Some((_, refusals)) => *refusals += key.refusals as f64,
                        None => samples.push((labels, key.refusals as f64)),
                    }
                }
                samples
            },
        )
    }
}
