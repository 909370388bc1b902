//! A worker: one thread that serves HTTP behind the limiter that all workers share.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::process;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use axum::extract::{ConnectInfo, Extension};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use tidegate::Limiter;
use tidegate::tower::{Granted, RateLimitLayer};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::gateway::bind;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long requests that are under way may take to end when the worker is to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves on the port, limited by the segment, until standard input ends.
pub fn work(segment: &str, port: u16) -> anyhow::Result<()> {
    let limiter = Limiter::shared(segment).attach_only().adopt().open()?;
    let app = Router::new()
        .route("/", get(home))
        .layer(RateLimitLayer::new(limiter).key(client))
        .layer(middleware::map_response(sign));
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(app, port))
        .context("the worker stopped")
}

async fn serve(app: Router, port: u16) -> anyhow::Result<()> {
    let listener: TcpListener = bind(port)?.0.listen(BACKLOG)?;
    println!("listening");
    let (stop, stopped) = oneshot::channel::<()>();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(stop);
        // Requests under way may end, if they do.
        thread::sleep(PATIENCE);
        process::exit(1);
    });
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move { drop(stopped.await) })
        .await?;
    Ok(())
}

/// Who a request is from: what the client says, or else its address.
fn client(parts: &Parts) -> Option<Vec<u8>> {
    if let Some(client) = parts.headers.get("client") {
        return Some(client.as_bytes().to_vec());
    }
    let peer: Option<&ConnectInfo<SocketAddr>> = parts.extensions.get();
    Some(peer.map_or_else(Vec::new, |peer| peer.ip().to_string().into()))
}

/// Answers with the instant at which the request was granted, in microseconds on the
/// limiter's clock.
async fn home(granted: Extension<Granted>) -> impl IntoResponse {
    let at = granted.at.as_micros();
    ([("granted-at", at.to_string())], "hello\n")
}

/// Says on every response which process it is from.
async fn sign(mut response: Response) -> Response {
    let worker = process::id().into();
    response.headers_mut().insert("worker", worker);
    response
}
