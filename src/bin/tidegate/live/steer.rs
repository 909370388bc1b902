//! Orders, carried out by a limiter that is attached when the first is given.

use crate::args::Segment;
use crate::live::app::Whom;
use crate::live::input::Order;
use crate::output::brief;
use crate::shown::shown;
use tidegate::Limiter;

pub struct Steering<'a> {
    segment: &'a Segment,
    limiter: Option<Limiter>,
}

impl<'a> Steering<'a> {
    /// Nothing is attached yet.
    pub fn of(segment: &'a Segment) -> Self {
        Self {
            segment,
            limiter: None,
        }
    }

    /// Does it; what to say about it.
    pub fn obey(&mut self, order: &Order) -> String {
        let limiter = match &self.limiter {
            Some(limiter) => limiter,
            None => match self.segment.attach() {
                Ok(limiter) => self.limiter.insert(limiter),
                Err(failure) => return format!("it can only be looked at: {failure}"),
            },
        };
        match carry_out(limiter, order) {
            Ok(done) => done,
            Err(error) => format!("not done: {error}"),
        }
    }
}

fn carry_out(limiter: &Limiter, order: &Order) -> Result<String, Box<dyn std::error::Error>> {
    Ok(match order {
        Order::Pause(Whom::All, time) => {
            limiter.pause_all(*time)?;
            format!("everything is paused for {}", brief(*time))
        }
        Order::Pause(Whom::Key(key), time) => {
            limiter.pause(key, *time)?;
            format!("{} is paused for {}", shown(key), brief(*time))
        }
        Order::Resume(Whom::All) => match limiter.resume_all()? {
            true => "the pause of all has ended".to_owned(),
            false => "there was no pause of all".to_owned(),
        },
        Order::Resume(Whom::Key(key)) => match limiter.resume(key)? {
            true => format!("the pause of {} has ended", shown(key)),
            false => format!("{} was not paused", shown(key)),
        },
        Order::Flush(Whom::All) => {
            limiter.flush()?;
            "all permits are forgotten".to_owned()
        }
        Order::Flush(Whom::Key(key)) => {
            limiter.bucket(key).flush()?;
            format!("the permits of {} are forgotten", shown(key))
        }
    })
}
