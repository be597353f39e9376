//! The dependency floor plan of ARCHITECTURE.md, held against the source.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Who may say `crate::…` of whom. A module may always use itself.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("world", &["model"]),
    ("config", &["model"]),
    ("store", &["model", "world"]),
    ("alerts", &["model", "world", "store", "config"]),
    ("idp", &["model", "world", "store", "config"]),
    ("web", &["model", "world", "store", "config"]),
    // `web` knows the client's address, which a limit on unknown keys needs: docs/why.md.
    ("guard", &["model", "world", "store", "config", "alerts", "web"]),
    ("signin", &["model", "world", "store", "config", "guard", "idp", "web"]),
    ("connect", &["model", "world", "store", "config", "guard", "web"]),
    ("oauth", &["model", "world", "store", "config", "guard", "web", "connect"]),
    ("manage", &["model", "world", "store", "config", "guard", "web"]),
    ("proxy", &["model", "world", "store", "config", "alerts", "guard", "web"]),
    ("console", &["model", "world", "store", "config", "guard", "web"]),
    (
        "app",
        &[
            "model", "world", "config", "store", "alerts", "guard", "idp", "web", "signin",
            "connect", "oauth", "manage", "proxy", "console",
        ],
    ),
    // `check --online` asks providers, and `user add` hashes a password: docs/why.md.
    ("cli", &["model", "world", "config", "store", "alerts", "idp", "web", "app"]),
];

/// `model` decides; it never touches the world.
const IMPURE: &[&str] = &[
    "tokio",
    "rusqlite",
    "tokio_postgres",
    "axum",
    "hyper",
    "reqwest",
    "rand",
    "std::time::SystemTime",
    "std::fs",
    "std::env",
    "std::net",
];

#[test]
fn every_import_goes_down() {
    let mut broken = Vec::new();
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let Some(here) = floor_of(&file) else { continue };
        let (_, allowed) = FLOORS
            .iter()
            .find(|(name, _)| *name == here)
            .unwrap_or_else(|| panic!("{here} is not on the floor plan"));
        for there in imports(&text) {
            if there != here
                && FLOORS.iter().any(|(f, _)| *f == there)
                && !allowed.contains(&there.as_str())
            {
                broken.push(format!("{}: {here} -> {there}", file.display()));
            }
        }
        if here == "model" {
            for name in IMPURE {
                if text.contains(&format!("{name}::")) {
                    broken.push(format!("{}: model uses {name}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "imports against the floor plan:\n{}", broken.join("\n"));
}

#[test]
fn the_floor_plan_has_no_cycle() {
    for (i, (floor, allowed)) in FLOORS.iter().enumerate() {
        for below in *allowed {
            let j = FLOORS.iter().position(|(name, _)| name == below).expect("a floor that exists");
            assert!(j < i, "{floor} stands on {below}, which is above it");
        }
    }
}

/// `src/oauth/token.rs` and `src/oauth.rs` are both on floor `oauth`; `main.rs` and `lib.rs` are on none.
fn floor_of(file: &Path) -> Option<String> {
    let name = file.strip_prefix("src").ok()?.components().next()?.as_os_str().to_str()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (!matches!(name, "main" | "lib")).then(|| name.to_owned())
}

/// Every `crate::name` and every first name of a `crate::{…}` group, however deep the group nests.
fn imports(text: &str) -> BTreeSet<String> {
    text.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => heads_of(group),
            None => vec![first_word(rest)],
        })
        .collect()
}

/// `store::{Key, Store}, proxy::Caller}` → `store`, `proxy`.
fn heads_of(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                heads.push(first_word(&group[start..]));
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

#[test]
fn no_path_climbs_out_of_its_floor() {
    let climbing = rust_files(Path::new("src"))
        .into_iter()
        .filter(|f| fs::read_to_string(f).unwrap().contains("super::super"));
    assert_eq!(climbing.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "write crate::x instead");
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let files = ["src", "tests/it"].map(|folder| rust_files(Path::new(folder))).concat();
    assert!(files.len() > 100, "the folders are there");
    let long: Vec<_> = files
        .into_iter()
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "split by noun: {long:?}");
}

#[test]
fn a_nested_import_cannot_hide() {
    let seen = imports("use crate::{store::{Key, Store}, proxy::Caller};\nuse crate::model::key;");
    assert_eq!(seen, ["model", "proxy", "store"].map(String::from).into());
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rust_files(&path)
            } else if path.extension().is_some_and(|e| e == "rs") {
                vec![path]
            } else {
                vec![]
            }
        })
        .collect()
}
