//! Connections for those who block: each question has one for itself, and puts it back for
//! the next. There are as many as questions were ever asked at once.

use super::fault::Fault;
use super::node::{NOWHERE, Node, Server, WAYS};
use super::script::Script;
use redis::{Client, Cmd, Connection, RedisResult, Value, cmd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A connection that has rested for so long is tried before it is trusted: it may have been cut
/// meanwhile, and then it would be the question of which one does not know what became of it.
pub const REST: Duration = Duration::from_secs(1);

/// The connections of one process that nobody uses now, all to one node.
#[derive(Default)]
pub struct Lines {
    free: Mutex<Vec<Line>>,
    node: Node,
}

struct Line {
    connection: Connection,
    used: Instant,
}

impl Lines {
    /// Runs a script, which the server is told in full if it does not know it.
    pub fn run(
        &self,
        server: &Server,
        script: &Script,
        keys: &[Vec<u8>],
        add_arguments: impl Fn(&mut Cmd),
    ) -> Result<Value, Fault> {
        let mut command = script.by_hash(keys);
        add_arguments(&mut command);
        match self.ask(server, &command) {
            Err(fault) if fault.is_unknown_script() => {}
            other => return other,
        }
        let mut command = script.in_full(keys);
        add_arguments(&mut command);
        self.ask(server, &command)
    }

    /// Has the server carry out a command, once at most.
    pub fn ask(&self, server: &Server, command: &Cmd) -> Result<Value, Fault> {
        let command = command.get_packed_command();
        let mut ways = 0;
        loop {
            let answer = self.ask_once(server, &command);
            ways += 1;
            match &answer {
                Err(fault) if ways < WAYS && fault.moved_to().is_some() => {
                    self.node.follow(server, fault)?;
                    self.close();
                }
                _ => return answer,
            }
        }
    }

    fn ask_once(&self, server: &Server, command: &[u8]) -> Result<Value, Fault> {
        while let Some(mut line) = self.take() {
            // One that was cut, as far as it shows: the server has not heard all of it.
            if line.connection.send_packed_command(command).is_ok() {
                return self.hear(line);
            }
        }
        let mut line = self.connect(server)?;
        let sent = line.connection.send_packed_command(command);
        sent.map_err(Fault::unheard)?;
        self.hear(line)
    }

    fn connect(&self, server: &Server) -> Result<Line, Fault> {
        let mut failed = None;
        for client in self.node.candidates(server) {
            match server.connect(&client) {
                Ok(line) => return Ok(line),
                Err(error) => failed = self.node.missed(error, failed),
            }
        }
        Err(Fault::unheard(failed.unwrap_or(NOWHERE.into())))
    }

    /// Closes those that nobody uses.
    pub fn close(&self) {
        self.all().clear();
    }

    fn take(&self) -> Option<Line> {
        loop {
            let mut line = self.all().pop()?;
            if line.used.elapsed() < REST || answers(&mut line, &cmd("PING").get_packed_command()) {
                return Some(line);
            }
        }
    }

    fn hear(&self, mut line: Line) -> Result<Value, Fault> {
        let answer = receive(&mut line.connection).map_err(Fault::after_sending);
        if answer
            .as_ref()
            .map_or_else(Fault::spares_connection, |_| true)
        {
            line.used = Instant::now();
            self.all().push(line);
        }
        answer
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        // Nobody leaves it half changed.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    fn connect(&self, client: &Client) -> RedisResult<Line> {
        let connection = client.get_connection_with_timeout(self.patience)?;
        connection.set_read_timeout(Some(self.patience))?;
        connection.set_write_timeout(Some(self.patience))?;
        let used = Instant::now();
        Ok(Line { connection, used })
    }
}

fn answers(line: &mut Line, command: &[u8]) -> bool {
    let sent = line.connection.send_packed_command(command);
    sent.is_ok() && receive(&mut line.connection).is_ok()
}

/// The next answer, but for what the server says unasked.
fn receive(connection: &mut Connection) -> RedisResult<Value> {
    loop {
        match connection.recv_response()? {
            Value::Push { .. } => {}
            answer => return answer.extract_error(),
        }
    }
}
