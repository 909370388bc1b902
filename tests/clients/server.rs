//! A server on the loopback interface that logs what arrives, and answers as it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// What all answers say.
pub const BODY: &str = "tide tables";

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub path: String,
    /// When it was there as a whole.
    pub at: Instant,
    /// When it was about to be answered.
    pub answered: Instant,
}

/// Runs until the process ends.
pub struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Arrival>>>,
}

impl Server {
    /// Answers a path with a status, and lines of headers.
    pub fn new(answer: impl Fn(&str) -> (u16, Vec<String>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Mutex<Vec<Arrival>>>::default();
        let (answer, entries) = (Arc::new(answer), log.clone());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (answer, entries) = (answer.clone(), entries.clone());
                thread::spawn(move || serve(&connection.unwrap(), &*answer, &entries));
            }
        });
        Self { address, log }
    }

    /// Answers everything with the same.
    pub fn always(status: u16, headers: &[&str]) -> Self {
        let headers: Vec<String> = headers.iter().map(|&line| line.into()).collect();
        Self::new(move |_| (status, headers.clone()))
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self, path: &str) -> String {
        url(self.port(), path)
    }

    /// The key that its requests have by default.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// What has arrived so far, in that order.
    pub fn log(&self) -> Vec<Arrival> {
        let mut log = self.log.lock().unwrap().clone();
        log.sort_by_key(|arrival| arrival.at);
        log
    }

    pub fn arrivals(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

pub fn url(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

/// Answers one request, and hangs up.
fn serve(
    mut connection: &TcpStream,
    answer: &dyn Fn(&str) -> (u16, Vec<String>),
    log: &Mutex<Vec<Arrival>>,
) {
    let mut lines = BufReader::new(connection).lines().map(|line| line.unwrap());
    let first = lines.next().unwrap();
    assert!(lines.any(|line| line.is_empty()), "half a request");
    let at = Instant::now();
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let (status, headers) = answer(&path);
    let answered = Instant::now();
    log.lock().unwrap().push(Arrival { path, at, answered });
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = BODY.len();
    // Who has gone meanwhile gets no answer.
    let _ = write!(
        connection,
        "HTTP/1.1 {status} so\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{BODY}"
    );
}
