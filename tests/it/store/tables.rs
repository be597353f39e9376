//! The two folders of migrations describe the same tables.
use std::collections::BTreeMap;

/// Table, column, and the kind it has on both databases.
fn columns(folder: &str) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut files: Vec<_> = std::fs::read_dir(format!("migrations/{folder}"))
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    let mut table = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                let name = rest.trim_start_matches("IF NOT EXISTS ").split(' ').next().unwrap();
                table = String::from(name);
                tables.entry(table.clone()).or_default();
            } else if let Some(rest) = line.strip_prefix("ALTER TABLE ") {
                let (name, column) = rest.split_once(" ADD COLUMN ").unwrap();
                let column = column.trim_end_matches(';').replace("INTEGER", "BIGINT");
                tables.get_mut(name).unwrap().push(column);
            } else if line.starts_with("    ") {
                let column = line.trim().trim_end_matches(',');
                let same = [
                    ("INTEGER", "BIGINT"),
                    ("BLOB", "BYTEA"),
                    ("BOOLEAN", "BIGINT"),
                    // Prefixes are compared byte by byte on both.
                    (" COLLATE \"C\"", ""),
                ];
                let column =
                    same.iter().fold(column.to_owned(), |text, (from, to)| text.replace(from, to));
                tables.get_mut(&table).unwrap().push(column);
            } else if line.starts_with("CREATE INDEX") || line.starts_with("INSERT") {
                tables.entry("also".into()).or_default().push(line.to_owned());
            }
        }
    }
    tables
}

#[test]
fn both_databases_have_the_same_tables() {
    let (sqlite, postgres) = (columns("sqlite"), columns("postgres"));
    assert!(sqlite.len() > 12, "{sqlite:?}");
    assert_eq!(sqlite, postgres);
    for file in ["0001_start", "0002_people"] {
        let text = std::fs::read_to_string(format!("migrations/sqlite/{file}.sql")).unwrap();
        let tables = text.matches("CREATE TABLE").count();
        assert_eq!(tables, text.matches("STRICT, WITHOUT ROWID").count());
        for kind in ["FLOAT", "REAL", "TIMESTAMP", "NUMERIC", "SERIAL"] {
            assert!(!text.contains(kind), "{kind}");
        }
    }
}
