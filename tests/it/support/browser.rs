//! A browser as far as it matters: cookies, forms, and where it is sent.
use super::LINK;
use reqwest::{Client, RequestBuilder, header::HeaderMap, redirect::Policy};
use std::sync::Mutex;

pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) base: String,
    /// Where it was sent outside of Gatekey, last.
    pub(crate) left_for: Mutex<Option<String>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A consent form that waits for an answer.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) handle: String,
    pub(crate) user: String,
    pub(crate) page: String,
}

impl Browser {
    pub(crate) fn new(base: &str) -> Self {
        let client = Client::builder().cookie_store(true).redirect(Policy::none()).build().unwrap();
        Self { client, base: base.to_owned(), left_for: Mutex::new(None) }
    }

    /// The same browser, after the server has moved to another port.
    pub(crate) fn moved(&self, base: &str) -> Self {
        Self { client: self.client.clone(), base: base.to_owned(), left_for: Mutex::new(None) }
    }

    fn at(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) }
    }

    pub(crate) async fn get(&self, path: &str) -> Seen {
        Seen::of(self.client.get(self.at(path))).await
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        Seen::of(self.client.post(self.at(path)).form(fields)).await
    }

    /// Goes there and follows every redirect over loopback, as a browser does, until something is shown.
    pub(crate) async fn walk(&self, path: &str) -> Seen {
        let mut seen = self.get(path).await;
        for _ in 0..20 {
            let Some(location) = seen.location.clone() else { return seen };
            if !location.starts_with('/') {
                *self.left_for.lock().unwrap() = Some(location.clone());
            }
            seen = self.get(&location).await;
        }
        panic!("an endless loop at {path}: {seen:?}");
    }

    /// A key as JSON, by the link.
    pub(crate) async fn json_key(&self) -> String {
        let seen = self.walk(LINK).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        seen.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// From the app's link to the form that waits for an answer.
    pub(crate) async fn open(&self, redirect_uri: &str, more: &str) -> Form {
        let to: String = form_urlencoded::byte_serialize(redirect_uri.as_bytes()).collect();
        let seen = self.walk(&format!("{LINK}&redirect_uri={to}{more}")).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        Form::read(&seen)
    }

    pub(crate) async fn press(&self, button: &str, form: &Form) -> Seen {
        Seen::of(self.form(button, form)).await
    }

    /// The request that pressing a button sends.
    pub(crate) fn form(&self, button: &str, form: &Form) -> RequestBuilder {
        let fields = [("request", &*form.handle), ("user", &*form.user), ("answer", button)];
        self.client.post(self.at(&form.action)).form(&fields)
    }

    pub(crate) async fn login(&self, username: &str, password: &str, return_to: &str) -> Seen {
        let fields = [("username", username), ("password", password), ("return_to", return_to)];
        self.post("/login", &fields).await
    }
}

impl Form {
    pub(crate) fn read(seen: &Seen) -> Self {
        let between = |from: &str| {
            let (_, rest) = seen.body.split_once(from).unwrap_or_else(|| panic!("{seen:?}"));
            rest.split_once('"').unwrap().0.to_owned()
        };
        Self {
            action: between("id=\"answer\" action=\""),
            handle: if seen.body.contains("name=\"browser_complete_token\"") {
                between("name=\"browser_complete_token\" value=\"")
            } else {
                between("name=\"request\" value=\"")
            },
            user: between("name=\"user\" value=\""),
            page: seen.body.clone(),
        }
    }
}

impl Seen {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        let location = headers.get("location").map(|v| v.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        Self { status, location, headers, body: response.text().await.unwrap() }
    }

    /// Where the browser is sent: by redirect, or by a page that navigates.
    pub(crate) fn sent_to(&self) -> Option<String> {
        self.location.clone().or_else(|| {
            let (_, link) = self.body.split_once("content=\"0; url=")?;
            Some(link.split_once('"')?.0.replace("&#38;", "&").replace("&amp;", "&"))
        })
    }

    /// A parameter of that address.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        let url = self.sent_to()?;
        let (_, query) = url.trim_end_matches('#').split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn is_page(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
    }
}
