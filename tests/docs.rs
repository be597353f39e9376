//! What the documents say of the tests is true.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{fs, path::Path};

fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with(".venv") {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    text
}

#[test]
fn every_test_that_the_security_model_names_is_there() {
    let model = fs::read_to_string("docs/security-model.md").unwrap();
    let source = sources(Path::new("tests")) + &sources(Path::new("src"));
    let names = model.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 2);
    let names: Vec<_> = names.collect();
    assert!(names.len() > 60, "{}", names.len());
    let missing: Vec<_> =
        names.iter().filter(|name| !source.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!model.contains("| ? |"), "a row without a test or a reason");
}

#[test]
fn the_readme_shows_the_consent_page() {
    let size = fs::metadata("docs/consent.png").unwrap().len();
    assert!(fs::read_to_string("README.md").unwrap().contains("docs/consent.png"));
    assert!((10_000..=200_000).contains(&size), "{size} bytes");
}
