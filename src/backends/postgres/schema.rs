//! What is in the schema, and how it gets there.

use super::fault::{Fault, PostgresError};
use super::keys::lock;
use deadpool_postgres::Object;

/// The number of this layout of tables and functions.
const LAYOUT: i32 = 1;

const TABLES: &str = include_str!("tables.sql");
const FUNCTIONS: &str = include_str!("functions.sql");

/// The questions that are asked, in the words of SQL.
#[derive(Debug)]
pub struct Sql {
    pub schema: String,
    pub put: String,
    pub look: String,
    pub give_back: String,
    pub peek: String,
    pub usage: String,
    pub tally: String,
    pub flush: String,
    pub leak: String,
    pub dispose: String,
    pub pause: String,
    pub resume: String,
    pub paused: String,
    pub set_rates: String,
    pub now: String,
    pub terms: String,
    pub find: String,
    pub make: String,
    pub remove: String,
}

impl Sql {
    pub fn new(schema: &str) -> Result<Self, PostgresError> {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        let is_fine = (1..=63).contains(&schema.len())
            && schema.bytes().all(is_plain)
            && !schema.as_bytes()[0].is_ascii_digit();
        if !is_fine {
            let schema = schema.into();
            return Err(PostgresError::Schema { schema });
        }
        let text = |template: &str| fill(template, schema);
        Ok(Self {
            schema: schema.into(),
            put: text("SELECT * FROM {schema}.put($1, $2, $3, $4, $5, $6)"),
            look: text(
                "SELECT verdict, ready, waits, held_limit, held_interval, paused, terms \
                 FROM {schema}.turn($1, $2, $3, 0)",
            ),
            give_back: text("SELECT {schema}.give_back($1, $2, $3, $4, $5, $6, $7)"),
            peek: text("SELECT {schema}.peek($1, $2, $3)"),
            usage: text("SELECT * FROM {schema}.usage($1, $2)"),
            tally: text("SELECT {schema}.tally($1, $2)"),
            flush: text("SELECT {schema}.flush($1, $2)"),
            leak: text("SELECT * FROM {schema}.leak($1, $2, $3)"),
            dispose: text("SELECT {schema}.dispose($1, $2, $3, $4)"),
            pause: text("SELECT {schema}.pause($1, $2, $3, $4, $5, $6)"),
            resume: text("SELECT {schema}.resume($1, $2, $3, $4)"),
            paused: text(
                "SELECT greatest(b.paused_until, n.paused_until) - {schema}.clock() \
                 FROM {schema}.buckets b \
                 LEFT JOIN {schema}.names n ON n.bucket = b.id AND n.key = $2 WHERE b.id = $1",
            ),
            set_rates: text("SELECT {schema}.set_rates($1, $2, $3, $4)"),
            now: text(
                "SELECT greatest({schema}.clock(), b.latest) FROM {schema}.buckets b WHERE b.id = $1",
            ),
            terms: text(
                "SELECT b.version, b.limits, b.intervals FROM {schema}.buckets b WHERE b.id = $1",
            ),
            find: text(
                "SELECT b.version, b.limits, b.intervals, b.id, b.queue, b.is_keyed \
                 FROM {schema}.buckets b WHERE b.name = $1",
            ),
            make: text(
                "INSERT INTO {schema}.buckets (name, limits, intervals, queue, is_keyed) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING",
            ),
            remove: text("SELECT {schema}.remove($1, $2)"),
        })
    }

    /// Makes the schema, the tables and the functions, if they are not there. Of all hosts that
    /// do so at once, one makes them.
    pub async fn install(&self, line: &mut Object) -> Result<(), Fault> {
        let failed = Fault::of_preparing;
        let layout = fill("{schema}.layout()", &self.schema);
        let question = "SELECT to_regprocedure($1) IS NOT NULL";
        let is_there = line.query_one(question, &[&layout]).await.map_err(failed)?;
        if !is_there.get::<_, bool>(0) {
            let schema = fill("{schema}", &self.schema);
            let lock = lock("schema", &[self.schema.as_bytes()]);
            let transaction = line.transaction().await.map_err(failed)?;
            let locked = "SELECT pg_advisory_xact_lock($1)";
            transaction.query(locked, &[&lock]).await.map_err(failed)?;
            let question =
                "SELECT to_regprocedure($1) IS NOT NULL, to_regnamespace($2) IS NOT NULL";
            let row = transaction
                .query_one(question, &[&layout, &schema])
                .await
                .map_err(failed)?;
            if !row.get::<_, bool>(1) {
                let make = fill("CREATE SCHEMA {schema}", &self.schema);
                transaction.batch_execute(&make).await.map_err(failed)?;
            }
            if !row.get::<_, bool>(0) {
                let tables = fill(TABLES, &self.schema);
                transaction.batch_execute(&tables).await.map_err(failed)?;
                let functions = fill(FUNCTIONS, &self.schema);
                transaction
                    .batch_execute(&functions)
                    .await
                    .map_err(failed)?;
            }
            transaction.commit().await.map_err(Fault::after_sending)?;
        }
        let row = line.query_one(&format!("SELECT {layout}"), &[]).await;
        let found = row.map_err(failed)?.get(0);
        if found != LAYOUT {
            return Err(PostgresError::Layout {
                schema: self.schema.clone(),
                found,
                ours: LAYOUT,
            }
            .into());
        }
        Ok(())
    }
}

fn fill(template: &str, schema: &str) -> String {
    template
        .replace("{schema}", &format!("\"{schema}\""))
        .replace("{layout}", &LAYOUT.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_a_plain_name() {
        assert!(Sql::new("tidegate_2").is_ok());
        let long = "x".repeat(64);
        for schema in ["", "2x", "a b", "a\"b", "a$$b", "ä", long.as_str()] {
            let error = Sql::new(schema).unwrap_err();
            assert!(
                error.to_string().contains(&format!("{schema:?}")),
                "{error}"
            );
        }
    }
}
