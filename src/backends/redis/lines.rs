//! Connections for those who block: each question has one for itself, and puts it back for
//! the next. There are as many as questions were ever asked at once.

use super::fault::Fault;
use super::script::Script;
use redis::{Client, Cmd, Connection, RedisResult, Value, cmd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A connection that has rested for so long is tried before it is trusted: it may have been cut
/// meanwhile, and then it would be the question of which one does not know what became of it.
pub const REST: Duration = Duration::from_secs(1);

/// The connections of one process that nobody uses now.
#[derive(Default)]
pub struct Lines(Mutex<Vec<Line>>);

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
        while let Some(mut line) = self.take() {
            // One that was cut, as far as it shows: the server has not heard all of it.
            if line.connection.send_packed_command(&command).is_ok() {
                return self.hear(line);
            }
        }
        let connection = server.connect().map_err(Fault::unheard)?;
        let used = Instant::now();
        let mut line = Line { connection, used };
        let sent = line.connection.send_packed_command(&command);
        sent.map_err(Fault::unheard)?;
        self.hear(line)
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the server is, and how long one waits for it.
pub struct Server {
    pub client: Client,
    pub patience: Duration,
}

impl Server {
    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(self.patience)?;
        connection.set_read_timeout(Some(self.patience))?;
        connection.set_write_timeout(Some(self.patience))?;
        Ok(connection)
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
