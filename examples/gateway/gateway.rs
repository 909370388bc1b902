//! The parent: makes the segment, starts the workers, and ends them.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, bail};
use tidegate::{Limiter, Rate};
use tidegate_examples::segment::OwnSegment;
use tokio::net::TcpSocket;

/// What a gateway is to be.
pub struct Options {
    pub workers: u16,
    pub rates: Vec<Rate>,
    pub clients: u64,
    pub port: u16,
}

/// What the parent waits for.
enum Event {
    /// The worker of that process id has ended.
    Ended(u32, ExitStatus),
    /// Ctrl-C.
    Interrupted,
}

/// Serves until it is interrupted.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let (sender, events) = channel();
    let interrupt = sender.clone();
    ctrlc::set_handler(move || drop(interrupt.send(Event::Interrupted)))?;

    let segment = OwnSegment::named_after("gateway");
    let limiter = Limiter::shared(segment.name())
        .rates(options.rates.iter().copied())
        .keys(options.clients)
        .create_only()
        .open()
        .context("cannot create the segment of the clients' limits")?;
    // Bound, and not listening: it keeps the port, and gets no connections.
    let (_keeper, address) = bind(options.port)?;
    let workers = (0..options.workers)
        .map(|_| Worker::start(segment.name(), address.port(), sender.clone()))
        .collect::<anyhow::Result<Vec<_>>>()?;

    let ids: Vec<String> = workers.iter().map(|w| w.id.to_string()).collect();
    let rates: Vec<String> = limiter.rates().iter().map(Rate::to_string).collect();
    println!("Serving http://{address}/ by processes {}", ids.join(", "));
    println!(
        "Each client (header `client`, or else the peer's address) may make {}",
        rates.join(" and ")
    );
    let outcome = watch(&events, workers.len());
    // Workers end with their standard input.
    let threads: Vec<_> = workers.into_iter().map(Worker::stop).collect();
    for thread in threads {
        // A thread that merely waits does not panic.
        let _ = thread.join();
    }
    outcome
}

/// Waits for the end: Ctrl-C, or that of the last worker.
fn watch(events: &Receiver<Event>, mut running: usize) -> anyhow::Result<()> {
    while running > 0 {
        match events.recv()? {
            Event::Interrupted => return Ok(()),
            Event::Ended(worker, status) => {
                running -= 1;
                println!("Worker {worker} ended: {status}; {running} go on");
            }
        }
    }
    bail!("no worker is left")
}

/// A socket on the port, which others may bind as well.
pub fn bind(port: u16) -> anyhow::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    // A port whose last connections are not quite over can be had again.
    socket.set_reuseaddr(true)?;
    let address = (Ipv4Addr::LOCALHOST, port).into();
    socket
        .bind(address)
        .with_context(|| format!("cannot use port {port}"))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// A worker process that listens.
struct Worker {
    id: u32,
    stdin: ChildStdin,
    waits: thread::JoinHandle<()>,
}

impl Worker {
    /// Starts one, and waits until it listens. When it has ended, `sender` is told.
    fn start(segment: &str, port: u16, sender: Sender<Event>) -> anyhow::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["work", segment, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C reaches the parent alone, which then ends its workers in order.
            .process_group(0)
            .spawn()
            .context("cannot start a worker")?;
        let stdin = child.stdin.take().context("standard input is piped")?;
        if !listens(&mut child) {
            bail!("a worker ended before it listened: {}", child.wait()?);
        }
        let id = child.id();
        let waits = thread::spawn(move || {
            if let Ok(status) = child.wait() {
                let _ = sender.send(Event::Ended(id, status));
            }
        });
        Ok(Self { id, stdin, waits })
    }

    /// Tells it to end, and returns the thread that waits for that.
    fn stop(self) -> thread::JoinHandle<()> {
        drop(self.stdin);
        self.waits
    }
}

/// Waits for the line by which a worker says that it listens.
fn listens(child: &mut Child) -> bool {
    let stdout = child.stdout.take();
    let line = stdout.and_then(|stdout| BufReader::new(stdout).lines().next());
    matches!(line, Some(Ok(_)))
}
