//! Forms with files: the model in its part, the file as a stream.
use super::{file, gate, last, send, wav};
use crate::support::{Gate, Seen, soon};
use bytes::Bytes;
use futures_util::stream;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use std::time::Duration;

async fn raw(gate: &Gate, key: &str, content_type: &str, body: Vec<u8>) -> Seen {
    let url = format!("{}/v1/audio/transcriptions", gate.url);
    let request = gate.client.post(url).bearer_auth(key).header("content-type", content_type);
    Seen::of(request.body(body)).await
}

fn message(seen: &Seen) -> String {
    seen.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

const WHOLE: &str = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\near\r\n\
    --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nsound\r\n--b--\r\n";
const KIND: &str = "multipart/form-data; boundary=b";

#[tokio::test]
async fn a_form_arrives_whole_wherever_its_model_stands() {
    let (gate, key) = gate("forms_whole").await;
    let model = |form: Form| form.text("model", "ear");
    let rest = |form: Form| form.part("file", file(wav())).text("language", "en");
    for (path, form) in [
        ("/v1/audio/transcriptions", rest(model(Form::new()))),
        ("/audio/transcriptions", model(rest(Form::new()))),
        ("/v1/audio/translations", rest(model(Form::new()))),
    ] {
        let seen = send(&gate, &key, path, form).await;
        assert_eq!((seen.status, seen.json()["text"].as_str()), (200, Some("Hi there")));
        let (_, headers, form) = gate.upstream.last();
        let expected = json!({"model": "ear", "file": {"bytes": wav().len()}, "language": "en"});
        assert_eq!(form, expected);
        assert!(headers["content-type"].to_str().unwrap().starts_with("multipart/form-data"));
        assert_eq!(headers["authorization"], "Bearer sk-provider-key-of-openai");
        let row = last(&gate).await;
        assert_eq!((&row["audio_milliseconds"], &row["cost"]), (&json!(3000), &json!("0.0003")));
        assert_eq!(row["estimated"], false, "the upstream has said seconds");
    }
    let form = |more: &[(&str, &str)]| {
        let form = Form::new().text("model", "ear").part("file", file(wav()));
        more.iter()
            .fold(form, |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()))
    };
    for (more, milliseconds, estimated) in [
        (&[("response_format", "text")][..], 1500, true),
        (&[("response_format", "verbose_json")], 2500, false),
        (&[("prompt", "no usage")], 1500, true),
        (&[("stream", "true")], 3000, false),
    ] {
        assert_eq!(send(&gate, &key, "/v1/audio/transcriptions", form(more)).await.status, 200);
        let row = last(&gate).await;
        let seen = (&row["audio_milliseconds"], &row["estimated"]);
        assert_eq!(seen, (&json!(milliseconds), &json!(estimated)), "{more:?}");
    }
    let pictures =
        Form::new().part("image", file(vec![1; 9])).text("n", "2").text("model", "pictures");
    let seen = send(&gate, &key, "/v1/images/edits", pictures.text("prompt", "no tokens")).await;
    assert_eq!((seen.status, &last(&gate).await["cost"]), (200, &json!("0.08")));
}

#[tokio::test]
async fn a_large_file_passes_before_it_is_here_as_a_whole() {
    let (gate, key) = gate("forms_stream").await;
    let pieces = stream::unfold(0_u32, |count| async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let piece: std::io::Result<Bytes> = Ok(Bytes::from(vec![0; 50_000]));
        (count < 40).then_some((piece, count + 1))
    });
    let part = Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("a.mp3");
    let form = Form::new().text("model", "ear").part("file", part);
    let seen = send(&gate, &key, "/v1/audio/transcriptions", form).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(gate.upstream.last().2["file"]["bytes"], 2_000_000);
}

#[tokio::test]
async fn a_form_that_is_none_is_refused_and_books_nothing() {
    let (gate, key) = gate("forms_bad").await;
    let send = |form: Form| send(&gate, &key, "/v1/audio/transcriptions", form);
    let file = || file(wav());
    let none = send(Form::new().part("file", file())).await;
    assert_eq!(none.status, 400);
    assert!(message(&none).starts_with("model is missing"), "{none:?}");
    for two in [
        Form::new().text("model", "ear").text("model", "ear").part("file", file()),
        Form::new().text("model", "ear").part("file", file()).text("model", "judge"),
    ] {
        let seen = send(two).await;
        assert_eq!((seen.status, message(&seen).contains("twice")), (400, true), "{seen:?}");
    }
    let (whole, kind) = (WHOLE, KIND);
    let part = |n| format!("--b\r\nContent-Disposition: form-data; name=\"p{n}\"\r\n\r\nx\r\n");
    let parts: String = (0..10_000).map(part).collect();
    for many in [parts.clone() + whole, whole.replace("--b--", &format!("{parts}--b--"))] {
        let seen = raw(&gate, &key, kind, many.into()).await;
        assert_eq!((seen.status, message(&seen).contains("200 parts")), (400, true), "{seen:?}");
    }
    assert_eq!(raw(&gate, &key, kind, whole.into()).await.status, 200);
    for cut in [whole.len() - 4, whole.len() - 8, 100, 40, 5, 0] {
        let seen = raw(&gate, &key, kind, whole[..cut].into()).await;
        assert_eq!(seen.status, 400, "cut at {cut}: {seen:?}");
    }
    for odd in
        ["multipart/form-data", "application/json", "text/plain", "multipart/form-data; boundary="]
    {
        assert_eq!(raw(&gate, &key, odd, whole.into()).await.status, 400, "{odd}");
    }
    let long = whole.replace("ear", &"e".repeat(100_000));
    assert_eq!(raw(&gate, &key, kind, long.into()).await.status, 400);
    let unknown = whole.replace("ear", "nothing");
    assert_eq!(raw(&gate, &key, kind, unknown.into()).await.status, 404);
    let info = gate.get("/key/info", &key).await.json()["info"].clone();
    assert_eq!(info["usage"]["calls"], 1, "only the whole one");
    soon("nothing is reserved", async || {
        let info = gate.get("/key/info", &key).await.json()["info"].clone();
        info["limits"][0]["reserved"] == 0.0 && info["limits"][0]["running"] == 0
    })
    .await;
}

