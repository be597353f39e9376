//! Rows as CSV (RFC 4180), safe to be opened by a spreadsheet.
use serde_json::Value;
use std::collections::HashMap;

/// With a head of all names there are, in the order they come.
#[must_use]
pub fn csv(rows: &[Vec<(String, Value)>]) -> String {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        places.entry(name).or_insert_with(|| {
            names.push(name);
            names.len() - 1
        });
    }
    let mut writer =
        ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    // A Vec takes everything, and every record has the same length.
    let _ = writer.write_record(names.iter().map(|name| cell(&Value::from(*name))));
    for row in rows {
        let mut cells = vec![String::new(); names.len()];
        for (name, value) in row {
            cells[places[name.as_str()]] = cell(value);
        }
        let _ = writer.write_record(cells);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(|value| !value.is_object()) => {
            let texts = values.iter().map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    // What a spreadsheet would take for a formula is kept from being one (OWASP, "CSV Injection").
    let formula = !value.is_number() && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_become_lines_and_no_cell_becomes_a_formula() {
        let row = |value: Value| {
            value.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        let rows: Vec<Vec<(String, Value)>> = vec![
            row(json!({"a": "x", "b": -1.5, "c": null})),
            row(json!({"b": "=1+1", "d": ["p", 2], "a": "say \"hi\", you\n"})),
            row(json!({"a": "-2", "b": [{"x": 1}]})),
        ];
        let expected = "a,b,c,d\r\nx,-1.5,,\r\n\"say \"\"hi\"\", you\n\",'=1+1,,p 2\r\n\
            '-2,\"[{\"\"x\"\":1}]\",,\r\n";
        assert_eq!(csv(&rows), expected);
        assert_eq!(csv(&[]), "\"\"\r\n");
    }
}
