//! The tables of a bucket, and what is asked of them.
//!
//! ```text
//!  P_bucket   one row: rates, queue, clock, and what holds for all names
//!  P_names    a row for each name; one for all names, unless the bucket keeps them apart
//!  P_grants   a row for each grant, whatever its weight, by the number of its last permit
//!  P_voids    a row for each time that permits were given back
//! ```
//!
//! A name's permits are numbered in the order in which they were given, and a grant's row
//! carries `end`, the number after its last one: the running total of weights. So the n-th
//! newest permit is found by one search in the primary key, and a grant of any weight is
//! one row.
//!
//! Permits that were given back keep their numbers, and count no more. Those that count are
//! numbered again, without them: `P_voids` tells, for each gap, where it begins by either
//! numbering, and how many were given back up to its end. So the one number is found from
//! the other by one search, too; and it takes a write for each later gap to give back.
//!
//! ```text
//!   number       0    1    2    3    4    5    6    7
//!              ├────┬────────────┬────┬─────────┬────┤
//!   grants     │  A │     B      │ C  │    D    │ E  │     end: A 1, B 4, C 5, D 7, E 8
//!              └────┴───────░░░░░┴────┴─────────┴────┘
//!   that count   0    1              2    3    4    5      void: start 2, live 2, skipped 2
//! ```

/// The layout of the tables.
pub const FORMAT: u64 = 1;

/// The text of each statement.
#[derive(Debug)]
pub struct Sql {
    pub prefix: String,
    pub create: String,
    pub exists: String,
    pub bucket: String,
    pub make_bucket: String,
    pub make_common: String,
    pub set_seen: String,
    pub note_seen: String,
    pub set_terms: String,
    pub terms: String,
    pub head: String,
    pub state: String,
    pub name: String,
    pub make_name: String,
    pub pause_all: String,
    pub pause_name: String,
    pub resume_all: String,
    pub resume_name: String,
    pub set_voided: String,
    pub newest: String,
    pub oldest: String,
    pub holding: String,
    pub add: String,
    pub position: String,
    pub gap_before: String,
    pub add_gap: String,
    pub shift_gaps: String,
    pub oldest_rows: String,
    pub drop_rows: String,
    pub drop_gaps: String,
    pub drop_all_rows: String,
    pub drop_all_gaps: String,
    pub names_after: String,
    pub drop_name: String,
    pub keep_bounds: String,
    pub set_sweep: String,
    pub flush_grants: String,
    pub flush_voids: String,
    pub flush_names: String,
}