#[tokio::test]
async fn a_form_is_bounded_wherever_it_is_large() {
    let gate =
        Gate::with("forms_large", &format!("server.max_body = \"64KiB\"\n{}", super::UNITS)).await;
    let key = gate.generate(json!({})).await["key"].as_str().unwrap().to_owned();
    let large = || Part::bytes(vec![0; 100_000]).file_name("a");
    for form in [
        Form::new().text("model", "ear").part("file", large()),
        Form::new().part("file", large()).text("model", "ear"),
    ] {
        let seen = send(&gate, &key, "/v1/audio/transcriptions", form).await;
        assert_eq!(seen.status, 413, "{seen:?}");
    }
    // The same without a length that is announced.
    for model_first in [true, false] {
        let pieces =
            stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![0; 1_000]))));
        let part = Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("a");
        let form = Form::new();
        let form = if model_first { form.text("model", "ear") } else { form };
        let form = form.part("file", part);
        let form = if model_first { form } else { form.text("model", "ear") };
        let seen = send(&gate, &key, "/v1/audio/transcriptions", form).await;
        assert_eq!(seen.status, 413, "{seen:?}");
    }
    let rows = gate.get("/spend/logs", crate::support::MASTER_KEY).await.json();
    assert_eq!(rows["data"], Value::Array(vec![]));
}

#[tokio::test]
async fn who_hangs_up_in_the_middle_of_a_form_is_billed_nothing() {
    let (gate, key) = gate("forms_hang_up").await;
    let pieces = stream::unfold(0_u32, |count| async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from(vec![0; 1_000])), count + 1))
    });
    let part = Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("a");
    let form = Form::new().text("model", "ear").part("file", part);
    let url = format!("{}/v1/audio/transcriptions", gate.url);
    let request = gate.client.post(url).bearer_auth(&key).multipart(form).send();
    assert!(tokio::time::timeout(Duration::from_millis(300), request).await.is_err());
    soon("all is given back", async || {
        let info = gate.get("/key/info", &key).await.json()["info"].clone();
        info["limits"][0]["running"] == 0
    })
    .await;
    let info = gate.get("/key/info", &key).await.json()["info"].clone();
    assert_eq!((&info["usage"]["calls"], &info["limits"][0]["reserved"]), (&json!(0), &json!(0.0)));
}

#[tokio::test]
async fn a_part_is_read_in_one_way_by_us_and_by_the_upstream() {
    let (gate, key) = gate("forms_heads").await;
    let (whole, kind) = (WHOLE, KIND);
    // Heads that programs read differently: each would be another model, or a file that is not counted.
    let head = "form-data; name=\"language\"";
    for (odd, status) in [
        ("form-data; name=\"x\"; name=\"model\"", 400),
        ("form-data; Name=\"model\"", 400),
        ("form-data; x=\"; name=note\"; name=\"model\"", 400),
        ("form-data; name=\"model\"; filename=\"a\"", 400),
        ("attachment; name=\"a\"", 400),
        ("form-data; name=\"n\"; x=\"; filename=q\"", 200),
    ] {
        let part = format!("--b\r\nContent-Disposition: {head}\r\n\r\nother\r\n--b--");
        let body = whole.replace("--b--", &part.replace(head, odd));
        let seen = raw(&gate, &key, kind, body.into()).await;
        assert_eq!(seen.status, status, "{odd}: {seen:?}");
        if status == 200 {
            assert_eq!(gate.upstream.last().2["n"], "other");
        }
    }
    let extended = whole.replace("filename=\"a\"", "filename*=UTF-8''n%C3%A4h.wav");
    assert_eq!(raw(&gate, &key, kind, extended.into()).await.status, 200);
    assert_eq!(gate.upstream.last().2["file"]["bytes"], 5);
    for endless in [vec![b'x'; 3 << 20], format!("--b\r\nX: {}", "y".repeat(3 << 20)).into()] {
        assert_eq!(raw(&gate, &key, kind, endless).await.status, 400);
    }
}
