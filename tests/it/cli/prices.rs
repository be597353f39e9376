use super::Cli;
use serde_json::{Value, json};

const MODELS: &str = r#"
[[upstream]]
name = "openai"
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
[[model]]
name = "fast"
upstream = "openai"
upstream_model = "gpt-4o-mini"
max_output_tokens = 1000
[[model]]
name = "ours"
upstream = "openai"
upstream_model = "gpt-4o"
[model.price]
input = "0"
output = "1.25"
[[model]]
name = "home-made"
upstream = "openai"
"#;

#[tokio::test]
async fn a_price_is_told_with_who_says_so() {
    let cli = Cli::new("cli_prices").await;
    let file = cli.folder.path().join("gatekey.toml");
    let settings = std::fs::read_to_string(&file).unwrap() + MODELS;
    std::fs::write(&file, settings).unwrap();
    let show = |model: &str| -> Value {
        serde_json::from_str(&cli.run(&["prices", "show", model, "--json"]).good()).unwrap()
    };
    let fast = show("fast");
    assert_eq!((&fast["model"], &fast["price_from"]), (&json!("fast"), &json!("table")));
    assert_eq!(
        (&fast["price"]["input"], &fast["price"]["output"]),
        (&json!("0.15"), &json!("0.6"))
    );
    assert_eq!(
        (&fast["max_output_tokens"], &fast["context_length"]),
        (&json!(1000), &json!(128_000)),
        "what the settings say wins, the rest is the table's"
    );
    assert!(fast["price_version"].is_string() && fast["price_date"].is_string(), "{fast}");
    let ours = show("ours");
    assert_eq!(ours["price_from"], "settings");
    assert_eq!(ours["price"], json!({"input": "0", "output": "1.25"}), "whole, not mixed");
    let unknown = show("home-made");
    assert_eq!((&unknown["price_from"], &unknown["price"]), (&Value::Null, &json!({})));
    assert_eq!(show("gpt-4o")["price"]["input"], "2.5", "of the table, by its own name");

    let text = cli.run(&["prices", "show", "fast"]).good();
    assert!(text.contains("price from         table ") && text.contains("cache_read"), "{text}");
    let list = cli.run(&["prices", "list"]).good();
    assert!(list.contains("the settings") && list.contains("unknown"), "{list}");
    let list: Value = serde_json::from_str(&cli.run(&["prices", "list", "--json"]).good()).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 4);
    let none = cli.run(&["prices", "show", "gpt-4o-nothing"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("gpt-4o-mini"), "{none:?}");
}
