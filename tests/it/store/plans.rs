//! No statement of the store walks through a table that grows: each is led by an index.
use crate::support::Gate;
use rusqlite::Connection;

/// The statements of a file, each macro's opened as the macro does it.
fn statements(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("src/store/{file}.rs")).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('"') {
        let before = rest[..at].trim_end().to_owned();
        let literal: String = rest[at + 1..].split('"').next().unwrap().to_owned();
        rest = &rest[at + 2 + literal.len()..];
        let statement = if before.ends_with("select_listed!(") {
            format!("SELECT users.id FROM users {literal}")
        } else if before.ends_with("select_keys!(") && literal.len() > 8 {
            format!("SELECT keys.id FROM keys JOIN users ON users.id = keys.user_id {literal}")
        } else if before.ends_with("list_keys!(") {
            format!("SELECT COUNT(*) FROM keys WHERE {literal} ORDER BY created_at, id")
        } else if before.ends_with("delete_keys!(") {
            format!("DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE {literal} LIMIT 500)")
        } else if before.ends_with("by_day!(") {
            let whole = "WHERE day >= $1 AND day <= $2";
            format!("SELECT day FROM usage {whole} {literal} GROUP BY day, model")
        } else if before.ends_with(" by!(") {
            format!("SELECT {literal} FROM usage WHERE day >= $1 AND day <= $2 GROUP BY {literal}")
        } else if before.ends_with("by_label!(") {
            let whole = "WHERE kind = $1 AND day >= $2 AND day <= $3";
            format!("SELECT SUM(cost) FROM label_usage {whole} {literal} GROUP BY day, label")
        } else if before.ends_with("by_whom!(") {
            let whole =
                "WHERE day >= $1 AND day <= $2 AND (CAST($3 AS TEXT) IS NULL OR key_id = $3)";
            format!("SELECT {literal} FROM usage {whole} GROUP BY {literal}")
        } else if before.ends_with("page!(") {
            format!("SELECT id FROM calls WHERE id >= $1 AND id < $2 {literal} ORDER BY id DESC")
        } else if before.ends_with("since!(") {
            let days = format!("SELECT SUM(cost) FROM usage WHERE day >= $1 AND {literal}");
            found.push(days);
            format!("SELECT SUM(cost) FROM calls WHERE id >= $1 AND id < $5 AND {literal}")
        } else if before.ends_with("lines!(") {
            format!("SELECT id FROM audit WHERE {literal} AND at >= $5 ORDER BY at DESC, id DESC")
        } else {
            literal
        };
        let begins = ["SELECT ", "UPDATE ", "DELETE ", "INSERT ", "WITH "];
        let whole = begins.iter().any(|word| statement.starts_with(word));
        if whole && !statement.trim_end().ends_with("FROM") && statement.contains(' ') {
            found.push(statement.replace("\\u{10ffff}", ""));
        }
    }
    found
}

/// Walked from one end, a page at a time, in the order of an index; or small by nature.
fn may_walk(plan: &str) -> bool {
    plan.contains("USING INDEX")
        || plan.contains("USING COVERING INDEX")
        || plan.contains("SCAN issuers")
        // What a statement has found itself.
        || plan.starts_with("SCAN made")
        || plan.contains("SCAN change_counter")
        || plan.contains("SCAN CONSTANT ROW")
}

const FILES: &[&str] = &[
    "accounts",
    "activity",
    "alerts",
    "answers",
    "app_rules",
    "apps",
    "audit",
    "books",
    "budgets",
    "calls",
    "changes",
    "codes",
    "grants",
    "keys",
    "keys_change",
    "keys_end",
    "keys_list",
    "labels",
    "leaving",
    "member_limits",
    "members",
    "polls",
    "requests",
    "rerate",
    "retired_ids",
    "sessions",
    "sign_in",
    "signins",
    "slices",
    "spent",
    "sweep",
    "teams",
    "usage",
    "users",
    "users_change",
];

#[tokio::test]
async fn nothing_scans_a_table_that_grows() {
    let gate = Gate::new("store_plans").await;
    let Some(file) = gate.sqlite() else { return };
    let database = Connection::open(file).unwrap();
    let (mut judged, mut walks) = (0, Vec::new());
    for file in FILES {
        for statement in statements(file) {
            let Ok(mut explained) = database.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            else {
                // A part of a longer one.
                continue;
            };
            judged += 1;
            let mut rows = explained.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let plan: String = row.get(3).unwrap();
                // Walks everybody, in order: for the list of everybody and nothing else.
                if plan.contains("users_by_age") && statement.contains(" IN (") {
                    walks.push(format!("{file}: {plan}: {statement}"));
                }
                let first = statement.ends_with("LIMIT 1") && !statement.contains("WHERE");
                if plan.starts_with("SCAN ") && !may_walk(&plan) && !first {
                    walks.push(format!("{file}: {plan}: {statement}"));
                }
            }
        }
    }
    assert!(walks.is_empty(), "{}", walks.join("\n"));
    assert!(judged > 90, "only {judged} statements were found");
}
