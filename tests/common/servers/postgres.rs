//! A PostgreSQL server in a folder of its own.
#![allow(unsafe_code, reason = "has a child die with its parent")]

use super::find;
use crate::common::process::{die_with_parent, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown, geteuid};
use std::fs::{self, File};
use std::mem;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};
use tokio::runtime;
use tokio::time::timeout;

/// A server that this test has started. Dropped, it is killed.
pub struct PostgresServer {
    program: PathBuf,
    folder: PathBuf,
    options: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    child: Child,
    _made: Option<TempDir>,
}

impl PostgresServer {
    /// Starts one, with settings as on its command line; `None` if there is no such program.
    pub fn start(test: &str, settings: &[&str]) -> Option<Self> {
        let made = tempfile::tempdir().unwrap();
        let folder = made.path().to_owned();
        let mut server = Self::start_in(&folder, test, settings)?;
        server._made = Some(made);
        Some(server)
    }

    /// The same, for as long as this process lives. Somebody else clears up after it.
    pub fn start_for_all(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = Self::start_in(folder.path(), test, &[])?;
        let mut sweeper = Command::new("sh");
        sweeper
            .args(["-c", "cat; sleep 1; rm -rf \"$1\"", "sweeper"])
            .arg(folder.keep())
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        // What it reads from is closed when this process is gone.
        mem::forget(sweeper.spawn().unwrap());
        Some(server)
    }

    /// The same, in a folder of the test's, of which it makes a part its own.
    pub fn start_in(folder: &Path, test: &str, settings: &[&str]) -> Option<Self> {
        Self::start_with(folder, test, settings, &[])
    }

