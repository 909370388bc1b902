//! A Redis or Valkey server in a folder of its own.
#![allow(unsafe_code, reason = "has a child die with its parent")]

use super::find;
use crate::common::process::{die_with_parent, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tidegate::redis::{self, Client, FromRedisValue};

/// A server that this test has started. Dropped, it is killed.
pub struct RedisServer {
    program: PathBuf,
    folder: PathBuf,
    options: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    child: Child,
    _made: Option<TempDir>,
}

impl RedisServer {
    /// Starts one, with options as on its command line; `None` if there is no such program.
    pub fn start(test: &str, options: &[&str]) -> Option<Self> {
        let made = tempfile::tempdir().unwrap();
        let folder = made.path().to_owned();
        let mut server = Self::start_in(&folder, test, options)?;
        server._made = Some(made);
        Some(server)
    }

    /// The same, in a folder of the test's.
    pub fn start_in(folder: &Path, test: &str, options: &[&str]) -> Option<Self> {
        Self::start_with(folder, test, options, &[])
    }

    /// The same, with more in its environment.
    pub fn start_with(
        folder: &Path,
        test: &str,
        options: &[&str],
        environment: &[(&'static str, PathBuf)],
    ) -> Option<Self> {
        let program = find(&["redis-server", "valkey-server"], test)?;
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let child = spawn(&program, folder, &options, environment);
        let server = Self {
            program,
            folder: folder.to_owned(),
            options,
            environment: environment.to_vec(),
            child,
            _made: None,
        };
        server.wait_until_up();
        Some(server)
    }

    /// Starts a node of a cluster, which is of itself alone as yet, on a port of the loopback
    /// interface.
    pub fn node(test: &str, port: u16) -> Option<Self> {
        let (port, bus) = (port.to_string(), (port + 1).to_string());
        let options = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus,
            "--cluster-node-timeout",
            "1000",
        ];
        Self::start(test, &options)
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        socket_in(&self.folder)
    }

    /// The same, for a client.
    pub fn address(&self) -> String {
        address_in(&self.folder)
    }

    /// Has it carry out a command, as its owner would.
    pub fn tell<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_tell(words).unwrap()
    }

    fn try_tell<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = Client::open(self.address())?.get_connection()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection)
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Ends it by that signal.
    pub fn end(&mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().unwrap();
    }

    /// Starts it again in the same folder.
    pub fn start_again(&mut self) {
        self.child = spawn(
            &self.program,
            &self.folder,
            &self.options,
            &self.environment,
        );
        self.wait_until_up();
    }

    fn wait_until_up(&self) {
        eventually("the server to start", || {
            match self.try_tell::<String>(&["PING"]) {
                Ok(_) => true,
                // It is up, and wants a password.
                Err(error) => error.code() == Some("NOAUTH"),
            }
        });
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a server in that folder listens.
pub fn address_in(folder: &Path) -> String {
    format!("redis+unix://{}", socket_in(folder).display())
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

fn spawn(
    program: &Path,
    folder: &Path,
    options: &[String],
    environment: &[(&'static str, PathBuf)],
) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("server.log"))
        .unwrap();
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .args(["--port", "0", "--unixsocket"])
        .arg(socket_in(folder))
        .args(["--save", ""])
        .args(options)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null());
    // SAFETY: between fork and exec it makes one system call, and allocates nothing.
    unsafe {
        command.pre_exec(|| {
            die_with_parent();
            Ok(())
        });
    }
    command.spawn().unwrap()
}
