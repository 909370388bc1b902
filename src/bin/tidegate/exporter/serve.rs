//! A small HTTP server for one page.

use crate::failure::Failure;
use crate::output::tell;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use tiny_http::{Header, Method, Request, Response};

/// What OpenMetrics prescribes.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// So many scrapers are answered at once.
const THREADS: usize = 2;

/// A server that goes on until its process ends.
pub struct Server {
    address: String,
}

impl Server {
    /// Answers at that address from now on.
    pub fn start(
        listen: SocketAddr,
        page: impl Fn() -> Result<String, fmt::Error> + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        let failed = |why: String| Failure::Listen {
            address: listen.to_string(),
            why,
        };
        let server = tiny_http::Server::http(listen).map_err(|error| failed(error.to_string()))?;
        let address = server.server_addr().to_string();
        let (server, page) = (Arc::new(server), Arc::new(page));
        for _ in 0..THREADS {
            let (server, page) = (server.clone(), page.clone());
            let run = move || {
                while let Ok(request) = server.recv() {
                    answer(request, &*page);
                }
                tell(&"no more requests can be received");
            };
            let name = "metrics".to_owned();
            let started = thread::Builder::new().name(name).spawn(run);
            started.map_err(|error| failed(error.to_string()))?;
        }
        Ok(Self { address })
    }

    /// Where it answers: with the port that the system chose, if that was left to it.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn answer(request: Request, page: &impl Fn() -> Result<String, fmt::Error>) {
    let path = request.url().split('?').next().unwrap_or_default();
    let (status, text, kind) = match (request.method(), path) {
        (Method::Get | Method::Head, "/metrics") => match page() {
            Ok(text) => (200, text, CONTENT_TYPE),
            Err(error) => (500, format!("{error}\n"), "text/plain"),
        },
        (Method::Get | Method::Head, "/") => {
            (200, "tidegate: see /metrics\n".to_owned(), "text/plain")
        }
        (Method::Get | Method::Head, _) => (404, "see /metrics\n".to_owned(), "text/plain"),
        _ => (405, "only GET and HEAD\n".to_owned(), "text/plain"),
    };
    let mut response = Response::from_string(text).with_status_code(status);
    if let Ok(header) = Header::from_bytes("Content-Type", kind) {
        response = response.with_header(header);
    }
    // Who asked may have gone away.
    let _ = request.respond(response);
}