    /// The same, with more in its environment.
    pub fn start_with(
        folder: &Path,
        test: &str,
        settings: &[&str],
        environment: &[(&'static str, PathBuf)],
    ) -> Option<Self> {
        // The others of its kind are beside the program itself, and not beside a link to it.
        let program = fs::canonicalize(find(&["postgres"], test)?).unwrap();
        let folder = server_folder(folder);
        make_own(&folder);
        run(&program, "initdb", &folder, &INITDB);
        Some(Self::serve(program, folder, settings, environment))
    }

    /// The same, with a certificate and its key, for those who come by a port of the loopback
    /// interface.
    pub fn start_encrypted(test: &str, port: u16, certificate: &str, key: &str) -> Option<Self> {
        let program = fs::canonicalize(find(&["postgres"], test)?).unwrap();
        let made = tempfile::tempdir().unwrap();
        let folder = server_folder(made.path());
        make_own(&folder);
        run(&program, "initdb", &folder, &INITDB);
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = folder.join("data").join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some(user) = drop_to() {
                chown(&file, Some(user.uid), Some(user.gid)).unwrap();
            }
        }
        // Its socket is called after the port.
        symlink(format!(".s.PGSQL.{port}"), folder.join(SOCKET)).unwrap();
        let port = format!("port={port}");
        let settings = ["listen_addresses=127.0.0.1", &port, "ssl=on"];
        let mut server = Self::serve(program, folder, &settings, &[]);
        server._made = Some(made);
        Some(server)
    }

    /// A standby of this server, in a folder of its own.
    pub fn standby(&self) -> Self {
        let made = tempfile::tempdir().unwrap();
        let folder = server_folder(made.path());
        make_own(&folder);
        let host = self.folder.display().to_string();
        let copy = [
            "-h", &host, "-U", "tester", "-R", "-X", "stream", "-c", "fast", "-D", "data",
        ];
        run(&self.program, "pg_basebackup", &folder, &copy);
        let mut standby = Self::serve(self.program.clone(), folder, &[], &[]);
        standby._made = Some(made);
        standby
    }

    fn serve(
        program: PathBuf,
        folder: PathBuf,
        settings: &[&str],
        environment: &[(&'static str, PathBuf)],
    ) -> Self {
        let options: Vec<String> = settings.iter().map(ToString::to_string).collect();
        let child = spawn(&program, &folder, &options, environment);
        let mut server = Self {
            program,
            folder,
            options,
            environment: environment.to_vec(),
            child,
            _made: None,
        };
        server.bring_up();
        server
    }

    /// Where it listens, for a client: as its owner, with no password.
    pub fn address(&self) -> String {
        address_at(&self.folder)
    }

    /// The same, by way of a proxy's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }

    /// Has it carry out statements, as its owner would, and answer with the first value.
    pub fn tell(&self, statements: &str) -> String {
        self.try_tell(statements).unwrap()
    }

    pub fn try_tell(&self, statements: &str) -> Result<String, Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let client = connect(&self.address()).await?;
            let answers = client.simple_query(statements).await?;
            let value = answers.iter().find_map(|answer| match answer {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            Ok(value.unwrap_or_default().to_owned())
        })
    }

    /// Puts a rule of who is let in, and how, before the others. It holds before long.
    pub fn let_in(&self, rule: &str) {
        let file = self.folder.join("data/pg_hba.conf");
        let rules = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{rule}\n{rules}")).unwrap();
        assert_eq!(self.tell("SELECT pg_reload_conf()"), "t");
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Ends it by that signal: SIGKILL is a crash, SIGINT ends connections in good order.
    pub fn end(&mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().unwrap();
    }

    /// Starts it again in the same folder.
    pub fn start_again(&mut self) {
        self.spawn();
        self.bring_up();
    }

    fn spawn(&mut self) {
        self.child = spawn(
            &self.program,
            &self.folder,
            &self.options,
            &self.environment,
        );
    }

    fn bring_up(&mut self) {
        eventually("the server to start", || {
            if self.child.try_wait().unwrap().is_some() {
                // It does not start before its forerunner's last session is gone.
                self.spawn();
            }
            match self.try_tell("SELECT 1") {
                Ok(_) => true,
                // It is up, and wants a password.
                Err(error) => error.to_string().contains("configuration"),
            }
        });
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // An orderly end, but quick: so it ends its own children, too.
        let _ = kill(
            Pid::from_raw(self.child.id().try_into().unwrap()),
            Signal::SIGQUIT,
        );
        let _ = self.child.wait();
    }
}

/// How its files are made.
const INITDB: [&str; 9] = [
    "-D", "data", "-U", "tester", "-A", "trust", "-N", "-E", "UTF8",
];

const SOCKET: &str = ".s.PGSQL.5432";

/// Where a server in that folder of a test listens.
pub fn address_in(folder: &Path) -> String {
    address_at(&server_folder(folder))
}

/// Where a client finds what listens at some other socket.
pub fn address_of_socket(socket: &Path) -> String {
    let folder = socket.parent().unwrap();
    let link = folder.join(SOCKET);
    if !link.exists() {
        symlink(socket, link).unwrap();
    }
    address_at(folder)
}

fn address_at(folder: &Path) -> String {
    format!("host={} user=tester dbname=postgres", folder.display())
}

fn server_folder(folder: &Path) -> PathBuf {
    folder.join("postgres")
}

/// The server does not run as root: who it runs as then.
fn drop_to() -> Option<User> {
    let find = |name| User::from_name(name).unwrap();
    geteuid()
        .is_root()
        .then(|| find("postgres").or_else(|| find("nobody")).unwrap())
}

fn make_own(folder: &Path) {
    fs::create_dir(folder).unwrap();
    if let Some(user) = drop_to() {
        chown(folder, Some(user.uid), Some(user.gid)).unwrap();
        // It has to get there.
        let parent = folder.parent().unwrap();
        fs::set_permissions(parent, fs::Permissions::from_mode(0o711)).unwrap();
    }
}

fn command(program: &Path, name: &str, folder: &Path) -> Command {
    let mut command = Command::new(program.with_file_name(name));
    command
        .current_dir(folder)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    if let Some(user) = drop_to() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn run(program: &Path, name: &str, folder: &Path, options: &[&str]) {
    let output = command(program, name, folder)
        .args(options)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
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
    let mut command = command(program, "postgres", folder);
    command
        .args(["-D", "data", "-k"])
        .arg(folder)
        .args(["-c", "listen_addresses=", "-c", "fsync=off"])
        .args(["-c", "shared_buffers=16MB", "-c", "max_connections=60"])
        .args(options.iter().flat_map(|setting| ["-c", setting]))
        .envs(environment.iter().cloned())
        .stdout(Stdio::null())
        .stderr(log);
    // SAFETY: between fork and exec it makes one system call, and allocates nothing.
    unsafe {
        command.pre_exec(|| {
            die_with_parent();
            Ok(())
        });
    }
    // The parent that it dies with is a thread: so not one that ends with a test.
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        sender.send(command.spawn().unwrap()).unwrap();
        loop {
            thread::park();
        }
    });
    receiver.recv().unwrap()
}

/// A client that is not a bucket's.
async fn connect(address: &str) -> Result<Client, Error> {
    let (client, connection) = timeout(
        Duration::from_secs(10),
        tidegate::tokio_postgres::connect(address, NoTls),
    )
    .await
    .unwrap()?;
    tokio::spawn(connection);
    Ok(client)
}
