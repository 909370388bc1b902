//! The web server, a process of its own: serves a folder, and logs every arrival.
//!
//! It is several hosts, each with an address of its own, and each answers for every path.
//! It knows nothing of the limit that its visitors keep: its log is the independent
//! witness of what really arrived.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_http::services::ServeDir;

use super::clock;
use super::wire::{Arrival, Served, tell, until_stopped};

/// Serves `root` as so many `hosts` of the loopback interface until standard input ends.
pub fn serve(root: &Path, hosts: u8) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(listen(root, hosts)))
        .context("the web server stopped")
}

async fn listen(root: &Path, hosts: u8) -> io::Result<()> {
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    for host in 1..=hosts {
        let listener = bind(host).await?;
        addresses.push(listener.local_addr()?);
        listeners.push(listener);
    }
    tell(&Served::Listening(addresses))?;

    let (running, stopped) = watch::channel(());
    tokio::task::spawn_blocking(move || {
        until_stopped();
        drop(running);
    });
    let mut servers = JoinSet::new();
    for (host, listener) in listeners.into_iter().enumerate() {
        let app = Router::new()
            .fallback_service(ServeDir::new(root))
            .layer(middleware::from_fn_with_state(host, log));
        // Where this fails, answers are a little late, and nothing worse.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let mut stopped = stopped.clone();
        let server = axum::serve(listener, app).with_graceful_shutdown(async move {
            let _ = stopped.changed().await;
        });
        servers.spawn(server.into_future());
    }
    while let Some(ended) = servers.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

/// A free port of the host's own address; or, on a system whose loopback interface has
/// but one address, of that.
async fn bind(host: u8) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), 0)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
        }
        outcome => outcome,
    }
}

async fn log(State(host): State<usize>, request: Request, next: Next) -> Response {
    let mut entry = Entry(Arrival {
        at: clock::micros(),
        host,
        path: request.uri().to_string(),
        status: None,
    });
    let response = next.run(request).await;
    entry.0.status = Some(response.status().as_u16());
    response
}

/// Logs on drop: a request counts as arrived also when its client dies before the
/// answer, and the answer is then never finished.
struct Entry(Arrival);

impl Drop for Entry {
    fn drop(&mut self) {
        // Without a parent there is nobody to tell, and the server is about to end.
        let _ = tell(&Served::Arrival(self.0.clone()));
    }
}
