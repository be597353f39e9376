//! The LiteLLM SSO link's request. It comes three times on its way (`/sso/key/generate`, `/sso/login`,
//! `/connect/link`), each time as text from outside, and each time it is judged here.
use super::{RedirectRules, ReturnAddress, redirect};

/// `GET /sso/key/generate?response_type=oauth_token[&redirect_uri=][&state=]`, judged.
#[derive(Debug)]
pub struct Link {
    pub to: Option<ReturnAddress>,
    pub state: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum LinkError {
    UnsupportedResponseType,
    InvalidRequest(String),
    /// Well-formed, and not served here: a page names the setting.
    NotServed(&'static str),
}

/// As much as an app can want to find again; longer ones are refused, not cut (row A14).
const LONGEST_STATE: usize = 4096;

impl Link {
    /// From decoded pairs, in order. `asks` says whether `response_type` must stand there.
    pub fn parse(
        pairs: &[(String, String)],
        asks: bool,
        rules: &RedirectRules,
    ) -> Result<Self, LinkError> {
        if asks && one(pairs, "response_type")? != Some("oauth_token") {
            return Err(LinkError::UnsupportedResponseType);
        }
        let to = match one(pairs, "redirect_uri")? {
            None => None,
            Some(text) => Some(rules.judge(text)?),
        };
        let state = one(pairs, "state")?;
        if state.is_some() && to.as_ref().is_some_and(|to| to.names("state")) {
            let text = "redirect_uri must not have state in its query when state is given too";
            return Err(LinkError::InvalidRequest(text.into()));
        }
        if state.is_some_and(|state| state.len() > LONGEST_STATE) {
            return Err(LinkError::InvalidRequest("state is longer than 4096 bytes".into()));
        }
        Ok(Self { to, state: state.map(str::to_owned) })
    }

    /// The query that carries it on to the next of our own pages.
    #[must_use]
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(to) = &self.to {
            query.append_pair("redirect_uri", &to.to_string());
        }
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.finish()
    }
}

/// A parameter may stand there once (row A4).
fn one<'a>(pairs: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, LinkError> {
    let mut found = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(LinkError::InvalidRequest(format!("{name} may be given only once"))),
    }
}

impl From<redirect::Refusal> for LinkError {
    fn from(refusal: redirect::Refusal) -> Self {
        match refusal {
            redirect::Refusal::Invalid(why) => Self::InvalidRequest(why.to_string()),
            redirect::Refusal::Policy(setting) => Self::NotServed(setting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Link, LinkError> {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Link::parse(&pairs, true, &RedirectRules::default())
    }

    #[test]
    fn a4_no_parameter_may_stand_there_twice() {
        for name in ["response_type=oauth_token", "redirect_uri=http://localhost/", "state=x"] {
            let doubled = format!("response_type=oauth_token&{name}&{name}");
            assert!(matches!(parse(&doubled), Err(LinkError::InvalidRequest(_))), "{doubled}");
        }
        assert!(matches!(
            parse("response_type=oauth_token&redirect_uri="),
            Err(LinkError::InvalidRequest(_))
        ));
    }

    #[test]
    fn a14_a_state_travels_byte_for_byte() {
        let link = parse("response_type=oauth_token&state=%22%3E%3Cscript%3E%0d%0a%c3%a9").unwrap();
        assert_eq!(link.state.as_deref(), Some("\"><script>\r\n\u{e9}"));
        let again = form_urlencoded::parse(link.query().as_bytes()).into_owned().next().unwrap();
        assert_eq!(again.1, link.state.unwrap());
        assert!(parse(&format!("response_type=oauth_token&state={}", "x".repeat(4097))).is_err());
    }
}