impl Sql {
    /// The statements for tables whose names begin with `prefix`: letters, digits, underscores.
    pub fn new(prefix: &str, is_keyed: bool) -> Self {
        let text = |template: &str| template.replace("P_", &format!("{prefix}_"));
        let own = if is_keyed {
            "n.name = ?1"
        } else {
            "n.id = 0 AND ?1 IS NOT NULL"
        };
        Self {
            prefix: prefix.to_owned(),
            create: text(CREATE),
            exists: text(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'P_bucket'",
            ),
            bucket: text(
                "SELECT format, is_keyed, clock, boot, shift, seen_wall, seen FROM P_bucket WHERE id = 1",
            ),
            make_bucket: text(
                "INSERT INTO P_bucket (id, format, is_keyed, clock, rates, queue) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            ),
            make_common: text("INSERT INTO P_names (id, name) VALUES (0, x'')"),
            set_seen: text(
                "UPDATE P_bucket SET boot = ?1, shift = ?2, seen_wall = ?3, seen = ?4 WHERE id = 1",
            ),
            note_seen: text("UPDATE P_bucket SET seen_wall = ?1, seen = ?2 WHERE id = 1"),
            set_terms: text(
                "UPDATE P_bucket SET rates = ?1, queue = ?2, version = version + 1 WHERE id = 1",
            ),
            terms: text("SELECT version, rates, queue FROM P_bucket WHERE id = 1"),
            head: text(&format!(
                "SELECT b.version, b.paused_until, b.next, b.latest, b.seen, n.id, n.paused_until, n.voided \
                 FROM P_bucket b LEFT JOIN P_names n ON {own} WHERE b.id = 1"
            )),
            state: text("SELECT next, sweep FROM P_bucket WHERE id = 1"),
            name: text(&format!("SELECT n.id FROM P_names n WHERE {own}")),
            make_name: text("INSERT INTO P_names (name) VALUES (?1)"),
            pause_all: text(
                "UPDATE P_bucket SET paused_until = max(paused_until, ?1) WHERE id = 1",
            ),
            pause_name: text(
                "UPDATE P_names SET paused_until = max(paused_until, ?2) WHERE id = ?1",
            ),
            resume_all: text(
                "UPDATE P_bucket SET paused_until = 0 WHERE id = 1 AND paused_until > ?1",
            ),
            resume_name: text(&format!(
                "UPDATE P_names AS n SET paused_until = 0 WHERE {own} AND paused_until > ?2"
            )),
            set_voided: text("UPDATE P_names SET voided = ?2 WHERE id = ?1"),
            newest: text(
                "SELECT end, at, wait FROM P_grants WHERE name = ?1 ORDER BY end DESC LIMIT 1",
            ),
            oldest: text("SELECT end - weight FROM P_grants WHERE name = ?1 ORDER BY end LIMIT 1"),
            holding: text(
                "SELECT end, at, weight FROM P_grants WHERE name = ?1 AND end > ?2 ORDER BY end LIMIT 1",
            ),
            add: text(
                "INSERT INTO P_grants (name, end, at, weight, wait) VALUES (?1, ?2, ?3, ?4, ?5)",
            ),
            position: text(
                "SELECT skipped FROM P_voids WHERE name = ?1 AND live <= ?2 ORDER BY live DESC, start DESC LIMIT 1",
            ),
            gap_before: text(
                "SELECT live, skipped FROM P_voids WHERE name = ?1 AND start < ?2 ORDER BY start DESC LIMIT 1",
            ),
            add_gap: text(
                "INSERT INTO P_voids (name, start, live, skipped) VALUES (?1, ?2, ?3, ?4)",
            ),
            shift_gaps: text(
                "UPDATE P_voids SET live = live - ?3, skipped = skipped + ?3 WHERE name = ?1 AND start > ?2",
            ),
            oldest_rows: text("SELECT end, at FROM P_grants WHERE name = ?1 ORDER BY end LIMIT ?2"),
            drop_rows: text("DELETE FROM P_grants WHERE name = ?1 AND end <= ?2"),
            drop_gaps: text(
                "DELETE FROM P_voids WHERE name = ?1 AND start < \
                 (SELECT max(start) FROM P_voids WHERE name = ?1 AND start <= ?2)",
            ),
            drop_all_rows: text("DELETE FROM P_grants WHERE name = ?1"),
            drop_all_gaps: text("DELETE FROM P_voids WHERE name = ?1"),
            names_after: text(
                "SELECT id, paused_until, voided FROM P_names WHERE id > ?1 ORDER BY id LIMIT ?2",
            ),
            drop_name: text("DELETE FROM P_names WHERE id = ?1"),
            keep_bounds: text(
                "UPDATE P_bucket SET next = max(next, ?1), latest = max(latest, ?2) WHERE id = 1",
            ),
            set_sweep: text("UPDATE P_bucket SET sweep = ?1 WHERE id = 1"),
            flush_grants: text("DELETE FROM P_grants"),
            flush_voids: text("DELETE FROM P_voids"),
            flush_names: text("UPDATE P_names SET voided = 0 WHERE voided > 0"),
        }
    }
}

/// Times are in microseconds on the bucket's clock.
const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS P_bucket (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        format INTEGER NOT NULL,
        is_keyed INTEGER NOT NULL,
        clock TEXT NOT NULL,
        rates TEXT NOT NULL,                        -- limit/interval ...
        queue INTEGER NOT NULL,
        version INTEGER NOT NULL DEFAULT 1,         -- of rates and queue
        paused_until INTEGER NOT NULL DEFAULT 0,    -- all names
        next INTEGER NOT NULL DEFAULT 0,            -- a name's first permit has this number
        latest INTEGER NOT NULL DEFAULT 0,          -- the time of what was forgotten
        sweep INTEGER NOT NULL DEFAULT -1,          -- names up to here were looked at
        boot BLOB,
        shift INTEGER NOT NULL DEFAULT 0,           -- from the boot-time clock
        seen_wall INTEGER NOT NULL DEFAULT 0,
        seen INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE IF NOT EXISTS P_names (
        id INTEGER PRIMARY KEY,
        name BLOB NOT NULL UNIQUE,
        paused_until INTEGER NOT NULL DEFAULT 0,
        voided INTEGER NOT NULL DEFAULT 0           -- permits in all gaps
    ) STRICT;
    CREATE TABLE IF NOT EXISTS P_grants (
        name INTEGER NOT NULL,
        end INTEGER NOT NULL,
        at INTEGER NOT NULL,
        weight INTEGER NOT NULL,
        wait INTEGER NOT NULL,
        PRIMARY KEY (name, end)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS P_voids (
        name INTEGER NOT NULL,
        start INTEGER NOT NULL,
        live INTEGER NOT NULL,
        skipped INTEGER NOT NULL,
        PRIMARY KEY (name, start)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS P_voids_live ON P_voids (name, live, start);
";
