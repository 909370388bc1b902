//! The web server, a process of its own: serves a folder, and logs every arrival.
//!
//! It knows nothing of the limit that its visitors keep: its log is the independent
//! witness of what really arrived.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

use super::clock;
use super::wire::{Arrival, Served, tell, until_stopped};

/// Serves `root` on a free port of the loopback interface until standard input ends.
pub fn serve(root: &Path) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(listen(root)))
        .context("the web server stopped")
}

async fn listen(root: &Path) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    tell(&Served::Listening(listener.local_addr()?))?;
    let app = Router::new()
        .fallback_service(ServeDir::new(root))
        .layer(middleware::from_fn(log));
    // Where this fails, answers are a little late, and nothing worse.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            let _ = tokio::task::spawn_blocking(until_stopped).await;
        })
        .await
}

async fn log(request: Request, next: Next) -> Response {
    let mut entry = Entry(Arrival {
        at: clock::micros(),
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
