//! Every kind of bucket under the same work: processes, limits and weights.
//!
//! Writes `backends.md` and plots to `target/bench/`, or with `--docs` to `docs/benchmarks/`.

use std::path::Path;
use std::{env, fs, io};

use tidegate_backend_benches::field::Field;
use tidegate_backend_benches::figures::Run;
use tidegate_backend_benches::report;
use tidegate_benches::settings::Settings;

const PREFACE: &str = "\
# Kinds of buckets, compared

Written by `cargo bench --bench backends -- --docs`, on the machine named below.

All do the same work in one run, in turns: one contender after the other, in each round, every
other round backwards. Calling processes are pinned to the two cores, by turns; servers are not,
and share these cores with them. *Admit*: the limit is never reached. *Refuse*: the bucket is
full for an hour. Where processes are compared, that limit is 4,096.

As the limit grows, the admitting rate stays 100 million a second and its window grows, from a
microsecond on; a refusing bucket is full, with a grant for each permit or, beyond 10,000, with grants of some more. As the
weight grows, a limit of 10,000 is never reached. The locks have room for 4,096 permits, and know
no weights.

`tidegate, in memory` and governor are of one process only. governor keeps no log: it spreads
permits by a steady drip, and lets up to twice the limit through in one window. `PostgreSQL,
durable` has each grant on its disk before it answers. The others promise less or nothing to one
who loses power: SQLite and PostgreSQL with `synchronous_commit off` may forget the last moments,
and Redis here all (its server keeps nothing on disk).

";

fn main() -> io::Result<()> {
    let Some(mut settings) = Settings::of_stores(env!("CARGO_TARGET_TMPDIR"))? else {
        return Ok(());
    };
    if env::args().any(|argument| argument == "--docs") {
        settings.folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/benchmarks");
        fs::create_dir_all(&settings.folder)?;
    }
    let field = Field::open()?;
    let footnote = settings.footnote_on(&field.describe());
    let run = Run::measure(&field, &settings)?;
    let tables = report::write(&run, &settings)?;
    let text = format!("{PREFACE}{footnote}\n{tables}");
    print!("{text}");
    settings.write("backends.md", text.trim_end())
}
