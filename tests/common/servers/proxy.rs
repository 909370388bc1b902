//! What stands between a client and its server, and cuts connections when it is told to.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use tempfile::TempDir;

/// A socket that passes all on to another.
pub struct Proxy {
    folder: TempDir,
    fate: Arc<Fate>,
}

/// What is to become of what passes.
#[derive(Default)]
struct Fate {
    /// The next request is passed on, and its answer is not: the connection is cut.
    drop_answer: AtomicBool,
    /// The next request is not passed on: the connection is cut.
    drop_request: AtomicBool,
    connections: AtomicU64,
}

impl Proxy {
    /// One before the server at that socket.
    pub fn before(server: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket_in(folder.path())).unwrap();
        let fate = Arc::new(Fate::default());
        let shared = fate.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), server.clone());
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let fate = shared.clone();
                thread::spawn(move || {
                    if let Ok(server) = UnixStream::connect(server) {
                        pass_on(client, server, fate);
                    }
                });
            }
        });
        Self { folder, fate }
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        socket_in(self.folder.path())
    }

    /// The same, for a client of Redis.
    pub fn redis_address(&self) -> String {
        format!("redis+unix://{}", socket_in(self.folder.path()).display())
    }

    /// Cuts the connection after the next request, before its answer.
    pub fn drop_next_answer(&self) {
        self.fate.drop_answer.store(true, Ordering::Relaxed);
    }

    /// Cuts the connection before the next request reaches the server.
    pub fn drop_next_request(&self) {
        self.fate.drop_request.store(true, Ordering::Relaxed);
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.fate.connections.load(Ordering::Relaxed)
    }
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("proxy.sock")
}

fn pass_on(client: UnixStream, server: UnixStream, fate: Arc<Fate>) {
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let answers = {
        let fate = fate.clone();
        thread::spawn(move || {
            copy(&mut from_server, &mut to_client, || {
                !fate.drop_answer.swap(false, Ordering::Relaxed)
            });
        })
    };
    copy(&mut from_client, &mut to_server, || {
        !fate.drop_request.swap(false, Ordering::Relaxed)
    });
    let _ = answers.join();
}

/// Passes on what comes, until there is no more or `may` says no; then both sides are cut.
fn copy(from: &mut UnixStream, to: &mut UnixStream, may: impl Fn() -> bool) {
    let mut buffer = [0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(length) if length > 0 && may() && to.write_all(&buffer[..length]).is_ok() => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
