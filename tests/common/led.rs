//! A process that is led through a call step by step, by ptrace: to stop it or kill it at
//! a place that no chance would find.

use super::chance::Chance;
use super::process::Process;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};

/// What a step is.
#[derive(Clone, Copy)]
pub enum Pace {
    /// One instruction.
    Instruction,
    /// To where the next system call begins, or ends.
    SystemCall,
}

/// A process that stands before a call, or in it.
pub struct Led {
    process: Process,
    pace: Pace,
}

impl Led {
    /// Leads a child to the call, which it makes between two stops. As with
    /// [`Process::fork`], there must be no other threads.
    pub fn to(pace: Pace, call: impl FnOnce()) -> Self {
        Self::after(pace, || (), call)
    }

    /// The same, for a child that does something else before, in its own time.
    pub fn after(pace: Pace, before: impl FnOnce(), call: impl FnOnce()) -> Self {
        let process = Process::fork(|| {
            before();
            ptrace::traceme().unwrap();
            raise(Signal::SIGSTOP).unwrap();
            call();
            raise(Signal::SIGSTOP).unwrap();
        });
        let led = Self { process, pace };
        assert!(!led.is_midway());
        led
    }

    /// Lets it do one step; whether the call goes on.
    pub fn step(&self) -> bool {
        let pid = self.process.pid();
        match self.pace {
            Pace::Instruction => ptrace::step(pid, None).unwrap(),
            Pace::SystemCall => ptrace::syscall(pid, None).unwrap(),
        }
        self.is_midway()
    }

    /// The same, at another pace from here on.
    pub fn at(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Lets it make its way to the end of the call.
    pub fn go_on(&self) {
        ptrace::cont(self.process.pid(), None).unwrap();
        assert!(!self.is_midway());
    }

    pub fn kill(mut self) {
        self.process.kill();
    }

    fn is_midway(&self) -> bool {
        match waitpid(self.process.pid(), None).unwrap() {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => true,
            WaitStatus::Stopped(_, Signal::SIGSTOP) => false,
            other => panic!("{other:?}"),
        }
    }
}

/// Kills a call at every one of its steps, each time after `prepare`, and has `examine`
/// see what is left. Returns the number of steps.
pub fn kill_at_every_step(
    pace: Pace,
    prepare: impl Fn(),
    call: impl Fn(),
    examine: impl Fn(usize),
) -> usize {
    for steps in 0.. {
        prepare();
        let led = Led::to(pace, &call);
        let is_midway = (0..steps).all(|_| led.step());
        led.kill();
        examine(steps);
        if !is_midway {
            return steps;
        }
    }
    unreachable!()
}

/// About so many instructions, from the first of a call to the last.
pub fn instructions(led: Led, stops: u64) -> impl Iterator<Item = usize> {
    let length = (1..).take_while(|_| led.step()).count();
    let mut chance = Chance::new();
    let mut next = move || 1 + chance.below(2 * length as u64 / stops) as usize;
    std::iter::successors(Some(0), move |at| Some(at + next())).take_while(move |&at| at < length)
}
